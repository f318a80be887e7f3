"""Whose token a request carries."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import cast
from uuid import UUID

from flask import g, request
from sqlalchemy import Engine, update
from sqlalchemy.exc import OperationalError

from db.access import api_token
from db.engine import reading, writing
from db.models import ApiToken
from webhook_receiver.access_log import USER
from webhook_receiver.context import receiver
from webhook_receiver.errors import Unauthorized

logger = logging.getLogger(__name__)

MARK_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Caller:
    """Who asks, by which token. `owner_id` is whose stations an owner sees."""

    token_id: int
    user_id: UUID
    role: str
    owner_id: int | None


def caller() -> Caller:
    """Who asks in the current request, let in by `authenticate`."""
    return cast(Caller, g.caller)


def authenticate(marks: UseMarks) -> Caller:
    """Find the caller of this request, and remember it. Raises `Unauthorized`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "token" or not token.strip():
        raise Unauthorized("the header `Authorization: Token <token>` is needed")
    now = receiver().clock()
    with reading(receiver().engine) as store:
        found = api_token(store, token.strip(), now)
        if found is None:
            raise Unauthorized("the token is not valid")
        g.caller = Caller(found.id, found.user.id, found.user.role, found.user.owner_id)
    request.environ[USER] = str(found.user_id)
    marks.mark(receiver().engine, found.id, found.last_used_at, now)
    return caller()


class UseMarks:
    """Keeps a token's `last_used_at` within a minute of the truth, without a write per request."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._tried_at: dict[int, datetime] = {}

    def mark(self, engine: Engine, token_id: int, stored: datetime | None, now: datetime) -> None:
        if not self._is_due(token_id, stored, now):
            return
        try:
            with writing(engine) as store:
                store.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now))
        except OperationalError as error:
            # A store that takes no writes may still be read; tried again when the next mark is due.
            logger.warning("the use of token %d could not be marked: %s", token_id, error.orig)

    def _is_due(self, token_id: int, stored: datetime | None, now: datetime) -> bool:
        with self._lock:
            known = [at for at in (stored, self._tried_at.get(token_id)) if at is not None]
            if known and now - max(known) < MARK_EVERY:
                return False
            self._tried_at[token_id] = now
            return True
