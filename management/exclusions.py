"""`manage.py add-exclusion`, `list-exclusions` and `revoke-exclusion`."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from db import accounts
from db.analytics import exclusions
from db.analytics.exclusions import Exclusion, ExclusionRefused
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import OCPPStation, utc_now
from management.table import print_table

_WHAT = "exclude outages"


def add(
    engine: Engine,
    *,
    station_id: str,
    number: int | None,
    start: datetime,
    end: datetime,
    reason: str,
    notes: str,
    user_name: str,
) -> int:
    """Exclude by the word of an admin; times without an offset are read on the station's clock. Returns its
    number. Raises `ExclusionRefused` and `AccessError`.
    """
    with writing(engine) as store:
        station = store.scalar(select(OCPPStation).where(OCPPStation.station_id == station_id))
        if station is None:
            raise ExclusionRefused(f"there is no station {station_id}")
        zone = station.charging_station.timezone
        made = exclusions.enter(
            store,
            station_pk=station.id,
            connector_pk=None if number is None else _connector(station, number),
            span=exclusions.local_span(_on_clock(start, zone), _on_clock(end, zone), zone),
            reason=reason,
            notes=notes,
            by=accounts.find_admin(store, user_name, to=_WHAT),
        )
        return made.id


def revoke(engine: Engine, number: int, *, user_name: str) -> None:
    """Raises `ExclusionRefused` and `AccessError`."""
    with writing(engine) as store:
        by = accounts.find_admin(store, user_name, to=_WHAT)
        exclusions.revoke(store, Scope.network(), number, by=by, at=utc_now())


def print_all(engine: Engine, *, with_revoked: bool) -> None:
    with reading(engine) as store:
        found = exclusions.entered(store, Scope.network(), with_revoked=with_revoked)
    heads = ("number", "station", "connector", "from", "until", "reason", "notes", "entered by", "state")
    print_table(heads, [_row(each) for each in found], none="Nothing is excluded.")


def _row(each: Exclusion) -> tuple[str, ...]:
    return (
        str(each.pk),
        each.station_id,
        "all" if each.connector_number is None else str(each.connector_number),
        _minute(each.start, each.timezone),
        _minute(each.end, each.timezone),
        each.reason,
        each.notes,
        each.entered_by,
        "revoked" if each.revoked_at else "counts",
    )


def _connector(station: OCPPStation, number: int) -> int:
    for connector in station.connectors:
        if connector.connector_id == number:
            return connector.id
    raise ExclusionRefused(f"{station.station_id} has no connector {number}")


def _on_clock(at: datetime, timezone: str) -> datetime:
    """What the station's clock reads."""
    return at if at.tzinfo is None else at.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)


def _minute(at: datetime, timezone: str) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M %Z")
