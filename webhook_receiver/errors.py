"""Refusals, each of them JSON: whatever is asked, no answer of ours is a page of HTML."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

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


def register(app: Flask) -> None:
    app.register_error_handler(BadFields, _bad_fields)
    app.register_error_handler(Refused, refusal)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(InboxUnavailable, _store_unavailable)
    app.register_error_handler(OperationalError, _store_unavailable)
    app.register_error_handler(TimeoutError, _store_unavailable)
    app.register_error_handler(Exception, _unforeseen)


def _answer(status: int, message: str, retry_after: int | None = None) -> Response:
    response = jsonify({"success": False, "error": message})
    response.status_code = status
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _bad_fields(error: BadFields) -> tuple[Response, int]:
    return jsonify(error.reasons), 400


def refusal(error: Refused) -> Response:
    response = _answer(error.status, error.message, error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = error.scheme
    return response


def _http(error: HTTPException) -> Response:
    response = _answer(error.code or 500, error.name)
    # Those of the page that werkzeug would have sent describe another body.
    kept = [item for item in error.get_headers() if item[0].lower() != "content-type"]
    response.headers.extend(kept)
    return response


def _store_unavailable(error: Exception) -> Response:
    cause = error.__cause__ or error
    # The driver's own words; SQLAlchemy would add the statement and its parameters.
    logger.warning("answered 503: %s", getattr(cause, "orig", cause))
    return _answer(503, STORE_UNAVAILABLE, RETRY_AFTER_SECONDS)


def _unforeseen(error: Exception) -> Response:
    logger.error("a request failed", exc_info=error)
    return _answer(500, "this failed here and was logged")
