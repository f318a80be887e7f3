"""Receipts: what a driver was charged for a session, told once, under a number that is never given twice."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.models import ChargingSession, Receipt, ReceiptNumber
from db.upsert import insert
from ocpp_integration.errors import IntegrationError, NotFound
from ocpp_integration.pricing import Bill, Line


class NoReceipt(IntegrationError):
    """There is nothing to give a receipt for (yet); the message says why."""

    code = "no_receipt"


def give(store: Session, session_pk: int, *, now: datetime) -> Receipt:
    """The receipt of a session, made when it is first asked for. One whose session was corrected since then
    is followed by another, which says what it corrects. Raises `NoReceipt` and `NotFound`.
    """
    # Two that ask at once are told the same.
    session = store.scalar(
        select(ChargingSession).where(ChargingSession.id == session_pk).with_for_update(key_share=True)
    )
    if session is None:
        raise NotFound(f"There is no session {session_pk}.")
    newest = newest_of(store, session_pk)
    why = why_none(session)
    if newest is not None and (why or _says(newest, session)):
        return newest
    if why:
        raise NoReceipt(why)
    return _write(store, session, newest, now)


def newest_of(store: Session, session_pk: int) -> Receipt | None:
    query = select(Receipt).where(Receipt.session_id == session_pk).order_by(Receipt.revision.desc())
    return store.scalar(query.limit(1))


def why_none(session: ChargingSession) -> str | None:
    """Why no receipt can be made of it (yet), None where one can."""
    if session.stop_time is None or session.status not in ENDED_STATUSES:
        return "The session has not ended: its receipt can be had when it has."
    if session.verdict == "held":
        return "The session is held back: its receipt can be had when somebody has decided about it."
    if session.cost is None:
        return "The session has no bill: nothing was charged for it."
    return None


def _says(receipt: Receipt, session: ChargingSession) -> bool:
    told = (receipt.energy_wh, receipt.gross, receipt.tax)
    return told == (session.energy_wh or 0, session.cost, session.tax)


def _write(store: Session, session: ChargingSession, before: Receipt | None, now: datetime) -> Receipt:
    place = session.station.charging_station
    year = now.astimezone(ZoneInfo(place.timezone)).year
    receipt = Receipt(
        owner_id=place.owner_id,
        year=year,
        number=_next_number(store, place.owner_id, year),
        session_id=session.id,
        revision=0 if before is None else before.revision + 1,
        issued_at=now,
        energy_wh=session.energy_wh or 0,
        gross=session.cost,
        tax=session.tax,
        document=_document(session, before),
    )
    store.add(receipt)
    store.flush()
    return receipt


def _next_number(store: Session, owner_id: int, year: int) -> int:
    """The next one waits until whoever has this one commits, and takes it where that does not."""
    statement = insert(store, ReceiptNumber).values(owner_id=owner_id, year=year, last=1)
    raised = statement.on_conflict_do_update(
        index_elements=["owner_id", "year"], set_={"last": ReceiptNumber.__table__.c.last + 1}
    ).returning(ReceiptNumber.__table__.c.last)
    return int(store.connection().execute(raised).scalar_one())


def _document(session: ChargingSession, before: Receipt | None) -> dict[str, Any]:
    """All that is printed, as it is now."""
    place = session.station.charging_station
    described = session.connector.charging_connector if session.connector else None
    return {
        "owner": place.owner.name,
        "station": place.name,
        "address": ", ".join(filter(None, (place.address, place.city, place.country))),
        "station_id": session.station.station_id,
        "connector": session.connector.connector_id if session.connector else None,
        "connector_type": described.connector_type if described else None,
        "timezone": place.timezone,
        "currency": place.currency,
        "session": str(session.transaction_id or session.external_id or session.id),
        "started": session.start_time.isoformat(),
        "ended": session.stop_time.isoformat() if session.stop_time else None,
        "meter_start": session.meter_start,
        "meter_stop": session.meter_stop,
        "is_estimated": session.stop_is_estimated,
        "is_corrected": session.verdict == "corrected",
        "tariff": session.tariff.name if session.tariff else None,
        "payment": session.payment_transaction_id,
        "bill": _bill(session).stored(),
        "corrects": None if before is None else {"receipt": before.name, "gross": str(before.gross)},
    }


def _bill(session: ChargingSession) -> Bill:
    """Its lines; none where no price tells how the cost came about."""
    cost, tax = session.cost or Decimal(0), session.tax
    net = cost if tax is None else cost - tax
    gross = None if tax is None else cost
    if session.verdict == "corrected" or session.tariff is None:
        return Bill((), net, gross)
    if session.bill is not None:
        known = Bill.read(session.bill)
        return Bill(known.lines, known.net, known.gross, tax_included=known.tax_included)
    tariff, volume = session.tariff, Decimal(session.energy_wh or 0).scaleb(-3)
    line = Line("ENERGY", volume, tariff.price_per_kwh, tariff.vat_percent, net, gross)
    return Bill((line,), net, gross, tax_included=True)
