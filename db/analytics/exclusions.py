"""Which outages do not count, why, and by whose word (23 CFR 680.116(b): what NEVI lets be excluded)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from db import audit
from db.analytics.scope import Scope
from db.analytics.spans import Span
from db.analytics.statements import built_once
from db.analytics.zones import SINCE, UNTIL
from db.models import ChargingStation, OCPPConnector, OCPPStation, OutageExclusion, User

REASONS = {
    "maintenance": "scheduled maintenance",
    "utility_interruption": "the grid's power failed",
    "vehicle": "a vehicle caused it",
    "vandalism": "vandalism",
    "natural_disaster": "a natural disaster",
    "closed": "outside the stated opening hours",
}
MAX_NOTES = 1_000
# Whoever excludes more than this at once has mistaken the year.
LONGEST = timedelta(days=366)
_FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC)


class Excluded(NamedTuple):
    """Time that does not count, with the reason (a key of `REASONS`) and what was noted."""

    span: Span
    reason: str
    notes: str = ""

    @property
    def words(self) -> str:
        return f"{REASONS[self.reason]}: {self.notes}" if self.notes else REASONS[self.reason]


@dataclass(frozen=True)
class Exclusion:
    """One that was entered, with the names that a reader needs. `connector_pk` and `connector_number` None:
    all connectors of the station. One that is revoked counts no longer.
    """

    pk: int
    station_pk: int
    station_id: str
    station_name: str
    timezone: str
    connector_pk: int | None
    connector_number: int | None
    start: datetime
    end: datetime
    reason: str
    notes: str
    entered_by: str
    entered_at: datetime
    revoked_at: datetime | None

    @property
    def excluded(self) -> Excluded:
        return Excluded(Span(self.start, self.end), self.reason, self.notes)


class ExclusionRefused(ValueError):
    """The exclusion cannot be entered or revoked as asked; the message says why."""


def enter(
    store: Session,
    *,
    station_pk: int,
    connector_pk: int | None,
    span: Span,
    reason: str,
    by: User,
    notes: str = "",
) -> OutageExclusion:
    """Exclude the outages of a station, or of one of its connectors, within `span`, by the word of `by`.

    Raises `ExclusionRefused`.
    """
    check(span, reason, notes)
    # Who enters the same at the same time waits here, and is told so below.
    store.get(OCPPStation, station_pk, with_for_update={"key_share": True})
    station, connector = _place(store, station_pk, connector_pk)
    same = {
        "ocpp_station_id": station_pk,
        "ocpp_connector_id": connector_pk,
        "started_at": span.start,
        "ended_at": span.end,
    }
    if store.scalar(select(OutageExclusion.id).filter_by(**same, revoked_at=None)) is not None:
        raise ExclusionRefused("this time is excluded already")
    made = OutageExclusion(**same, reason=reason, notes=notes, entered_by_id=by.id)
    store.add(made)
    store.flush()
    _tell(store, by, "exclude outages", made, station, connector)
    return made


def check(span: Span, reason: str, notes: str) -> None:
    """Raises `ExclusionRefused` where it cannot be entered so."""
    if reason not in REASONS:
        raise ExclusionRefused(f"no reason is called {reason}; it is one of {', '.join(REASONS)}")
    if span.end <= span.start:
        raise ExclusionRefused("an exclusion ends after it begins")
    if span.length > LONGEST:
        raise ExclusionRefused(f"an exclusion lasts at most {LONGEST.days} days")
    if span.start < _FIRST_DAY:
        raise ExclusionRefused(f"an exclusion begins in {_FIRST_DAY.year} or later")
    if len(notes) > MAX_NOTES:
        raise ExclusionRefused(f"notes have at most {MAX_NOTES} characters")


def revoke(store: Session, scope: Scope, pk: int, *, by: User, at: datetime) -> None:
    """Let an exclusion count no longer. Raises `ExclusionRefused`."""
    found = store.get(OutageExclusion, pk, with_for_update=True)
    if found is None or store.scalar(scope.stations().where(OCPPStation.id == found.ocpp_station_id)) is None:
        raise ExclusionRefused(f"there is no exclusion {pk}")
    if found.revoked_at is not None:
        raise ExclusionRefused(f"exclusion {pk} is revoked already")
    found.revoked_at = at
    station, connector = _place(store, found.ocpp_station_id, found.ocpp_connector_id)
    _tell(store, by, "revoke exclusion", found, station, connector)


def within(store: Session, scope: Scope, start: datetime, end: datetime) -> list[Exclusion]:
    """Those of the scope's stations that hold somewhere in that time."""
    rows = _within(scope).rows(store, {"since": start, "until": end})
    return [Exclusion(*row) for row in rows]


HOLDS = (
    OutageExclusion.started_at < UNTIL,
    OutageExclusion.ended_at > SINCE,
    OutageExclusion.revoked_at.is_(None),
)


@built_once
def _within(scope: Scope) -> Select[*tuple[Any, ...]]:
    return _told(scope).where(*HOLDS)


def entered(store: Session, scope: Scope, *, with_revoked: bool = False) -> list[Exclusion]:
    """All that were entered for the scope's stations, the newest time first."""
    query = _told(scope)
    rows = store.execute(query if with_revoked else query.where(OutageExclusion.revoked_at.is_(None)))
    return [Exclusion(*row) for row in rows][::-1]


def of_connector(found: Iterable[Exclusion], station_pk: int, connector_pk: int) -> list[Excluded]:
    """The time that is excluded for one connector: by its own exclusions and its station's."""
    return [
        each.excluded
        for each in found
        if each.station_pk == station_pk and each.connector_pk in (None, connector_pk)
    ]


def local_span(start: datetime, end: datetime, timezone: str) -> Span:
    """Two readings of a station's clock, as a span. A reading that comes twice is taken as its first."""
    zone = ZoneInfo(timezone)
    return Span(*(each.replace(tzinfo=zone).astimezone(UTC) for each in (start, end)))


def _place(
    store: Session, station_pk: int, connector_pk: int | None
) -> tuple[OCPPStation, OCPPConnector | None]:
    station = store.get(OCPPStation, station_pk)
    if station is None:
        raise ExclusionRefused("there is no such station")
    if connector_pk is None:
        return station, None
    connector = store.get(OCPPConnector, connector_pk)
    if connector is None or connector.ocpp_station_id != station_pk:
        raise ExclusionRefused("the station has no such connector")
    return station, connector


def _tell(
    store: Session,
    by: User,
    action: str,
    exclusion: OutageExclusion,
    station: OCPPStation,
    connector: OCPPConnector | None,
) -> None:
    where = f" connector {connector.connector_id}" if connector else ""
    details = {
        "exclusion": str(exclusion.id),
        "from": exclusion.started_at.isoformat(),
        "until": exclusion.ended_at.isoformat(),
        "reason": exclusion.reason,
        **({"notes": exclusion.notes} if exclusion.notes else {}),
    }
    audit.record(store, by, action, f"{station.station_id}{where}", details)


def _told(scope: Scope) -> Select[*tuple[Any, ...]]:
    return (
        select(
            OutageExclusion.id,
            OCPPStation.id,
            OCPPStation.station_id,
            ChargingStation.name,
            ChargingStation.timezone,
            OutageExclusion.ocpp_connector_id,
            OCPPConnector.connector_id,
            OutageExclusion.started_at,
            OutageExclusion.ended_at,
            OutageExclusion.reason,
            OutageExclusion.notes,
            User.user_name,
            OutageExclusion.entered_at,
            OutageExclusion.revoked_at,
        )
        .join(OCPPStation, OutageExclusion.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .join(User, OutageExclusion.entered_by_id == User.id)
        .outerjoin(OCPPConnector, OutageExclusion.ocpp_connector_id == OCPPConnector.id)
        .where(OutageExclusion.ocpp_station_id.in_(scope.stations()))
        .order_by(OutageExclusion.started_at, OutageExclusion.id)
    )
