"""What commands and their steps are called, and what each will do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dashboard import formats, markup
from dashboard.connector_card import name_of
from db.analytics.live import LiveConnector
from ocpp_integration.following import RESETS, Followed
from ocpp_integration.steps import Step

# Of the connector that was chosen and all those of its station.
Consequence = Callable[[LiveConnector, Sequence[LiveConnector]], str]


@dataclass(frozen=True)
class Words:
    """`ask` is on the button that gives the command; it says what it does, not yes."""

    ask: str
    icon: str
    consequence: Consequence


def _start(_connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    return "Charging begins as soon as a vehicle is plugged in."


def _stop(connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    energy = "" if connector.energy_wh is None else f" after {formats.exact_energy(connector.energy_wh)}"
    return f"The session ends{energy}, and its bill is made."


def _reset_soft(_connector: LiveConnector, station: Sequence[LiveConnector]) -> str:
    return f"{_sessions(station, 'is ended in order', 'are ended in order')} Then the charge point restarts."


def _reset_hard(_connector: LiveConnector, station: Sequence[LiveConnector]) -> str:
    ended = _sessions(station, "is cut off", "are cut off")
    return f"The charge point restarts at once. {ended} Its last meter reading may be missing."


def _unlock(connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    if connector.session_pk is None:
        return "The lock of this connector opens, and the plug can be taken out."
    return (
        "The lock of this connector opens. The session that runs ends by that, or the charge point refuses."
    )


def _make_available(_connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    return "Vehicles can be charged at this connector again."


def _make_unavailable(connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    running = "" if connector.session_pk is None else " The session that runs may end first."
    return f"No vehicle can be charged at this connector until it is made available again.{running}"


def _sessions(station: Sequence[LiveConnector], one: str, more: str) -> str:
    running = sum(connector.session_pk is not None for connector in station)
    if not running:
        return "No session runs at it."
    return f"The session that runs at it {one}." if running == 1 else f"{running} sessions at it {more}."


WORDS = {
    "start": Words("Start charging", "play_arrow", _start),
    "stop": Words("Stop charging", "stop_circle", _stop),
    "reset_soft": Words("Soft reset", "restart_alt", _reset_soft),
    "reset_hard": Words("Hard reset", "power_settings_new", _reset_hard),
    "unlock": Words("Unlock connector", "lock_open", _unlock),
    "make_available": Words("Make available", "check_circle", _make_available),
    "make_unavailable": Words("Make unavailable", "block", _make_unavailable),
}
_ACCEPTED = "Accepted by the charge point"
_STEPS = {
    "sent": "Sent to the OCPP backend",
    "accepted": _ACCEPTED,
    "plugged_in": "Vehicle plugged in",
    "transaction": "Session begun",
    "energy": "The meter moves",
    "stopped": "Session ended",
    "billed": "Bill made",
    "back": "Restarted, and back online",
}
# Where a step of this name is another one, by the command.
_STEPS_OF = {
    ("unlock", "accepted"): "Unlocked by the charge point",
    ("make_available", "switched"): "The connector is available",
    ("make_unavailable", "switched"): "The connector is out of service",
}


def where(kind: str, connector: LiveConnector, station: Sequence[LiveConnector]) -> str:
    """What of a station the command is for."""
    if kind in RESETS:
        return "The whole charge point" if len(station) == 1 else f"All {len(station)} connectors"
    return name_of(connector)


def title_of(followed: Followed) -> tuple[str, str]:
    """The command, and where it was given."""
    place = "" if followed.kind in RESETS else f" · connector {followed.number}"
    return WORDS[followed.kind].ask, f"{followed.station_name}{place}"


def steps(followed: Followed) -> str:
    return markup.steps(
        [
            (name_of_step(followed.kind, step), step.state, _clock(step, followed.timezone), step.detail)
            for step in followed.progress.steps
        ]
    )


def name_of_step(kind: str, step: Step) -> str:
    return _STEPS_OF.get((kind, step.name)) or _STEPS.get(step.name, formats.words(step.name))


def state_of(followed: Followed) -> tuple[str, str]:
    """How far it has come: a word, and the colour of that."""
    if followed.progress.succeeded:
        return "Done", "available"
    if followed.progress.finished:
        return "Failed", "faulted"
    return "Under way", "occupied"


def last_step(followed: Followed) -> str:
    """What there is to say of it in a line: the cause where a step did not come, else what is waited for."""
    step = next(
        (step for step in followed.progress.steps if step.state != "done"), followed.progress.steps[-1]
    )
    return step.detail or name_of_step(followed.kind, step)


def _clock(step: Step, timezone: str) -> str:
    if step.at:
        return step.at.astimezone(ZoneInfo(timezone)).strftime("%H:%M:%S")
    if step.state == "waiting" and step.until:
        return step.until.astimezone(ZoneInfo(timezone)).strftime("until %H:%M:%S")
    return ""
