"""Which recorded events are next: the oldest ones of stations that no other worker holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from db.models import ChargingSession, OCPPStation, WebhookEvent
from ocpp_integration.books import Books

# How much further than a batch a worker looks for stations that nobody holds.
_WINDOW = 4
# Primary keys of events by the station that they belong to; None where nobody knows it.
Lanes = dict[str | None, list[int]]


def claim(books: Books, limit: int) -> list[int]:
    """The oldest events, at most `limit`, of stations that nobody else holds; now we do."""
    lanes = lanes_of(books.store, limit)
    free: list[str | None] = []
    for names in slices(lanes, limit):
        others = _held_by_others(books, names)
        free += [name for name in names if name not in others]
        if sum(len(lanes[name]) for name in free) >= limit:
            break
    return first_of(lanes, free, limit)


def first_of(lanes: Lanes, names: Sequence[str | None], limit: int) -> list[int]:
    return sorted(event_pk for name in names for event_pk in lanes[name])[:limit]


def lanes_of(store: Session, limit: int) -> Lanes:
    """The oldest recorded events, some batches of `limit`, by station: that of the oldest comes first."""
    rows = store.connection().execute(_oldest(limit * _WINDOW)).all()
    homes = _homes(store, rows)
    lanes: Lanes = {}
    for event_pk, station_id, transaction_id in rows:
        lanes.setdefault(station_id or homes.get(transaction_id), []).append(event_pk)
    return lanes


def _oldest(window: int) -> Select[int, str | None, int | None]:
    # Said this way, only the index of state and id gives the order; by the id alone, a planner that
    # thinks much is waiting would walk over all that was ever applied.
    return (
        select(WebhookEvent.id, WebhookEvent.station_id, WebhookEvent.transaction_id)
        .where(WebhookEvent.state.between("received", "received"))
        .order_by(WebhookEvent.state, WebhookEvent.id)
        .limit(window)
    )


def _homes(store: Session, rows: Sequence[Row[int, str | None, int | None]]) -> dict[int | None, str]:
    """The stations of transactions whose events do not all name it: the session's, or another event's."""
    nameless = {row.transaction_id for row in rows if row.station_id is None}
    if not nameless:
        return {}
    told = {row.transaction_id: row.station_id for row in rows if row.station_id is not None}
    known = store.execute(
        select(ChargingSession.transaction_id, OCPPStation.station_id)
        .join(ChargingSession.station)
        .where(ChargingSession.transaction_id.in_(nameless))
    )
    return told | {transaction_id: station_id for transaction_id, station_id in known}  # noqa: C416


def slices(lanes: Lanes, limit: int) -> Iterator[list[str | None]]:
    """The lanes in their order, so many at a time that they have `limit` events together."""
    names: list[str | None] = []
    count = 0
    for name, events in lanes.items():
        names.append(name)
        count += len(events)
        if count >= limit:
            yield names
            names, count = [], 0
    if names:
        yield names


def _held_by_others(books: Books, names: Sequence[str | None]) -> set[str]:
    named = {name for name in names if name is not None}
    missing = named - books.hold(named, wait=False)
    if not missing:
        return set()
    # The rest is not in the store at all.
    return set(books.store.scalars(select(OCPPStation.station_id).where(OCPPStation.station_id.in_(missing))))
