"""`manage.py list-events` and `retry-event`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from db.engine import reading, writing
from ocpp_integration import recorded_webhooks
from ocpp_integration.recorded_webhooks import Matching, RecordedWebhook, Search


def table(engine: Engine, state: str, limit: int) -> str:
    """The newest events in `state`, one below the other, each with its reason."""
    with reading(engine) as store:
        found = Matching(store, Search(state)).newest(limit=limit + 1)
    if not found:
        return f"No event is {state}."
    lines = [line for event in found[:limit] for line in _lines(event)]
    more = [f"There are more; --limit shows them ({limit} are shown)."] if len(found) > limit else []
    return "\n".join(lines + more)


def retry(engine: Engine, event_id: int) -> None:
    """Raises `NotFound` and `CannotRetry`."""
    with writing(engine) as store:
        recorded_webhooks.retry(store, None, event_id)


def _lines(event: RecordedWebhook) -> Sequence[str]:
    came = f"{event.received_at:%Y-%m-%d %H:%M:%S} UTC"
    return (
        f"{event.id}  {came}  {event.type}  {event.station_id or 'no station'}",
        f"    {event.error or 'no reason is known'}",
    )
