"""What wants attention, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from dashboard import formats
from dashboard.loading import Troubles, Upkeep
from dashboard.loading.attention import MOST
from dashboard.markup import Concern
from dashboard.stations.row import LONGEST_NOT_HEARD
from db.analytics import error_codes
from db.analytics.live import LiveConnector
from db.analytics.stations import Station
from languages import N_, _, ngettext, told

_T = TypeVar("_T")

# Longer than the time between two heartbeats of any charge point, and than a night without a car.
SILENT_AFTER = timedelta(days=1)
# Of so many stations together something is heard all the time.
STALE_AFTER = timedelta(minutes=30)
_NAMED = 3


@dataclass(frozen=True)
class Present:
    """How it is now: `newest` is when the last event was heard, and `upkeep` None for who is no admin."""

    stations: Sequence[Station]
    connectors: Sequence[LiveConnector]
    newest: datetime | None
    troubles: Troubles
    upkeep: Upkeep | None
    backend_down_since: datetime | None


def concerns(found: Present, now: datetime) -> list[Concern]:
    """The most urgent first; none where all is well."""
    told = [*_backend(found, now), *_offline(found, now), *_faulted(found, now), *_silent(found, now)]
    return [*told, *_stale(found, now), *_sessions(found, now), *_upkeep(found)]


def _backend(found: Present, now: datetime) -> Iterator[Concern]:
    if found.upkeep is not None and found.backend_down_since is not None:
        yield Concern(
            "backend",
            "faulted",
            _("The OCPP backend does not answer"),
            _(
                "for {length}; nothing can be started or stopped",
                length=_for(found.backend_down_since, now),
            ),
            "views/ocpp_log.py",
            _("OCPP log"),
        )


def _offline(found: Present, now: datetime) -> Iterator[Concern]:
    gone = [station for station in found.stations if station.is_active and not station.is_online]
    if gone:
        headline = ngettext("{n:,} station offline", "{n:,} stations offline", len(gone))
        yield _of_stations("offline", "offline", headline, gone, now)


def _faulted(found: Present, now: datetime) -> Iterator[Concern]:
    faulted = [connector for connector in found.connectors if connector.status == "faulted"]
    if faulted:
        faulted.sort(key=lambda each: each.since or now)
        yield Concern(
            "faulted",
            "faulted",
            ngettext("{n:,} connector faulted", "{n:,} connectors faulted", len(faulted)),
            _listed(faulted, lambda connector: _fault(connector, now)),
            *_to_stations({connector.station_pk for connector in faulted}, "faulted"),
        )


def _silent(found: Present, now: datetime) -> Iterator[Concern]:
    heard = {station.pk: station.heard_at for station in found.stations}
    for connector in found.connectors:
        for at in (connector.since, connector.heard_at):
            heard[connector.station_pk] = max(
                filter(None, (heard.get(connector.station_pk), at)), default=None
            )
    silent = [
        station
        for station in found.stations
        if station.is_active and station.is_online and (heard[station.pk] or now) < now - SILENT_AFTER
    ]
    if silent:
        headline = ngettext(
            "{n:,} station connected but silent", "{n:,} stations connected but silent", len(silent)
        )
        yield _of_stations("silent", "other", headline, silent, now)


def _stale(found: Present, now: datetime) -> Iterator[Concern]:
    is_any_online = any(station.is_active and station.is_online for station in found.stations)
    if is_any_online and found.newest is not None and found.newest < now - STALE_AFTER:
        yield Concern(
            "stale",
            "other",
            _("What is shown may be old"),
            _("nothing was heard of any station for {length}", length=_for(found.newest, now)),
        )


def _sessions(found: Present, now: datetime) -> Iterator[Concern]:
    stuck, held = found.troubles.stuck, found.troubles.held
    if stuck:
        names = _listed(
            stuck,
            lambda each: _("{name} for {length}", name=each.station_name, length=_for(each.since, now)),
        )
        yield Concern(
            "stuck",
            "other",
            _at_least(len(stuck), N_("{n:,} or more sessions stuck"))
            or ngettext("{n:,} session stuck", "{n:,} sessions stuck", len(stuck)),
            _("running, but silent: {names}", names=names),
            "views/sessions.py",
            _("Sessions"),
            {"session": str(stuck[0].pk)} if len(stuck) == 1 else {},
        )
    if held:
        is_admin = found.upkeep is not None
        yield Concern(
            "held",
            "other",
            _at_least(held, N_("{n:,} or more sessions held back"))
            or ngettext("{n:,} session held back", "{n:,} sessions held back", held),
            _("impossible as reported; not counted until an admin decides"),
            "views/quarantine.py" if is_admin else None,
            _("Quarantine"),
        )


def _upkeep(found: Present) -> Iterator[Concern]:
    if found.upkeep is None:
        return
    if jobs := found.upkeep.late_jobs:
        yield Concern(
            "jobs",
            "faulted",
            ngettext("{n:,} job late", "{n:,} jobs late", len(jobs)),
            _listed(jobs, str),
            "views/jobs.py",
            _("Jobs"),
        )
    if dead := found.upkeep.dead_webhooks:
        yield Concern(
            "webhooks",
            "other",
            _at_least(dead, N_("{n:,} or more webhooks dead"))
            or ngettext("{n:,} webhook dead", "{n:,} webhooks dead", dead),
            _("what the OCPP backend told could not be applied"),
            "views/webhooks.py",
            _("Webhooks"),
        )


def _of_stations(key: str, kind: str, headline: str, found: Sequence[Station], now: datetime) -> Concern:
    # Those that were heard last come first: what just happened is news.
    never = datetime.min.replace(tzinfo=now.tzinfo)
    ordered = sorted(found, key=lambda station: station.heard_at or never)
    names = _listed(ordered[::-1], lambda station: _unheard(station, now))
    return Concern(key, kind, headline, names, *_to_stations({each.pk for each in found}, key))


def _unheard(station: Station, now: datetime) -> str:
    if station.heard_at is None:
        return _("{name} never heard", name=station.name)
    return _("{name} for {length}", name=station.name, length=_for(station.heard_at, now))


def _to_stations(pks: set[int], state: str) -> tuple[str, str, dict[str, str]]:
    """The page of the one, or the list of all in this state."""
    if len(pks) == 1:
        return "views/stations.py", _("Station"), {"station": str(*pks)}
    if state == "silent":
        return "views/stations.py", _("Stations"), {"station-order": LONGEST_NOT_HEARD}
    return "views/stations.py", _("Stations"), {"station-state": state}


def _fault(connector: LiveConnector, now: datetime) -> str:
    where = f"{connector.station_name} {connector.number}"
    if words := error_codes.in_words(connector.error_code, connector.vendor_error_code):
        where += f", {told(words)},"
    if connector.since is None:
        return where
    return _("{name} for {length}", name=where, length=_for(connector.since, now))


def _at_least(number: int, words: str) -> str:
    """Where no more were counted: `words` are marked, and say so."""
    return _(words, n=MOST) if number >= MOST else ""


def _listed(found: Sequence[_T], words: Callable[[_T], str]) -> str:
    first = ", ".join(map(words, found[:_NAMED]))
    if len(found) <= _NAMED:
        return first
    return _("{names} and {count:,} more", names=first, count=len(found) - _NAMED)


def _for(since: datetime, now: datetime) -> str:
    return formats.duration(int((now - since).total_seconds()))
