"""What a driver sees at a code: of the connector, of its own payment, and of nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.models import ChargingSession, ChargingStation, OCPPConnector, Payment
from languages import ENGLISH, LANGUAGES, speaking, told
from ocpp_integration.billing import receipts
from ocpp_integration.payments.attempts import LEAST, MOST, tariff_at, why_not
from ocpp_integration.plugs import plug_name
from ocpp_integration.pricing.words import amount, in_words
from ocpp_integration.tariffs import document_of
from webhook_receiver import objects, serializers

_T = TypeVar("_T")
RECEIPT = "/api/payments/qr-sessions/{session_token}/receipt.pdf"


def connector_info(store: Session, connector: OCPPConnector, now: datetime) -> objects.ConnectorInfo:
    place, described = connector.station.charging_station, connector.charging_connector
    tariff = tariff_at(store, connector, now)
    reason = why_not(store, connector) if tariff else "It has no price, so nothing can be sold here."
    prices = _in_each_language(lambda: in_words(document_of(tariff)) if tariff else [])
    return {
        "station_name": place.name,
        # Many an address ends with its city.
        "station_address": _whole_address(place),
        "connector_number": connector.connector_id,
        "connector_type": described.connector_type if described else None,
        "connector_type_told": _in_each_language(
            lambda: plug_name(described.connector_type) if described else None
        ),
        "power_kw": serializers.kilo(described.power_w, 2) if described else None,
        "currency": place.currency,
        "price_per_kwh": amount(tariff.price_per_kwh) if tariff and tariff.document is None else None,
        "price_in_words": prices[ENGLISH],
        "price_told": prices,
        "status": connector.status,
        "is_available": reason is None,
        "reason": reason,
        "reason_told": _reason_told(reason),
        "least_amount": _money(LEAST),
        "most_amount": _money(MOST),
    }


def _whole_address(place: ChargingStation) -> str:
    """With its city, which many addresses name already."""
    if re.search(rf"\b{re.escape(place.city)}\b", place.address):
        return place.address
    return ", ".join(part for part in (place.address, place.city) if part)


def qr_session(
    payment: Payment, session: ChargingSession | None, now: datetime, notice: str | None = None
) -> objects.QrSession:
    connector = payment.connector
    is_open = payment.state == "pending" and now < payment.expires_at
    end = (session.stop_time or now) if session else now
    reason = payment.error or notice
    return {
        "session_token": payment.reference,
        "status": payment.state,
        "station_name": connector.station.charging_station.name,
        "connector_number": connector.connector_id,
        "timezone": connector.station.charging_station.timezone,
        "currency": payment.currency,
        "amount": _money(payment.amount),
        "kwh_requested": serializers.kilo(payment.wanted_wh, 3),
        "expires_at": serializers.time(payment.expires_at),
        "checkout_url": payment.checkout_url if is_open else None,
        "paid": _money(payment.paid),
        "billed": _money(payment.billed),
        "refunded": _money(payment.refunded),
        "held": _money(payment.held),
        "refund_status": payment.refund_state,
        "charging_status": session.status if session else None,
        "energy_kwh": serializers.kilo(session.energy_wh, 3) if session else None,
        "power_kw": serializers.kilo(session.power_w, 2) if session else None,
        "cost": _money(session.cost) if session and session.cost is not None else None,
        "start_time": serializers.time(session.start_time) if session else None,
        "stop_time": serializers.time(session.stop_time) if session and session.stop_time else None,
        "duration_seconds": max(0, int((end - session.start_time).total_seconds())) if session else None,
        "can_stop": can_stop(payment, session),
        "receipt_url": _receipt_url(payment, session),
        "reason": reason,
        "reason_told": _reason_told(reason),
    }


def can_stop(payment: Payment, session: ChargingSession | None) -> bool:
    return payment.state == "charging" and session is not None and session.status not in ENDED_STATUSES


def _receipt_url(payment: Payment, session: ChargingSession | None) -> str | None:
    if payment.state != "settled" or session is None or receipts.why_none(session):
        return None
    return RECEIPT.format(session_token=payment.reference)


def _reason_told(reason: str | None) -> dict[str, str | None]:
    return _in_each_language(lambda: told(reason) if reason else None)


def _in_each_language(say: Callable[[], _T]) -> dict[str, _T]:
    """What is said, by language: a driver changes it without asking anew."""
    said = {}
    for language in LANGUAGES:
        with speaking(language):
            said[language] = say()
    return said


def _money(value: Decimal) -> str:
    return f"{value:.2f}"
