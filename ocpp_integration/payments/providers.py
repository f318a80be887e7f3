"""The provider that the settings name."""

from __future__ import annotations

from sqlalchemy import Engine

from ocpp_integration.payments.chapa import Chapa
from ocpp_integration.payments.provider import Provider
from ocpp_integration.payments.sandbox import Sandbox
from settings import Settings


def provider_of(settings: Settings, engine: Engine) -> Provider | None:
    """None where no payments are taken."""
    if settings.payment_provider == "sandbox":
        return Sandbox(engine, settings.phone_url)
    if settings.payment_provider == "chapa" and settings.chapa_secret_key:
        return Chapa(settings.chapa_url, settings.chapa_secret_key.get_secret_value())
    return None
