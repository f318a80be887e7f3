"""What has to change so that the store has the stations of a list. Pure: nothing is read or written here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocpp_integration.platform.changes import Change, StationAdded, StationChanged, StationIdentified
from ocpp_integration.platform.connectors import connector_changes
from ocpp_integration.platform.errors import StationRejected
from ocpp_integration.platform.known import Known, KnownStation
from ocpp_integration.platform.listing import Listing, StationKey, WantedStation
from ocpp_integration.platform.owners import owner_changes, renamed_owner
from ocpp_integration.platform.sources import PLATFORM

# So many may vanish at once, if others stay; more are believed only if they are not most of all.
FEW = 10


@dataclass(frozen=True)
class Rules:
    """How far a list is to be believed.

    `source` is where it comes from, `owner` whose a new station is that names none. What is not listed is
    deactivated where the list is `exhaustive`, all stations at once only where it is `trusted`. Where it is
    `all_or_nothing`, a problem with one station leaves no change at all.
    """

    source: str
    owner: str
    exhaustive: bool
    trusted: bool = False
    all_or_nothing: bool = False


@dataclass(frozen=True)
class Plan:
    """`problems` say what is left out, and why; `left_out` are the OCPP ids of the stations that are."""

    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def make_plan(known: Known, listing: Listing, rules: Rules) -> Plan:
    return _Planner(known, listing, rules).plan()


class _Planner:
    def __init__(self, known: Known, listing: Listing, rules: Rules):
        self._known = known
        self._listing = listing
        self._rules = rules
        self._by_id = {station.id: station for station in known.stations}
        self._by_ocpp_id = {station.station_id: station for station in known.stations}
        self._renamed = renamed_owner(known, listing, self._find)
        self._seen: set[object] = set()

    def plan(self) -> Plan:
        changes: list[Change] = []
        problems = list(self._listing.problems)
        left_out = [key.station_id for key in self._listing.left_out]
        for wanted in self._listing.stations:
            try:
                changes += self._station(wanted)
            except StationRejected as error:
                problems.append(f"{wanted.key.station_id}: {error}")
                left_out.append(wanted.key.station_id)
        gone, doubt = self._gone()
        changes += [StationChanged(each.id, each.station_id, "is_active", True, False) for each in gone]
        problems += doubt
        if problems and self._rules.all_or_nothing:
            changes = []
        owners = owner_changes(changes, self._known.owners, self._renamed)
        return Plan((*owners, *changes), tuple(problems), tuple(left_out), self._listing.ignored)

    def _station(self, wanted: WantedStation) -> list[Change]:
        station = self._find(wanted.key)
        names = {station.id} if station else {wanted.key.new_id, wanted.key.station_id}
        if names & self._seen:
            raise StationRejected("is listed twice")
        self._seen |= names
        if station is None:
            return [*self._new_station(wanted)]
        if wanted.key.ocpp_id not in (None, station.station_id):
            raise StationRejected(f"is known as {station.station_id}; its OCPP id stays")
        return [*self._identify(wanted, station), *self._known_station(wanted, station)]

    def _find(self, key: StationKey) -> KnownStation | None:
        by_id = self._by_id.get(key.id) if key.id else None
        return by_id or self._by_ocpp_id.get(key.station_id) or self._by_id.get(key.new_id)

    def _identify(self, wanted: WantedStation, station: KnownStation) -> Iterator[Change]:
        if wanted.key.id in (None, station.id):
            return
        if station.source == PLATFORM:
            raise StationRejected(f"its OCPP id is that of the station {station.id}")
        yield StationIdentified(station.id, wanted.key.new_id, station.station_id)

    def _new_station(self, wanted: WantedStation) -> Iterator[Change]:
        key, owner = wanted.key, wanted.owner or self._rules.owner
        fields = {"name": key.station_id, **wanted.fields}
        yield StationAdded(key.new_id, key.station_id, owner, self._rules.source, fields, key.ocpp_id)
        yield from connector_changes(key.new_id, key.station_id, (), wanted.connectors or ())

    def _known_station(self, wanted: WantedStation, station: KnownStation) -> Iterator[Change]:
        id, label = wanted.key.id or station.id, station.station_id
        if self._rules.source == PLATFORM and station.source != PLATFORM:
            yield StationChanged(id, label, "source", station.source, PLATFORM)
        renamed = self._renamed
        owner = renamed.after if renamed and renamed.before == station.owner else station.owner
        if wanted.owner not in (None, owner):
            yield StationChanged(id, label, "owner", owner, wanted.owner)
        for field, after in wanted.fields.items():
            if (before := station.fields[field]) != after:
                yield StationChanged(id, label, field, before, after)
        if wanted.connectors is not None:
            yield from connector_changes(
                id, label, station.connectors, wanted.connectors, exhaustive=self._rules.exhaustive
            )

    def _gone(self) -> tuple[list[KnownStation], list[str]]:
        """Stations that are to be deactivated because the list has them no longer, or why none is."""
        if not self._rules.exhaustive:
            return [], []
        owners = {self._owner_of(each) for each in self._listing.stations}
        believed = [station for station in self._known.stations if self._is_subject(station, owners)]
        keys = [each.key for each in self._listing.stations] + self._listing.left_out
        named = {station.id for key in keys if (station := self._find(key))}
        gone = [station for station in believed if station.id not in named]
        if not gone:
            return [], []
        if not self._listing.complete:
            return [], ["The list could not be read to its end: what it lacks stays active."]
        if not self._rules.trusted and _is_suspicious(len(gone), len(believed)):
            return [], [
                f"{len(gone)} of {len(believed)} stations are gone from the list at once, which is not "
                "believed: they stay active. If it is right, run manage.py pull-stations --trust."
            ]
        return gone, []

    def _is_subject(self, station: KnownStation, owners: set[str]) -> bool:
        """Whether it is this list that says whether the station is there."""
        if not station.is_active:
            return False
        if self._rules.source == PLATFORM:
            return station.source == PLATFORM
        return station.source != PLATFORM and station.owner in owners

    def _owner_of(self, wanted: WantedStation) -> str:
        station = self._find(wanted.key)
        return wanted.owner or (station.owner if station else self._rules.owner)


def _is_suspicious(gone: int, known: int) -> bool:
    return gone == known or (gone > FEW and gone * 2 > known)
