"""What commands and their steps are called, and what each will do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from dashboard import formats, markup
from dashboard.connector_card import name_of
from db.analytics.live import LiveConnector
from languages import N_, _, ngettext, told
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
    return _("Charging begins as soon as a vehicle is plugged in.")


def _stop(connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    if connector.energy_wh is None:
        return _("The session ends, and its bill is made.")
    return _(
        "The session ends after {energy}, and its bill is made.",
        energy=formats.exact_energy(connector.energy_wh),
    )


def _reset_soft(_connector: LiveConnector, station: Sequence[LiveConnector]) -> str:
    running = _running(station)
    ended = ngettext(
        "The session that runs at it is ended in order.", "{n} sessions at it are ended in order.", running
    )
    return " ".join((ended if running else _none_runs(), _("Then the charge point restarts.")))


def _reset_hard(_connector: LiveConnector, station: Sequence[LiveConnector]) -> str:
    running = _running(station)
    ended = ngettext("The session that runs at it is cut off.", "{n} sessions at it are cut off.", running)
    return " ".join(
        (
            _("The charge point restarts at once."),
            ended if running else _none_runs(),
            _("Its last meter reading may be missing."),
        )
    )


def _unlock(connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    if connector.session_pk is None:
        return _("The lock of this connector opens, and the plug can be taken out.")
    return _(
        "The lock of this connector opens. The session that runs ends by that, or the charge point refuses."
    )


def _make_available(_connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    return _("Vehicles can be charged at this connector again.")


def _make_unavailable(connector: LiveConnector, _station: Sequence[LiveConnector]) -> str:
    told = _("No vehicle can be charged at this connector until it is made available again.")
    return told if connector.session_pk is None else f"{told} " + _("The session that runs may end first.")


def _running(station: Sequence[LiveConnector]) -> int:
    return sum(connector.session_pk is not None for connector in station)


def _none_runs() -> str:
    return _("No session runs at it.")


WORDS = {
    "start": Words(N_("Start charging"), "play_arrow", _start),
    "stop": Words(N_("Stop charging"), "stop_circle", _stop),
    "reset_soft": Words(N_("Soft reset"), "restart_alt", _reset_soft),
    "reset_hard": Words(N_("Hard reset"), "power_settings_new", _reset_hard),
    "unlock": Words(N_("Unlock connector"), "lock_open", _unlock),
    "make_available": Words(N_("Make available"), "check_circle", _make_available),
    "make_unavailable": Words(N_("Make unavailable"), "block", _make_unavailable),
}
_ACCEPTED = N_("Accepted by the charge point")
_STEPS = {
    "sent": N_("Sent to the OCPP backend"),
    "accepted": _ACCEPTED,
    "plugged_in": N_("Vehicle plugged in"),
    "transaction": N_("Session begun"),
    "energy": N_("The meter moves"),
    "stopped": N_("Session ended"),
    "billed": N_("Bill made"),
    "back": N_("Restarted, and back online"),
}
# Where a step of this name is another one, by the command.
_STEPS_OF = {
    ("unlock", "accepted"): N_("Unlocked by the charge point"),
    ("make_available", "switched"): N_("The connector is available"),
    ("make_unavailable", "switched"): N_("The connector is out of service"),
}


def where(kind: str, connector: LiveConnector, station: Sequence[LiveConnector]) -> str:
    """What of a station the command is for."""
    if kind in RESETS:
        return (
            _("The whole charge point")
            if len(station) == 1
            else _("All {count} connectors", count=len(station))
        )
    return name_of(connector)


def title_of(followed: Followed) -> tuple[str, str]:
    """The command, and where it was given."""
    place = "" if followed.kind in RESETS else " · " + _("connector {number}", number=followed.number)
    return _(WORDS[followed.kind].ask), f"{followed.station_name}{place}"


def steps(followed: Followed) -> str:
    return markup.steps(
        [
            (
                name_of_step(followed.kind, step),
                step.state,
                _clock(step, followed.timezone),
                told(step.detail),
            )
            for step in followed.progress.steps
        ]
    )


def name_of_step(kind: str, step: Step) -> str:
    marked = _STEPS_OF.get((kind, step.name)) or _STEPS.get(step.name)
    return _(marked) if marked else formats.words(step.name)


def state_of(followed: Followed) -> tuple[str, str]:
    """How far it has come: a word, and the colour of that."""
    if followed.progress.succeeded:
        return _("Done"), "available"
    if followed.progress.finished:
        return _("Failed"), "faulted"
    return _("Under way"), "occupied"


def last_step(followed: Followed) -> str:
    """What there is to say of it in a line: the cause where a step did not come, else what is waited for."""
    step = next(
        (step for step in followed.progress.steps if step.state != "done"), followed.progress.steps[-1]
    )
    return told(step.detail) or name_of_step(followed.kind, step)


def _clock(step: Step, timezone: str) -> str:
    if step.at:
        return step.at.astimezone(ZoneInfo(timezone)).strftime("%H:%M:%S")
    if step.state == "waiting" and step.until:
        return _("until {clock}", clock=f"{step.until.astimezone(ZoneInfo(timezone)):%H:%M:%S}")
    return ""
