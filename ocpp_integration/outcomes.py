"""What came of a command: as its asker is told, and as it is kept to be told once more."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Engine

from db.engine import reading, writing
from db.models import Command
from ocpp_integration.commands import close_command, session_of
from ocpp_integration.errors import (
    BackendDown,
    BackendError,
    BackendRefused,
    BackendSilent,
    IntegrationError,
    InvalidRequest,
    UnderWay,
)

RETRY_AFTER_SECONDS = 30
UNDER_WAY_SECONDS = 2

# More than this of a backend's answer is not kept to be told once more.
MAX_KEPT_BYTES = 64 * 1024

Result = dict[str, Any]


def failure(error: IntegrationError) -> Result:
    """The result of what could not be done: a sentence for people, a word for programs."""
    result: Result = {"success": False, "error": str(error), "code": error.code}
    if isinstance(error, InvalidRequest):
        result["errors"] = error.errors
    if isinstance(error, BackendDown):
        result["retry_after"] = math.ceil(error.retry_after or RETRY_AFTER_SECONDS)
    if isinstance(error, UnderWay):
        result["retry_after"] = UNDER_WAY_SECONDS
    return result


def digest(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(request, option=orjson.OPT_SORT_KEYS)).hexdigest()


def kept(data: Result) -> Result:
    return data if len(orjson.dumps(data)) <= MAX_KEPT_BYTES else {}


def close_failed(engine: Engine, command: Command, error: BackendError, now: datetime) -> Result:
    """Record that the backend did not do it, or that nobody knows; the result to tell."""
    was_not_done = isinstance(error, BackendDown) or (isinstance(error, BackendRefused) and error.is_final)
    told = failure(error) | _busy(command, error)
    with writing(engine) as store:
        row = store.get_one(Command, command.id)
        state: Literal["failed", "unknown"] = "failed" if was_not_done else "unknown"
        close_command(row, state=state, now=now, error=error, outcome=told)
    return told | {"command": row}


def told_again(engine: Engine, command: Command) -> Result:
    """What became of a command that had been asked for before, as its asker was told then."""
    with reading(engine) as store:
        session = session_of(store, command)
    result: Result = {"charging_session": session, "command": command, "data": {}}
    if command.state == "accepted":
        return result | {"success": True} | (command.outcome or {})
    if command.state == "open":
        return result | failure(UnderWay("This command is under way."))
    return result | (command.outcome or failure(BackendSilent(command.error or "No answer came.")))


def _busy(command: Command, error: BackendError) -> Result:
    """A conflict at the backend is the asker's to mend: the connector is taken, the session over."""
    field_name = {"start": "connector_id", "stop": "transaction_id"}.get(command.kind)
    if field_name is None or not isinstance(error, BackendRefused) or error.status != 409:
        return {}
    return {"code": "busy", "errors": {field_name: [str(error)]}}
