"""The addresses that the OCPP backend posts its events to: verify, record, commit, and only then answer."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from flask import Blueprint, Response, request

from db.inbox import InboxUnavailable
from ocpp_integration import events
from webhook_receiver import admission, batches
from webhook_receiver.context import receiver
from webhook_receiver.door import (
    PATH,
    Door,
    Post,
    count_outcomes,
    count_unavailable,
    refuse_unsigned,
    verified,
)
from webhook_receiver.errors import respond
from webhook_receiver.intake import TOO_LARGE, Answer, Judged, judge

blueprint = Blueprint("webhooks", __name__)


@blueprint.post(PATH)
def receive() -> Response:
    """Where no gateway is in front, which opens the door itself."""
    post = Post(_headers(), request.get_data(cache=False), request.remote_addr or "")
    return respond(asyncio.run(Door(receiver()).take(post)))


@blueprint.post("/api/ocpp/webhook/batch/")
def receive_batch() -> Response:
    """Up to 1,000 events under one signature, in one commit, with an answer for each."""
    split = batches.SPLITTERS.get(request.mimetype)
    if split is None:
        return _error(415, f"the content type must be {' or '.join(batches.SPLITTERS)}")
    request.max_content_length = batches.MAX_BATCH_BYTES
    body = request.get_data(cache=False)
    verified(receiver().settings, _headers(), body)
    try:
        parts = split(body)
    except batches.NoBatch as error:
        receiver().metrics.webhook(None, "invalid")
        return _error(400, "the batch is not valid", {"body": [str(error)]})
    except batches.TooManyEvents:
        receiver().metrics.webhook(None, "invalid")
        return _error(413, f"a batch has at most {batches.MAX_EVENTS} events")
    admission.count_events(len(parts) - 1)
    return _told_each(_record_each(parts))


@blueprint.errorhandler(events.InvalidSignature)
def _not_let_in(error: events.InvalidSignature) -> Response:
    return respond(refuse_unsigned(receiver(), error))


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _record_each(parts: list[bytes]) -> list[Answer]:
    now = receiver().clock()
    judged: list[Judged | None] = [
        judge(part, now) if len(part) <= events.MAX_BODY_BYTES else None for part in parts
    ]
    answers = iter(_record([each for each in judged if each]))
    for _ in range(judged.count(None)):
        receiver().metrics.webhook(None, "invalid")
    return [next(answers) if each else TOO_LARGE for each in judged]


def _record(judged: list[Judged]) -> list[Answer]:
    """Record events in one commit; the answer to each. Raises `InboxUnavailable`."""
    try:
        outcomes = receiver().inbox.record_all([each.event for each in judged])
    except InboxUnavailable:
        count_unavailable(receiver(), judged)
        raise
    return count_outcomes(receiver(), judged, outcomes)


def _told_each(answers: list[Answer]) -> Response:
    """200 where every event has an answer of its own, good or bad: the sender has to look at each."""
    refused = sum(answer.status_code != 200 for answer in answers)
    told = {
        "status": "error" if refused else "success",
        "message": f"{len(answers) - refused} of {len(answers)} events recorded",
        "answers": [{"status_code": answer.status_code} | answer.members() for answer in answers],
    }
    return _response(200, told)


def _error(status_code: int, message: str, errors: dict[str, list[str]] | None = None) -> Response:
    return _response(status_code, Answer(status_code, "error", message, errors).members())


def _response(status_code: int, members: dict[str, Any]) -> Response:
    return Response(orjson.dumps(members), status_code, content_type="application/json")
