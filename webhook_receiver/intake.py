"""What a webhook's bytes are taken for: the row to record, and the answer that its sender gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from db.inbox import Outcome, RecordedEvent
from ocpp_integration import events
from webhook_receiver.errors import Reply

MAX_KEY_LENGTH = 255

_REFUSED = "the event is not valid"


@dataclass(frozen=True)
class Answer:
    """`status_code`, and the members of the JSON body; `errors` maps each wrong field to its reasons."""

    status_code: int
    status: str
    message: str
    errors: dict[str, list[str]] | None = None

    def members(self) -> dict[str, Any]:
        told: dict[str, Any] = {"status": self.status, "message": self.message}
        return told | {"errors": self.errors} if self.errors else told

    def reply(self) -> Reply:
        return Reply(self.status_code, self.members())


TOO_LARGE = Answer(413, "error", f"the event is larger than {events.MAX_BODY_BYTES} bytes")
_OUTCOMES = {
    Outcome.RECORDED: Answer(200, "success", "event recorded"),
    Outcome.DUPLICATE: Answer(200, "success", "event was recorded before"),
    Outcome.CONFLICT: Answer(409, "error", "another body was recorded under this event id"),
}


@dataclass(frozen=True)
class Judged:
    """An event to record, and why it is refused all the same, where it is."""

    event: RecordedEvent
    refusal: Answer | None = None

    def answer(self, outcome: Outcome) -> Answer:
        return self.refusal or _OUTCOMES[outcome]


def judge(body: bytes, now: datetime, message_id: str | None = None) -> Judged:
    """One event as it came; `message_id` is its header `webhook-id`, where it has one of its own."""
    try:
        event = events.parse(body)
        return Judged(_to_record(event, _event_key(event, body, message_id), body, now))
    except events.InvalidEvent as error:
        return Judged(_to_keep(error, body, now), Answer(400, "error", _REFUSED, error.errors))


def _event_key(event: events.Event, body: bytes, message_id: str | None) -> str:
    key = events.identity({"webhook-id": message_id} if message_id else {}, event, body)
    if len(key) > MAX_KEY_LENGTH:
        raise events.InvalidEvent({"webhook-id": [f"longer than {MAX_KEY_LENGTH} characters"]})
    return key


def _to_record(event: events.Event, key: str, body: bytes, now: datetime) -> RecordedEvent:
    return RecordedEvent(
        event_key=key,
        body_digest=events.digest(body),
        type=event.type,
        station_id=event.station_id,
        transaction_id=event.transaction_id,
        body=body,
        received_at=now,
        # A newer backend must not be made to retry what an older receiver does not know.
        state="received" if event.type in events.PAYLOADS else "ignored",
    )


def _to_keep(error: events.InvalidEvent, body: bytes, now: datetime) -> RecordedEvent:
    """What was refused is kept for somebody to look at: the backend meant to tell us something."""
    digest = events.digest(body)
    return RecordedEvent(
        event_key=f"refused:{digest}",
        body_digest=digest,
        type=_type_of(body),
        body=body,
        received_at=now,
        state="dead",
        error=str(error),
    )


def _type_of(body: bytes) -> str:
    try:
        named = orjson.loads(body)["type"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return "unknown"
    return named if isinstance(named, str) and len(named) <= 50 and "\0" not in named else "unknown"
