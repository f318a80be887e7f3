"""Which outages do not count, why, and by whose word (23 CFR 680.116(b): what NEVI lets be excluded)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.analytics.spans import Span
from db.models import OCPPConnector, OutageExclusion

REASONS = {
    "maintenance": "scheduled maintenance",
    "utility_interruption": "the grid's power failed",
    "vehicle": "a vehicle caused it",
    "vandalism": "vandalism",
    "natural_disaster": "a natural disaster",
    "closed": "outside the stated opening hours",
}


class Excluded(NamedTuple):
    """Time that does not count, with the reason (a key of `REASONS`) and what was noted."""

    span: Span
    reason: str
    notes: str = ""

    @property
    def words(self) -> str:
        return f"{REASONS[self.reason]}: {self.notes}" if self.notes else REASONS[self.reason]


class ExclusionRefused(ValueError):
    """The exclusion cannot be entered as asked; the message says why."""


def enter(
    store: Session,
    *,
    station_pk: int,
    connector_pk: int | None,
    span: Span,
    reason: str,
    by: UUID,
    notes: str = "",
) -> OutageExclusion:
    """Exclude the outages of a station, or of one of its connectors, within `span`.

    Raises `ExclusionRefused`.
    """
    if reason not in REASONS:
        raise ExclusionRefused(f"no reason is called {reason}; it is one of {', '.join(REASONS)}")
    if span.end <= span.start:
        raise ExclusionRefused("an exclusion ends after it begins")
    if connector_pk is not None and not _belongs(store, connector_pk, station_pk):
        raise ExclusionRefused("the station has no such connector")
    made = OutageExclusion(
        ocpp_station_id=station_pk,
        ocpp_connector_id=connector_pk,
        started_at=span.start,
        ended_at=span.end,
        reason=reason,
        notes=notes,
        entered_by_id=by,
    )
    store.add(made)
    store.flush()
    return made


def within(store: Session, scope: Scope, start: datetime, end: datetime) -> list[OutageExclusion]:
    """Those of the scope's stations that hold somewhere in that time."""
    return list(
        store.scalars(
            select(OutageExclusion)
            .where(
                OutageExclusion.ocpp_station_id.in_(scope.stations()),
                OutageExclusion.started_at < end,
                OutageExclusion.ended_at > start,
                OutageExclusion.revoked_at.is_(None),
            )
            .order_by(OutageExclusion.started_at, OutageExclusion.id)
        )
    )


def of_connector(found: Iterable[OutageExclusion], station_pk: int, connector_pk: int) -> list[Excluded]:
    """The time that is excluded for one connector: by its own exclusions and its station's."""
    return [
        Excluded(Span(each.started_at, each.ended_at), each.reason, each.notes)
        for each in found
        if each.ocpp_station_id == station_pk and each.ocpp_connector_id in (None, connector_pk)
    ]


def _belongs(store: Session, connector_pk: int, station_pk: int) -> bool:
    connector = store.get(OCPPConnector, connector_pk)
    return connector is not None and connector.ocpp_station_id == station_pk
