"""Who was heard when, kept in memory: hearing a frame must not cost a write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta


class Presence:
    """The stations that count as online, and the last time each was heard."""

    def __init__(self) -> None:
        self._seen: dict[str, datetime] = {}
        self._unsaved: set[str] = set()
        self._listening_since: datetime | None = None

    def load(self, online: Mapping[str, datetime], now: datetime) -> None:
        """Begin with what the store knew when the process before this one ended.

        While no process listened no station could be heard: each gets the usual time to come back.
        """
        self._seen.update(online)
        self._listening_since = now

    def heard(self, station_id: str, at: datetime) -> bool:
        """Note that something came from a station; True if it was offline until now."""
        was_offline = station_id not in self._seen
        self._seen[station_id] = at
        self._unsaved.add(station_id)
        return was_offline

    def take_silent(self, now: datetime, after: timedelta) -> dict[str, datetime]:
        """The stations that fell silent, each with when it was last heard; from here on they are offline."""
        if self._listening_since is not None and now - self._listening_since < after:
            return {}
        silent = {station: at for station, at in self._seen.items() if now - at >= after}
        for station in silent:
            del self._seen[station]
        self._unsaved -= silent.keys()
        return silent

    def give_back(self, silent: Mapping[str, datetime]) -> None:
        """What was taken could not be written: those that nobody heard since are silent still."""
        for station, at in silent.items():
            self._seen.setdefault(station, at)

    def forget(self, station_id: str) -> None:
        """That the station is there could not be written: it is news once more."""
        self._seen.pop(station_id, None)
        self._unsaved.discard(station_id)

    def take_unsaved(self) -> dict[str, datetime]:
        """What was heard since this was last asked."""
        unsaved = {station: self._seen[station] for station in self._unsaved}
        self._unsaved.clear()
        return unsaved

    def last_seen(self, station_id: str) -> datetime | None:
        return self._seen.get(station_id)
