"""What the page Availability does about exclusions. Only an admin may; each order asks for that itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from dashboard import resources
from dashboard.visitor import Visitor
from db.analytics import exclusions, outages
from db.analytics.exclusions import ExclusionRefused
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span, intersection, total
from db.engine import reading, writing
from db.models import ChargingStation, OCPPConnector, OCPPStation, utc_now
from languages import N_, _

_NOT_YOURS = N_("only admins exclude outages")


@dataclass(frozen=True)
class Draft:
    """What the form holds. `start` and `end` as the station's clock reads them, without a zone."""

    station_pk: int | None
    connector_pk: int | None
    start: datetime | None
    end: datetime | None
    reason: str
    notes: str = ""


@dataclass(frozen=True)
class Review:
    """What a draft would exclude: `down` is how long ports were down in that time."""

    where: str
    span: Span
    timezone: str
    down: timedelta


def is_admin(who: Visitor) -> bool:
    return who.user.role == "admin"


def connectors(who: Visitor, station_pk: int) -> dict[int, int]:
    """A station's connectors: their numbers by `ocpp_connectors.id`."""
    _demand_admin(who)
    query = select(OCPPConnector.id, OCPPConnector.connector_id).where(
        OCPPConnector.ocpp_station_id == station_pk
    )
    with reading(resources.engine()) as store:
        return {pk: number for pk, number in store.execute(query.order_by(OCPPConnector.connector_id))}  # noqa: C416


def _timezone_of(station_pk: int) -> str:
    query = select(ChargingStation.timezone).join(OCPPStation).where(OCPPStation.id == station_pk)
    with reading(resources.engine()) as store:
        return store.scalars(query).one()


def review(who: Visitor, draft: Draft) -> Review:
    """What the draft would exclude. Raises `ExclusionRefused` where it cannot be entered."""
    _demand_admin(who)
    station_pk, span = _whole(draft)
    exclusions.check(span, draft.reason, draft.notes)
    timezone = _timezone_of(station_pk)
    days = Period((span.start - timedelta(days=1)).date(), (span.end + timedelta(days=2)).date())
    with reading(resources.engine()) as store:
        station = store.get_one(OCPPStation, station_pk)
        logs = outages.logs(store, Scope.station(station_pk), days, utc_now(), ())
        name = station.charging_station.name
    of_port = [log for log in logs if draft.connector_pk in (None, log.port.connector_pk)]
    number = connectors(who, station_pk).get(draft.connector_pk or 0)
    return Review(
        where=f"{name} · {_('all connectors') if number is None else _('connector {number}', number=number)}",
        span=span,
        timezone=timezone,
        down=sum((total(intersection(log.down, [span])) for log in of_port), timedelta()),
    )


def enter(who: Visitor, draft: Draft) -> None:
    """Raises `ExclusionRefused`."""
    _demand_admin(who)
    station_pk, span = _whole(draft)
    with writing(resources.engine()) as store:
        exclusions.enter(
            store,
            station_pk=station_pk,
            connector_pk=draft.connector_pk,
            span=span,
            reason=draft.reason,
            notes=draft.notes.strip(),
            by=who.user,
        )


def revoke(who: Visitor, pk: int) -> None:
    """Raises `ExclusionRefused`."""
    _demand_admin(who)
    with writing(resources.engine()) as store:
        exclusions.revoke(store, who.scope, pk, by=who.user, at=utc_now())


def _whole(draft: Draft) -> tuple[int, Span]:
    if draft.station_pk is None:
        raise ExclusionRefused(_("choose a station"))
    if draft.start is None or draft.end is None:
        raise ExclusionRefused(_("an exclusion needs a beginning and an end"))
    return draft.station_pk, exclusions.local_span(draft.start, draft.end, _timezone_of(draft.station_pk))


def _demand_admin(who: Visitor) -> None:
    if not is_admin(who):
        raise ExclusionRefused(_(_NOT_YOURS))
