"""A webhook that is not applied, as a row of a list, and its body. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from dashboard import formats
from dashboard.access_rows import Fact, fact_row
from languages import N_, _, told
from ocpp_integration.held_events import HeldEvent

_STATES = {"dead": (N_("Dead"), "faulted"), "waiting": (N_("Waiting"), "occupied")}
_LONGEST_REASON = 200


def row(event: HeldEvent, now: datetime, timezone: str) -> str:
    reason = event.error or ""
    if len(reason) > _LONGEST_REASON:
        reason = reason[:_LONGEST_REASON] + " …"
    received = formats.local_time(event.received_at, timezone, seconds=True)
    facts = [
        Fact(_("Received"), formats.ago(event.received_at, now), received),
        Fact(_("Number"), str(event.id)),
    ]
    below = " · ".join((event.station_id or _("No station"), told(reason)))
    word, kind = _STATES[event.state]
    return fact_row(event.type, below, (_(word), kind), facts)


def body(raw: bytes) -> str:
    """The body as JSON, laid out; as it came where it is none."""
    text = raw.decode(errors="replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
