"""The log of all frames: what is noted of each, and its row in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection

from ocpp_backend.bulk import insert_rows
from ocpp_backend.clock import Clock
from ocpp_backend.failures import CallError
from ocpp_backend.masking import masked, masked_text, needs_masking
from ocpp_backend.tables import frames

_MAX_BAD = 2048
_COLUMNS = (
    "station_id",
    "at",
    "direction",
    "kind",
    "action",
    "message_id",
    "latency_ms",
    "error_code",
    "error",
    "payload",
)
# The widths of the columns.
_ACTION, _MESSAGE_ID, _CODE, _ERROR = 50, 36, 50, 255


class Frame(NamedTuple):
    """`payload` is the object of a CALL or an answer, or the text of a frame that is neither."""

    station_id: str
    at: datetime
    direction: str
    kind: str
    action: str | None
    message_id: str | None
    latency_ms: float | None = None
    error: CallError | None = None
    payload: dict[str, Any] | str | None = None


Record = Callable[[Frame], None]


class FrameLog:
    """Notes the frames of one connection. Instants are of the monotonic clock, in seconds."""

    def __init__(self, station_id: str, record: Record, clock: Clock):
        self._station_id = station_id
        self._record = record
        self._clock = clock

    def call(self, direction: str, message_id: str, action: str, payload: dict[str, Any]) -> float:
        """Returns the instant from which the answer's latency counts."""
        self._note(direction, "call", action, message_id, payload=payload)
        return time.monotonic()

    def result(
        self,
        direction: str,
        message_id: str,
        action: str | None,
        payload: dict[str, Any],
        asked: float | None,
    ) -> None:
        self._note(direction, "result", action, message_id, _since(asked), payload=payload)

    def error(
        self, direction: str, message_id: str, action: str | None, error: CallError, asked: float | None
    ) -> None:
        self._note(direction, "error", action, message_id, _since(asked), error)

    def bad(self, frame: str | bytes, error: CallError) -> None:
        """A frame that is no OCPP-J, as much of it as helps to find its maker."""
        text = frame[:_MAX_BAD].decode(errors="replace") if isinstance(frame, bytes) else frame[:_MAX_BAD]
        self._note("in", "bad", None, None, None, error, text)

    def _note(
        self,
        direction: str,
        kind: str,
        action: str | None,
        message_id: str | None,
        latency_ms: float | None = None,
        error: CallError | None = None,
        payload: dict[str, Any] | str | None = None,
    ) -> None:
        now = self._clock()
        self._record(
            Frame(self._station_id, now, direction, kind, action, message_id, latency_ms, error, payload)
        )


def insert_all(db: Connection, noted: Iterable[Frame]) -> None:
    insert_rows(db, frames, _COLUMNS, [_row(frame) for frame in noted])


def _row(frame: Frame) -> tuple[Any, ...]:
    error = frame.error
    return (
        frame.station_id,
        frame.at,
        frame.direction,
        frame.kind,
        _storable(frame.action, _ACTION),
        _storable(frame.message_id, _MESSAGE_ID),
        frame.latency_ms,
        _storable(error.code, _CODE) if error else None,
        _storable(error.description, _ERROR) if error else None,
        _text(frame.payload),
    )


def _text(payload: dict[str, Any] | str | None) -> str | None:
    if not payload:
        return None if payload is None else "{}"
    if isinstance(payload, str):
        return _storable(masked_text(payload), _MAX_BAD)
    try:
        text = orjson.dumps(payload).decode()
    except TypeError:  # it is nested deeper than can be written
        return orjson.dumps(masked(payload)).decode()
    return orjson.dumps(masked(payload)).decode() if needs_masking(text) else text


def _storable(text: str | None, length: int) -> str | None:
    """Without what PostgreSQL or UTF-8 have no place for."""
    if text is None or (len(text) <= length and text.isascii() and "\0" not in text):
        return text
    return text[:length].replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _since(asked: float | None) -> float | None:
    return None if asked is None else round((time.monotonic() - asked) * 1000, 3)
