"""OCPP-J frames: text in, values out, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from ocpp_backend.failures import CallError

MAX_FRAME_BYTES = 64 * 1024
_CALL, _RESULT, _ERROR = 2, 3, 4
_MAX_ID = 36
# What a CALLERROR carries where the frame does not say which message it was.
UNKNOWN_ID = "-1"


class Call(NamedTuple):
    message_id: str
    action: str
    payload: dict[str, Any]


class Result(NamedTuple):
    message_id: str
    payload: dict[str, Any]


class Error(NamedTuple):
    message_id: str
    code: str
    description: str


class BadFrame(CallError):
    """The frame is no OCPP-J; `reply` says whether a CALLERROR may answer it."""

    def __init__(self, description: str, message_id: str = UNKNOWN_ID, *, reply: bool = True):
        super().__init__("FormationViolation", description)
        self.message_id = message_id
        self.reply = reply


def parse(frame: str | bytes) -> Call | Result | Error:
    """The message in a frame. Raises `BadFrame`."""
    if isinstance(frame, bytes):
        raise BadFrame("a text frame is needed")
    if len(frame.encode(errors="replace")) > MAX_FRAME_BYTES:
        raise BadFrame(f"the frame is larger than {MAX_FRAME_BYTES} bytes")
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise BadFrame(f"not JSON: {error}") from error
    if not isinstance(message, list) or len(message) < 3:
        raise BadFrame("a frame is a JSON array of at least three elements")
    message_id = message[1]
    if not isinstance(message_id, str) or not 0 < len(message_id) <= _MAX_ID or "\0" in message_id:
        raise BadFrame(f"a message id is text of 1 to {_MAX_ID} characters")
    return _typed(message, message_id, frame)


def call(message_id: str, action: str, payload: dict[str, Any]) -> str:
    return orjson.dumps([_CALL, message_id, action, payload]).decode()


def result(message_id: str, payload: dict[str, Any]) -> str:
    return orjson.dumps([_RESULT, message_id, payload]).decode()


def error(message_id: str, code: str, description: str) -> str:
    return orjson.dumps([_ERROR, message_id, code, description[:255], {}]).decode()


def _typed(message: list[Any], message_id: str, frame: str) -> Call | Result | Error:
    kind = message[0] if type(message[0]) is int else None
    if kind == _CALL:
        return _call(message, message_id, frame)
    if kind == _RESULT and len(message) == 3 and isinstance(message[2], dict):
        return Result(message_id, message[2])
    if kind == _ERROR and isinstance(message[2], str):
        description = message[3] if len(message) > 3 and isinstance(message[3], str) else ""
        return Error(message_id, message[2], description)
    # An answer is never answered, and a message of an unknown type is to be ignored.
    raise BadFrame(f"no message of type {str(message[0])[:20]}", message_id, reply=False)


def _call(message: list[Any], message_id: str, frame: str) -> Call:
    if len(message) != 4:
        raise BadFrame("a CALL has four elements", message_id)
    _, _, action, payload = message
    if not isinstance(action, str) or not isinstance(payload, dict):
        raise BadFrame("an action is text and a payload an object", message_id)
    if "\\u0000" in frame:
        raise BadFrame("NUL characters are not allowed", message_id)
    return Call(message_id, action, payload)
