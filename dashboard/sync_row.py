"""A station of the platform as a row: whose it is, and how its sync to the OCPP backend stands. Pure."""

from __future__ import annotations

from datetime import datetime

from dashboard import formats
from dashboard.access_rows import Fact, fact_row
from ocpp_integration.sync import SyncState

# The word for a state, and the name of its colour.
STATES = {
    "refused": ("Refused", "faulted"),
    "new": ("Not told yet", "other"),
    "changed": ("Changed since", "occupied"),
    "synced": ("Synced", "available"),
    "inactive": ("Not active", "offline"),
}
_SOURCES = {"mengedmate": "MengedMate", "file": "A file", "": "By hand"}
_RANKS = {state: rank for rank, state in enumerate(STATES)}


def rank_of(state: SyncState) -> int:
    """Sorts stations by what wants attention."""
    return _RANKS[state.state]


def matches(state: SyncState, text: str) -> bool:
    searched = " ".join((state.name, state.city, state.owner, state.station_id, state.error)).lower()
    return text.strip().lower() in searched


def row(state: SyncState, now: datetime, timezone: str) -> str:
    facts = [
        Fact("Told", _told(state, now), _exact(state.synced_at, timezone)),
        Fact("Kept up by", _SOURCES.get(state.source, formats.words(state.source))),
        Fact("Connectors", formats.count(state.connectors)),
    ]
    below = " · ".join(filter(None, (state.owner, state.city, state.station_id, trouble(state, now))))
    return fact_row(state.name, below, STATES[state.state], facts)


def trouble(state: SyncState, now: datetime) -> str:
    """Why it was refused, and when it is told again."""
    if not state.error:
        return ""
    times = f" ({state.failures} times in a row)" if state.failures > 1 else ""
    if state.again_at is None:
        return f"{state.error}{times} It is told again with the next sync."
    wait = formats.duration(int((state.again_at - now).total_seconds()))
    return f"{state.error}{times} It is told again in {wait}."


def owner_lines(states: list[SyncState]) -> list[tuple[str, str]]:
    """Each owner with the number of its stations."""
    counts: dict[str, int] = {}
    for state in states:
        counts[state.owner] = counts.get(state.owner, 0) + 1
    return [(owner, formats.count(count)) for owner, count in counts.items()]


def _told(state: SyncState, now: datetime) -> str:
    return formats.ago(state.synced_at, now) if state.synced_at else "Never"


def _exact(at: datetime | None, timezone: str) -> str:
    return formats.local_time(at, timezone) if at else ""
