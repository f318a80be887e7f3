"""`python -m dashboard` serves the dashboard."""

from __future__ import annotations

import os
import sys

import log
from dashboard import resources
from dashboard.app import create_app
from dashboard.configuration import options
from db.migrate import is_current
from settings import ConfigurationError


def main() -> None:
    settings = resources.settings()
    log.configure(settings.log_level, settings.log_format, settings.secrets)
    if not is_current(resources.engine()):
        raise ConfigurationError("The store has not this version's schema; run: python manage.py migrate")
    # uvicorn believes the forwarded address and scheme of any local client unless told whom to believe.
    os.environ["FORWARDED_ALLOW_IPS"] = settings.forwarded_allow_ips
    secret = resources.cookie_secret()
    # Streamlit takes its own secret from nowhere else.
    os.environ["STREAMLIT_SERVER_COOKIE_SECRET"] = secret
    app = create_app(settings, engine=resources.engine(), cookie_secret=secret)
    print(f"MengedMate is at {settings.dashboard_url}", flush=True)
    app.run(config=options(settings))


if __name__ == "__main__":
    try:
        main()
    except ConfigurationError as error:
        sys.exit(str(error))
