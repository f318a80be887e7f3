"""`python -m webhook_receiver`: webhooks and REST API on one port."""

from __future__ import annotations

import binascii
import logging
import sys

from standardwebhooks import Webhook

import log
import settings as configuration
from webhook_receiver.server import serve

logger = logging.getLogger("webhook_receiver")


def main() -> int:
    try:
        settings = configuration.load()
        log.configure(settings.log_level, settings.log_format, settings.secrets)
        _check_secrets(settings)
        logger.info("listening on %s", settings.receiver_url)
        serve(settings)
    except configuration.ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check_secrets(settings: configuration.Settings) -> None:
    for secret in settings.webhook_secrets:
        try:
            Webhook(secret)
        except (ValueError, binascii.Error, RuntimeError) as error:
            raise configuration.ConfigurationError(
                "WEBHOOK_SECRET: not a Standard Webhooks secret (whsec_ and base64); make a new one"
            ) from error
    if settings.webhook_allow_unsigned:
        logger.warning("webhooks without a signature are accepted (WEBHOOK_ALLOW_UNSIGNED)")
    elif not settings.webhook_secrets:
        logger.error("every webhook will be refused with 401: set WEBHOOK_SECRET")


if __name__ == "__main__":
    sys.exit(main())
