"""Checks of sessions and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from db.analytics.ended import counted
from db.models import ChargingConnector, ChargingSession, OCPPConnector, Tariff
from ocpp_integration.billing.checks.check import Found, Watched, of_session, sessions
from ocpp_integration.metering import observe, usage_of
from ocpp_integration.pricing import energy_bill, price
from ocpp_integration.tariffs import Tariffs, document_of

# The clocks of charge points are off by some seconds, and one session may end as the next one begins.
_TOUCHING = timedelta(seconds=60)


def energy_without_bill(store: Session, watched: Watched) -> Iterator[Found]:
    """Sessions of a file that tells no cost are left out: who made them billed them."""
    asked = func.coalesce(Tariff.price_per_kwh, 0)
    query = (
        sessions(ChargingSession.energy_wh, ChargingSession.cost, Tariff.price_per_kwh)
        .outerjoin(Tariff, ChargingSession.tariff_id == Tariff.id)
        .where(
            counted(),
            watched.of(),
            ChargingSession.energy_wh > 0,
            or_(
                and_(ChargingSession.cost.is_(None), ChargingSession.source != "import"),
                and_(
                    ChargingSession.cost == 0,
                    asked > 0,
                    ChargingSession.verdict.is_distinct_from("corrected"),
                ),
            ),
        )
    )
    for row in store.execute(query):
        amount = None
        if row.price_per_kwh is not None:
            amount = energy_bill(row.energy_wh, row.price_per_kwh, Decimal(0)).gross
        if row.cost is not None and not amount:
            # So little of it that it rounds to nothing.
            continue
        yield of_session(row, f"{Decimal(row.energy_wh) / 1000:,.3f} kWh were charged and not billed", amount)


def bill_without_energy(store: Session, watched: Watched) -> Iterator[Found]:
    query = sessions(ChargingSession.cost).where(
        counted(), watched.of(), func.coalesce(ChargingSession.energy_wh, 0) == 0, ChargingSession.cost > 0
    )
    for row in store.execute(query):
        yield of_session(row, "Nothing was charged, but there is a bill", row.cost)


def overlaps(store: Session, watched: Watched) -> Iterator[Found]:
    """A connector charges one vehicle at a time: of two sessions at once one is not true."""
    session = ChargingSession
    before = func.max(session.stop_time).over(
        partition_by=session.ocpp_connector_id, order_by=(session.start_time, session.id), rows=(None, -1)
    )
    queue = (
        select(session.id, session.start_time, session.stop_time, before.label("before"))
        .where(counted(), watched.of(), session.ocpp_connector_id.is_not(None))
        .subquery()
    )
    suspects = store.execute(
        select(queue.c.id, queue.c.start_time).where(queue.c.before > queue.c.start_time)
    ).all()
    for pk, _ in suspects:
        yield from _overlapping(store, pk, watched)


def _overlapping(store: Session, session_pk: int, watched: Watched) -> Iterator[Found]:
    """The sessions that had begun before this one at its connector and went on beside it."""
    earlier, later = aliased(ChargingSession), ChargingSession
    query = (
        sessions(
            earlier.id.label("other"),
            earlier.stop_time,
            later.start_time,
            earlier.cost,
            later.cost.label("own"),
        )
        .join(earlier, earlier.ocpp_connector_id == later.ocpp_connector_id)
        .where(
            later.id == session_pk,
            earlier.id != later.id,
            earlier.verdict.is_distinct_from("held"),
            watched.of(earlier),
            or_(
                earlier.start_time < later.start_time,
                and_(earlier.start_time == later.start_time, earlier.id < later.id),
            ),
            earlier.stop_time > later.start_time,
        )
    )
    for row in store.execute(query):
        together = row.stop_time - row.start_time
        if together > _TOUCHING:
            yield Found(
                f"{row.other}-{row.id}",
                row.owner_id,
                row.currency,
                f"Two at the same connector, {int(together.total_seconds()) // 60} min of them at once",
                min(row.cost or Decimal(0), row.own or Decimal(0)),
                row.ocpp_station_id,
                (row.other, row.id),
            )


def wrong_tariffs(store: Session, watched: Watched) -> Iterator[Found]:
    """What the platform asks is known of now only: of a session at its price, there is nothing to say."""
    tariffs = Tariffs(store)
    connectors = {each.id: each for each in store.scalars(select(ChargingConnector))}
    query = (
        sessions(
            ChargingSession.start_time,
            ChargingSession.tariff_id,
            OCPPConnector.charging_connector_id,
            Tariff.code,
        )
        .join(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)
        .outerjoin(Tariff, ChargingSession.tariff_id == Tariff.id)
        .where(
            counted(),
            watched.of(),
            ChargingSession.source == "backend",
            ChargingSession.verdict.is_distinct_from("corrected"),
        )
    )
    for row in store.execute(query).all():
        connector = connectors.get(row.charging_connector_id)
        right = tariffs.assigned(connector, row.start_time) if connector else None
        if connector is None or (right is None and row.code is None):
            continue
        right = right or connector.tariff
        if (right.id if right else None) != row.tariff_id:
            yield of_session(row, *_difference(store, row.id, right))


def _difference(store: Session, session_pk: int, right: Tariff | None) -> tuple[str, Decimal | None]:
    """In words, and in money."""
    session = store.get_one(ChargingSession, session_pk)
    used = f"Billed by {_named(session.tariff)}, where {_named(right)} held when it began"
    if right is None or session.cost is None:
        return used, None
    energy_wh = session.energy_wh or 0
    if right.document is None or not energy_wh:
        cost = energy_bill(energy_wh, right.price_per_kwh, right.vat_percent).gross
    else:
        metered = observe(store, [session])[session.id]
        cost = price(document_of(right), usage_of(session, metered)).payable
    if session.prepaid is not None:
        cost = min(cost, session.prepaid)
    return used, abs(session.cost - cost)


def _named(tariff: Tariff | None) -> str:
    if tariff is None:
        return "no tariff"
    return f"{tariff.code} version {tariff.version}" if tariff.code else tariff.name
