"""A station of the platform as a row: whose it is, and how its sync to the OCPP backend stands. Pure."""

from __future__ import annotations

from datetime import datetime

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from languages import N_, _, told
from ocpp_integration.sync import SyncState

# The word for a state, and the name of its colour.
STATES = {
    "refused": (N_("Refused"), "faulted"),
    "new": (N_("Not told yet"), "other"),
    "changed": (N_("Changed since"), "occupied"),
    "synced": (N_("Synced"), "available"),
    "inactive": (N_("Not active"), "offline"),
}
_SOURCES = {"mengedmate": "MengedMate", "file": N_("A file"), "": N_("By hand")}
_RANKS = {state: rank for rank, state in enumerate(STATES)}


def rank_of(state: SyncState) -> int:
    """Sorts stations by what wants attention."""
    return _RANKS[state.state]


def matches(state: SyncState, text: str) -> bool:
    searched = " ".join((state.name, state.city, state.owner, state.station_id, state.error)).lower()
    return text.strip().lower() in searched


def row(state: SyncState, now: datetime, timezone: str) -> str:
    facts = [
        Fact(_("Told"), _told(state, now), _exact(state.synced_at, timezone)),
        Fact(_("Kept up by"), _(_SOURCES.get(state.source, formats.words(state.source)))),
        Fact(_("Connectors"), formats.count(state.connectors)),
    ]
    word, kind = STATES[state.state]
    below = " · ".join(filter(None, (state.owner, state.city, state.station_id, trouble(state, now))))
    return fact_row(state.name, below, (_(word), kind), facts)


def trouble(state: SyncState, now: datetime) -> str:
    """Why it was refused, and when it is told again; of one that is not active, what goes on all the same."""
    if state.state == "inactive" and state.synced_at:
        return _("Nothing is started there; its charge point stays connected until its key is withdrawn.")
    if not state.error:
        return ""
    times = _(" ({failures} times in a row)", failures=state.failures) if state.failures > 1 else ""
    if state.again_at is None:
        return _("{error}{times} It is told again with the next sync.", error=told(state.error), times=times)
    wait = formats.duration(int((state.again_at - now).total_seconds()))
    return _("{error}{times} It is told again in {wait}.", error=told(state.error), times=times, wait=wait)


def owner_lines(states: list[SyncState]) -> list[tuple[str, str]]:
    """Each owner with the number of its stations."""
    counts: dict[str, int] = {}
    for state in states:
        counts[state.owner] = counts.get(state.owner, 0) + 1
    return [(owner, formats.count(count)) for owner, count in counts.items()]


def _told(state: SyncState, now: datetime) -> str:
    return formats.ago(state.synced_at, now) if state.synced_at else _("Never")


def _exact(at: datetime | None, timezone: str) -> str:
    return formats.local_time(at, timezone) if at else ""
