"""What some firmware does and should not, as far as it changes which messages are sent. Pure."""

from __future__ import annotations

import random
from collections.abc import Set
from dataclasses import replace
from datetime import timedelta

from simulator.fleet import Quirk
from simulator.messages import Message, Metered, Stopped

FORGETS_STOP = 0.15
_REPEATS_AFTER = timedelta(seconds=3)


def as_sent(message: Message, quirks: Set[Quirk], rng: random.Random) -> list[Message]:
    """The messages that a charge point with these quirks sends in place of `message`."""
    if not isinstance(message, Stopped):
        return [message]
    stop = message
    if "remote_as_local" in quirks and stop.reason == "Remote":
        stop = replace(stop, reason="Local")
    if "never_stops" in quirks and rng.random() < FORGETS_STOP:
        return [replace(stop, forgotten=True)]
    sent: list[Message] = [stop]
    if "stop_twice" in quirks:
        sent.append(replace(stop, time=stop.time + _REPEATS_AFTER, again=True))
    if "late_meter_values" in quirks:
        sent.append(Metered(stop.transaction, stop.last_reading))
    return sent
