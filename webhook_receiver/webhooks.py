"""The address that the OCPP backend posts its events to: verify, record, commit, and only then answer."""

from __future__ import annotations

import logging

import orjson
from flask import Blueprint, Response, jsonify, request

from db.inbox import InboxUnavailable, Outcome, RecordedEvent
from ocpp_integration import events
from settings import Settings
from webhook_receiver.context import receiver

logger = logging.getLogger(__name__)

blueprint = Blueprint("webhooks", __name__)

MAX_KEY_LENGTH = 255

_ANSWERS = {
    Outcome.RECORDED: (200, "success", "event recorded"),
    Outcome.DUPLICATE: (200, "success", "event was recorded before"),
    Outcome.CONFLICT: (409, "error", "another body was recorded under this event id"),
}


@blueprint.post("/api/ocpp/webhook/")
def receive() -> tuple[Response, int]:
    if not request.is_json:
        return _answer(415, "error", "the content type must be application/json")
    body = request.get_data(cache=False)
    try:
        _verify(receiver().settings, body)
        event = events.parse(body)
        recorded = _to_record(event, _event_key(event, body), body)
    except events.InvalidSignature as error:
        logger.warning("a webhook was refused: %s", error)
        receiver().metrics.webhook(None, "unsigned")
        return _answer(401, "error", "the signature is missing or wrong")
    except events.InvalidEvent as error:
        kept = _to_keep(error, body)
        receiver().metrics.webhook(kept.type, "invalid")
        receiver().inbox.record(kept)
        return _answer(400, "error", "the event is not valid", error.errors)
    return _answer(*_ANSWERS[_record(recorded)])


def _record(event: RecordedEvent) -> Outcome:
    try:
        outcome = receiver().inbox.record(event)
    except InboxUnavailable:
        receiver().metrics.webhook(event.type, "unavailable")
        raise
    receiver().metrics.webhook(event.type, outcome.value)
    return outcome


def _verify(settings: Settings, body: bytes) -> None:
    """A backend that cannot sign may be let in by setting; a wrong signature never is."""
    if settings.webhook_allow_unsigned and "webhook-signature" not in request.headers:
        return
    events.verify(settings.webhook_secrets, _headers(), body)


def _event_key(event: events.Event, body: bytes) -> str:
    key = events.identity(_headers(), event, body)
    if len(key) > MAX_KEY_LENGTH:
        raise events.InvalidEvent({"webhook-id": [f"longer than {MAX_KEY_LENGTH} characters"]})
    return key


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _to_record(event: events.Event, key: str, body: bytes) -> RecordedEvent:
    return RecordedEvent(
        event_key=key,
        body_digest=events.digest(body),
        type=event.type,
        station_id=event.station_id,
        transaction_id=event.transaction_id,
        body=body,
        received_at=receiver().clock(),
        # A newer backend must not be made to retry what an older receiver does not know.
        state="received" if event.type in events.PAYLOADS else "ignored",
    )


def _to_keep(error: events.InvalidEvent, body: bytes) -> RecordedEvent:
    """What was refused is kept for somebody to look at: the backend meant to tell us something."""
    return RecordedEvent(
        event_key=f"refused:{events.digest(body)}",
        body_digest=events.digest(body),
        type=_type_of(body),
        body=body,
        received_at=receiver().clock(),
        state="dead",
        error=str(error),
    )


def _type_of(body: bytes) -> str:
    try:
        named = orjson.loads(body)["type"]
    except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
        return "unknown"
    return named if isinstance(named, str) and len(named) <= 50 and "\0" not in named else "unknown"


def _answer(
    status: int, word: str, message: str, errors: dict[str, list[str]] | None = None
) -> tuple[Response, int]:
    answer: dict[str, object] = {"status": word, "message": message}
    return jsonify(answer | ({"errors": errors} if errors else {})), status
