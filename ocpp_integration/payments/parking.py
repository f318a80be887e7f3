"""The car that stays plugged in when its charge is over.

Where the tariff asks for idle time, a session that was paid in advance is billed once its car is unplugged,
or what was paid is used up. Until then its idle time goes on, and its cost with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession, Payment
from ocpp_integration.lifecycle import update_session
from ocpp_integration.metering import is_parked
from ocpp_integration.pricing import PriceComponent
from ocpp_integration.pricing.words import amount
from ocpp_integration.tariffs import document_of

# A driver's money is held no longer, whatever the connector says.
LONGEST = timedelta(hours=24)
_NOTED_EVERY = timedelta(seconds=60)


def is_waited_for(store: Session, session: ChargingSession, now: datetime) -> bool:
    """Whether more may become due for the car of a session that has ended."""
    if session.stop_time is None or session.verdict == "held" or _price(session) is None:
        return False
    if now >= session.stop_time + LONGEST or _is_used_up(session):
        return False
    return is_parked(store, session)


def note(engine: Engine, session: ChargingSession, now: datetime) -> None:
    """The car is plugged in still; at most once a minute, since what it costs is computed anew."""
    since = session.plugged_until or session.stop_time
    if since is None or now < since + _NOTED_EVERY:
        return
    with writing(engine) as store:
        row = store.get_one(ChargingSession, session.id)
        update_session(store, row, lambda found: setattr(found, "plugged_until", now))


def in_words(store: Session, session: ChargingSession, now: datetime) -> str | None:
    """What its driver is told while the car is waited for."""
    price = _price(session) if is_waited_for(store, session, now) else None
    if price is None:
        return None
    costs, currency = amount(price.price), session.station.charging_station.currency
    if not price.grace_seconds:
        return (
            f"Charging is over. Please unplug the car: idle time costs {costs} {currency} an hour, and what "
            "is left is given back once the car is unplugged."
        )
    minutes = price.grace_seconds // 60
    return (
        f"Charging is over. Please unplug the car: idle time costs {costs} {currency} an hour after "
        f"{minutes} minutes, and what is left is given back once the car is unplugged."
    )


def notice(engine: Engine, payment: Payment, now: datetime) -> str | None:
    """What the driver is to know while its car is waited for, and of what was charged beyond its money."""
    if payment.transaction_id is None:
        return None
    if payment.state == "settled" and payment.written_off:
        more, currency = amount(payment.written_off), payment.currency
        return f"It would have cost {more} {currency} more than was paid. That is not charged."
    if payment.state != "charging":
        return None
    with reading(engine) as store:
        found = select(ChargingSession).where(ChargingSession.transaction_id == payment.transaction_id)
        session = store.scalar(found)
        return in_words(store, session, now) if session and session.status in ENDED_STATUSES else None


def _is_used_up(session: ChargingSession) -> bool:
    return session.prepaid is not None and (session.cost or Decimal(0)) >= session.prepaid


def _price(session: ChargingSession) -> PriceComponent | None:
    """The first price for idle time, if there is one."""
    if session.tariff is None or session.tariff.document is None or not session.energy_wh:
        return None
    components = (
        element.component("PARKING_TIME")
        for element in document_of(session.tariff).elements
        if element.restrictions.reservation is None
    )
    return next((each for each in components if each is not None and each.price), None)
