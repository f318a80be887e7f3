"""One webhook, from its bytes to its answer, without a framework: nearly all requests are these.

The gateway answers them in its event loop, where none holds a thread while it waits for a commit that it
shares with others. Under any other WSGI server the Flask app comes here, too.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from db.inbox import InboxUnavailable, Outcome
from ocpp_integration import events
from settings import Settings
from webhook_receiver import admission
from webhook_receiver.access_log import HEADER, Watched
from webhook_receiver.admission import Rate
from webhook_receiver.context import Receiver
from webhook_receiver.errors import Reply, reply_to
from webhook_receiver.headers import SECURITY_HEADERS
from webhook_receiver.intake import Answer, Judged, judge

logger = logging.getLogger(__name__)

PATH = "/api/ocpp/webhook/"
WRONG_TYPE = Answer(415, "error", "the content type must be application/json")

_SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_ALWAYS = [(name.lower(), value) for name, value in SECURITY_HEADERS.items()]
_ALWAYS.append(("content-type", "application/json"))


@dataclass(frozen=True)
class Post:
    """A request as it came: its headers by their names in lower case, and the address it came from."""

    headers: Mapping[str, str]
    body: bytes
    peer: str


class Door:
    def __init__(self, receiver: Receiver):
        self._receiver = receiver

    async def respond(self, post: Post) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body of the whole answer: limits are kept, and the request is told of."""
        with Watched(self._receiver.metrics, "POST", post.headers.get(HEADER.lower())) as watched:
            watched.route = PATH
            reply = await self._answer(post)
            watched.status = reply.status
        own = [(name.lower(), value) for name, value in reply.headers.items()]
        headers = [*_ALWAYS, *own, (HEADER.lower(), watched.request_id)]
        return reply.status, headers, orjson.dumps(reply.members)

    async def _answer(self, post: Post) -> Reply:
        try:
            await self._count(admission.WEBHOOKS, post)
            reply = await self.take(post)
            if reply.status == 401:
                await self._count(admission.FAILURES, post)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is answered and the log told
            return reply_to(error)
        return reply

    async def _count(self, rate: Rate, post: Post) -> None:
        if rate.limit(self._receiver.settings):
            who = admission.origin_of(
                self._receiver.settings, post.peer, post.headers.get("x-forwarded-for", "")
            )
            await asyncio.to_thread(admission.count, self._receiver, rate, who)

    async def take(self, post: Post) -> Reply:
        """Verify, record, commit, and only then answer. Raises `InboxUnavailable`."""
        if not _is_json(post.headers.get("content-type", "")):
            return WRONG_TYPE.reply()
        try:
            signed = verified(self._receiver.settings, post.headers, post.body)
        except events.InvalidSignature as error:
            return refuse_unsigned(self._receiver, error)
        judged = judge(post.body, self._receiver.clock(), signed.get("webhook-id"))
        try:
            outcomes = await self._receiver.inbox.recorded([judged.event])
        except InboxUnavailable:
            count_unavailable(self._receiver, [judged])
            raise
        (answer,) = count_outcomes(self._receiver, [judged], outcomes)
        return answer.reply()


def verified(settings: Settings, given: Mapping[str, str], body: bytes) -> dict[str, str]:
    """The headers that are signed with `body`, by their names. Raises `InvalidSignature`.

    A backend that cannot sign may be let in by setting; a wrong signature never is.
    """
    headers = {name: value for name in _SIGNED_HEADERS if (value := given.get(name)) is not None}
    if "webhook-signature" in headers or not settings.webhook_allow_unsigned:
        events.verify(settings.webhook_secrets, headers, body)
    return headers


def refuse_unsigned(receiver: Receiver, error: events.InvalidSignature) -> Reply:
    logger.warning("a webhook was refused: %s", error)
    receiver.metrics.webhook(None, "unsigned")
    return Answer(401, "error", "the signature is missing, wrong, or too old").reply()


def count_outcomes(receiver: Receiver, judged: Sequence[Judged], outcomes: Sequence[Outcome]) -> list[Answer]:
    """The answer to each event that was recorded, counted."""
    for each, outcome in zip(judged, outcomes, strict=True):
        receiver.metrics.webhook(each.event.type, "invalid" if each.refusal else outcome.value)
    return [each.answer(outcome) for each, outcome in zip(judged, outcomes, strict=True)]


def count_unavailable(receiver: Receiver, judged: Sequence[Judged]) -> None:
    for each in judged:
        receiver.metrics.webhook(each.event.type, "unavailable")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
