"""A recorded webhook as a row of a list, and its body. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from languages import N_, _, told
from ocpp_integration.recorded_webhooks import RecordedWebhook

# Word and colour of each state of an event.
STATES = {
    "received": (N_("Received"), "occupied"),
    "waiting": (N_("Waiting"), "occupied"),
    "applied": (N_("Applied"), "available"),
    "pruned": (N_("Applied"), "available"),
    "ignored": (N_("Not known"), "other"),
    "dead": (N_("Dead"), "faulted"),
}
_LONGEST_REASON = 200


def row(event: RecordedWebhook, now: datetime, timezone: str) -> str:
    reason = event.error or ""
    if len(reason) > _LONGEST_REASON:
        reason = reason[:_LONGEST_REASON] + " …"
    received = formats.local_time(event.received_at, timezone, seconds=True)
    facts = [
        Fact(_("Received"), formats.ago(event.received_at, now), received),
        Fact(_("Number"), str(event.id)),
    ]
    if event.transaction_id is not None:
        facts.append(Fact(_("Transaction"), str(event.transaction_id)))
    below = " · ".join(filter(None, (event.station_id or _("No station"), told(reason))))
    word, kind = STATES[event.state]
    return fact_row(event.type, below, (_(word), kind), facts)


def body(raw: bytes) -> str:
    """The body as JSON, laid out; as it came where it is none."""
    text = raw.decode(errors="replace")
    try:
        laid_out = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
    # Half of a letter, as JSON may have it escaped, cannot be sent to a browser.
    return laid_out.encode(errors="replace").decode()
