"""The `.env` file: written once, with fresh secrets, and never overwritten."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from settings import ENV_FILE, ROOT

EXAMPLE = ROOT / ".env.example"

_FRESH: dict[str, Callable[[], str]] = {
    "WEBHOOK_SECRET": lambda: "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode(),
    "OCPP_API_KEY": lambda: secrets.token_urlsafe(32),
    "CHAPA_WEBHOOK_SECRET": lambda: secrets.token_urlsafe(32),
    "COOKIE_SECRET": lambda: secrets.token_urlsafe(32),
    "DEMO_PASSWORD": lambda: secrets.token_urlsafe(9),
}

# Given to the first command, as in `DASHBOARD_PORT=9501 make demo`, they hold for those that follow.
_PORTS = ("DASHBOARD_PORT", "RECEIVER_PORT", "OCPP_BACKEND_PORT")

# A fresh installation can be tried out to the end, without money.
_TRIAL = {"PAYMENT_PROVIDER": "sandbox"}


def fresh_secrets() -> dict[str, str]:
    """A new random value for each secret, by the name of its setting."""
    return {name: make() for name, make in _FRESH.items()}


def write_env(path: Path = ENV_FILE) -> bool:
    """Write `path` from the example with fresh secrets, and with the ports that the environment gives.

    False, and nothing done, where it exists.
    """
    ports = {name: os.environ[name] for name in _PORTS if os.environ.get(name)}
    values = fresh_secrets() | _TRIAL | ports
    lines = [_filled(line, values) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    try:
        # Readable by its owner only, from the first byte on.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return True


def _filled(line: str, values: Mapping[str, str]) -> str:
    name, equals, _ = line.partition("=")
    return f"{name}={values[name]}" if equals and name in values else line
