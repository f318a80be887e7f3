"""The steps of a command: which came, which are waited for until when, which did not come and why. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from db.models import ChargingSession, Command
from ocpp_integration.errors import BackendDown

# Longer than any answer takes, so that a command whose process died does not bar its connector for ever.
ABANDONED_AFTER = timedelta(seconds=120)
STOP_WITHIN = timedelta(seconds=60)
BILL_WITHIN = timedelta(seconds=15)
RESTART_WITHIN = timedelta(seconds=180)
SWITCH_WITHIN = timedelta(seconds=60)
# How much later than the charge point gives up a start, its giving up may be known here.
GRACE = timedelta(seconds=15)
_FIRST_ENERGY_WITHIN = timedelta(seconds=120)
# How a charge point says that it will, once nothing charges any more.
SCHEDULED = "Scheduled"

StepState = Literal["done", "waiting", "failed"]


@dataclass(frozen=True)
class Step:
    """One step of a command: when it came (None: not yet, or nobody told). `detail` is the cause where it did
    not come, else what is worth knowing; `until` is when waiting for it ends.
    """

    name: str
    state: StepState
    at: datetime | None = None
    detail: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """A command's steps so far; `finished` when none can follow."""

    steps: tuple[Step, ...]
    finished: bool
    succeeded: bool


@dataclass(frozen=True)
class Seen:
    """What the store knows of the doings that a command asked for.

    `session` is the one that a start made or a stop ends. `plugged_at`: since when a vehicle is plugged in;
    `energy_at`: when the meter first stood higher. `back_at`: when the charge point came back after a reset,
    `is_online` whether it is there now. `switched_at`: since when the connector is as it was told to be.
    `is_charging`: whether a session runs where the command is to take effect, `freed_at` when the last ended.
    """

    session: ChargingSession | None = None
    plugged_at: datetime | None = None
    energy_at: datetime | None = None
    back_at: datetime | None = None
    is_online: bool = True
    switched_at: datetime | None = None
    is_charging: bool = False
    freed_at: datetime | None = None


def progress(command: Command, seen: Seen, now: datetime, start_within: timedelta) -> Progress:
    """`start_within` is how long after accepting a start a charge point waits for the vehicle."""
    if was_not_sent(command):
        return Progress((Step("sent", "failed", command.answered_at, command.error or ""),), True, False)
    accepted = _accepted(command, seen)
    steps = [Step("sent", "done", command.sent_at), accepted]
    if accepted.state == "done":
        steps += _FOLLOWING[command.kind](command, seen, now, start_within)
    # What is waited for after a step that did not come, will not come either.
    failed = next((place for place, step in enumerate(steps) if step.state == "failed"), len(steps))
    steps = steps[: failed + 1]
    finished = all(step.state != "waiting" for step in steps)
    return Progress(tuple(steps), finished, finished and all(step.state == "done" for step in steps))


def was_not_sent(command: Command) -> bool:
    return command.state == "failed" and (command.outcome or {}).get("code") == BackendDown.code


def _accepted(command: Command, seen: Seen) -> Step:
    if command.state == "accepted":
        return Step("accepted", "done", command.answered_at)
    if command.state == "open":
        return Step("accepted", "waiting", until=command.sent_at + ABANDONED_AFTER)
    if command.state == "failed":
        return Step("accepted", "failed", command.answered_at, command.error or "No answer came.")
    # No answer came, but what happened since tells whether the charge point did as it was told.
    if done_at := _done_at(command, seen):
        return Step("accepted", "done", done_at)
    return Step("accepted", "waiting", detail=f"{command.error or 'No answer came.'} {_BEING_FOUND_OUT}")


_BEING_FOUND_OUT = "What happened is being found out."


def _done_at(command: Command, seen: Seen) -> datetime | None:
    if command.kind == "start":
        return seen.session.reported_start if seen.session else None
    if command.kind == "stop":
        return seen.session.stop_time if seen.session else None
    return seen.back_at or seen.switched_at


def _start(command: Command, seen: Seen, now: datetime, start_within: timedelta) -> list[Step]:
    session = seen.session
    begun_at, ended_at = (session.reported_start, session.stop_time) if session else (None, None)
    until = _answered(command) + start_within + GRACE
    is_over = ended_at is not None or now > until
    seconds = int(start_within.total_seconds())
    plugged_at = seen.plugged_at or begun_at
    if plugged_at is None:
        if is_over:
            return [Step("plugged_in", "failed", ended_at, f"No vehicle was plugged in within {seconds} s.")]
        return [Step("plugged_in", "waiting", until=until), *_waiting("transaction", "energy")]
    plugged = Step("plugged_in", "done", min(plugged_at, begun_at or plugged_at))
    if session is None or begun_at is None:
        if is_over:
            cause = f"A vehicle is plugged in, but the charge point began no transaction within {seconds} s."
            return [plugged, Step("transaction", "failed", ended_at, cause)]
        return [plugged, Step("transaction", "waiting", until=until), *_waiting("energy")]
    return [plugged, Step("transaction", "done", begun_at), _first_energy(session, begun_at, seen, now)]


def _first_energy(session: ChargingSession, begun_at: datetime, seen: Seen, now: datetime) -> Step:
    until = begun_at + _FIRST_ENERGY_WITHIN
    if session.energy_wh:
        return Step("energy", "done", seen.energy_at or session.power_at)
    if session.stop_time is not None:
        cause = f"The session ended without energy ({session.stop_reason or 'no reason given'})."
        return Step("energy", "failed", session.stop_time, cause)
    if now > until:
        return Step("energy", "failed", None, "The vehicle has drawn no energy so far.")
    return Step("energy", "waiting", until=until)


def _stop(command: Command, seen: Seen, now: datetime, _start_within: timedelta) -> list[Step]:
    session, until = seen.session, _answered(command) + STOP_WITHIN
    if session is None or session.stop_time is None:
        if now > until:
            return [Step("stopped", "failed", None, "The charge point accepted, but reported no end so far.")]
        return [Step("stopped", "waiting", until=until), *_waiting("billed")]
    return [Step("stopped", "done", session.stop_time), _billed(session, now)]


def _billed(session: ChargingSession, now: datetime) -> Step:
    until = max(session.stop_time or now, session.heard_at or now) + BILL_WITHIN
    if session.verdict == "held":
        cause = "It cannot be as it was reported: no bill, until an administrator has decided about it."
        return Step("billed", "failed", None, cause)
    if session.cost is not None:
        return Step("billed", "done", session.stop_time)
    if now > until:
        return Step("billed", "failed", None, "No tariff was in force, so there is no bill.")
    return Step("billed", "waiting", until=until)


def _reset(command: Command, seen: Seen, now: datetime, _start_within: timedelta) -> list[Step]:
    if seen.back_at is not None:
        return [Step("back", "done", seen.back_at)]
    if is_scheduled(command) and seen.is_charging:
        return [Step("back", "waiting", detail="It restarts when its sessions have ended.")]
    until = _from_when(command, seen) + RESTART_WITHIN
    if now <= until:
        return [Step("back", "waiting", until=until)]
    seconds = int(RESTART_WITHIN.total_seconds())
    if seen.is_online:
        return [Step("back", "failed", None, f"The charge point has not restarted within {seconds} s.")]
    return [Step("back", "failed", None, f"The charge point went away and is not back after {seconds} s.")]


def _switch(command: Command, seen: Seen, now: datetime, _start_within: timedelta) -> list[Step]:
    if seen.switched_at is not None:
        return [Step("switched", "done", seen.switched_at)]
    if is_scheduled(command) and seen.is_charging:
        return [Step("switched", "waiting", detail="It takes effect when the session has ended.")]
    until = _from_when(command, seen) + SWITCH_WITHIN
    if now <= until:
        return [Step("switched", "waiting", until=until)]
    return [Step("switched", "failed", None, "The charge point accepted, but reports another status so far.")]


def _nothing(_command: Command, _seen: Seen, _now: datetime, _start_within: timedelta) -> list[Step]:
    """The answer says it all."""
    return []


def is_scheduled(command: Command) -> bool:
    return ((command.outcome or {}).get("data") or {}).get("status") == SCHEDULED


def _from_when(command: Command, seen: Seen) -> datetime:
    return max(_answered(command), seen.freed_at or command.sent_at)


def _answered(command: Command) -> datetime:
    return command.answered_at or command.sent_at


def _waiting(*names: str) -> list[Step]:
    return [Step(name, "waiting") for name in names]


_FOLLOWING: dict[str, Callable[[Command, Seen, datetime, timedelta], list[Step]]] = {
    "start": _start,
    "stop": _stop,
    "reset_soft": _reset,
    "reset_hard": _reset,
    "unlock": _nothing,
    "make_available": _switch,
    "make_unavailable": _switch,
}
