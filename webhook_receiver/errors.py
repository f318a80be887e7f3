"""Refusals, each of them JSON: whatever is asked, no answer of ours is a page of HTML."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException

from db.inbox import InboxUnavailable

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
STORE_UNAVAILABLE = "the store cannot be used now, try again"


class BadFields(Exception):
    """400; `reasons` maps each wrong field to what is wrong with it."""

    def __init__(self, reasons: Mapping[str, Sequence[str]]):
        super().__init__("; ".join(f"{field}: {' '.join(texts)}" for field, texts in reasons.items()))
        self.reasons = {field: list(texts) for field, texts in reasons.items()}


class Refused(Exception):
    """`status` with `{"success": false, "error": ...}`, and `Retry-After` where waiting may help."""

    def __init__(self, status: int, message: str, *, retry_after: int | None = None):
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after


class NotFound(Refused):
    """What is not there, and likewise what the caller may not see."""

    def __init__(self, what: str = "not found"):
        super().__init__(404, what)


class Unauthorized(Refused):
    """401; `scheme` is how one may authenticate."""

    def __init__(self, message: str, *, scheme: str = "Token"):
        super().__init__(401, message)
        self.scheme = scheme


@dataclass(frozen=True)
class Reply:
    """What a refused caller is told: `{"success": false, "error": ...}`, or what is wrong by field."""

    status: int
    members: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def refusing(cls, status: int, message: str, retry_after: int | None = None, **headers: str) -> Reply:
        later = {} if retry_after is None else {"Retry-After": str(retry_after)}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, {"success": False, "error": message}, later | named)


def reply_to(error: Exception) -> Reply:
    """What the caller is told of `error`; the log is told what it must not be."""
    if isinstance(error, BadFields):
        return Reply(400, error.reasons)
    if isinstance(error, Unauthorized):
        return Reply.refusing(error.status, error.message, WWW_Authenticate=error.scheme)
    if isinstance(error, Refused):
        return Reply.refusing(error.status, error.message, error.retry_after)
    if isinstance(error, InboxUnavailable | OperationalError | TimeoutError):
        cause = error.__cause__ or error
        # The driver's own words; SQLAlchemy would add the statement and its parameters.
        logger.warning("answered 503: %s", getattr(cause, "orig", cause))
        return Reply.refusing(503, STORE_UNAVAILABLE, RETRY_AFTER_SECONDS)
    logger.error("a request failed", exc_info=error)
    return Reply.refusing(500, "this failed here and was logged")


def register(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, response_to)


def response_to(error: Exception) -> Response:
    return respond(reply_to(error))


def respond(reply: Reply) -> Response:
    response = jsonify(reply.members)
    response.status_code = reply.status
    response.headers.update(reply.headers)
    return response


def _http(error: HTTPException) -> Response:
    response = respond(Reply.refusing(error.code or 500, error.name))
    # Those of the page that werkzeug would have sent describe another body.
    kept = [item for item in error.get_headers() if item[0].lower() != "content-type"]
    response.headers.extend(kept)
    return response
