"""The backend's log of OCPP frames, as exchanges: a message and its answer together.

Only the embedded backend keeps one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp_integration.backend import BackendClient

ANY_ERROR = "true"


@dataclass(frozen=True)
class Search:
    """Empty texts look for everything. `error` is a code, or `ANY_ERROR`; `before` continues a page."""

    station_id: str = ""
    action: str = ""
    error: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True)
class Frame:
    """`direction` is in (from the charge point) or out; `kind` call, result, error, or bad where it is none
    of these.
    """

    id: int
    station_id: str
    time: datetime
    direction: str
    kind: str
    action: str
    message_id: str
    latency_ms: float | None
    error_code: str
    error: str
    payload: Any


@dataclass(frozen=True)
class Exchange:
    """A call with its answer, None where none has come. Where the call is no longer kept, `first` is the
    answer to it.
    """

    first: Frame
    answer: Frame | None = None

    @property
    def error_code(self) -> str:
        return (self.answer.error_code if self.answer else "") or self.first.error_code

    @property
    def error(self) -> str:
        return (self.answer.error if self.answer else "") or self.first.error


@dataclass(frozen=True)
class Page:
    """The newest first; `older` is what `Search.before` continues with, None on the last page."""

    exchanges: list[Exchange]
    older: int | None


def read(backend: BackendClient, search: Search) -> Page:
    """Raises a `BackendError`; 404 is the answer of a backend that keeps no such log."""
    answer = backend.frames(_query(search))
    found = [_frame(each) for each in answer.get("frames", [])]
    partners = [_frame(each) for each in answer.get("partners", [])]
    made = exchanges(found, partners)
    if search.before is not None:
        # The page before ended within this exchange and has shown all of it.
        made = [each for each in made if each.answer is None or each.answer.id < search.before]
    return Page(made, answer.get("cursor"))


def exchanges(found: Iterable[Frame], partners: Iterable[Frame] = ()) -> list[Exchange]:
    """The exchanges that the frames found belong to, in the order of the newest frame of each."""
    listed = list(found)
    by_message: dict[tuple[str, str], list[Frame]] = {}
    for frame in (*listed, *partners):
        if frame.message_id:
            by_message.setdefault((frame.station_id, frame.message_id), []).append(frame)
    made: list[Exchange] = []
    told: set[int] = set()
    for frame in listed:
        if frame.id not in told:
            made.append(_exchange(frame, by_message.get((frame.station_id, frame.message_id), [frame])))
            told |= {each.id for each in (made[-1].first, made[-1].answer) if each}
    return made


def _exchange(frame: Frame, candidates: list[Frame]) -> Exchange:
    """A charge point may use a message's id again: of several the nearest belong together."""
    if frame.kind in ("result", "error"):
        calls = [each for each in candidates if each.kind == "call" and each.id < frame.id]
        call = max(calls, key=lambda each: each.id, default=None)
        return Exchange(call, frame) if call else Exchange(frame)
    answers = [each for each in candidates if each.kind in ("result", "error") and each.id > frame.id]
    return Exchange(frame, min(answers, key=lambda each: each.id, default=None))


def _query(search: Search) -> dict[str, str]:
    asked = {
        "station_id": search.station_id,
        "action": search.action,
        "error": search.error,
        "since": search.since.isoformat() if search.since else "",
        "until": search.until.isoformat() if search.until else "",
        "cursor": str(search.before) if search.before else "",
        "limit": str(search.limit),
        "partners": "true",
    }
    return {name: value for name, value in asked.items() if value}


def _frame(told: Mapping[str, Any]) -> Frame:
    return Frame(
        id=told["id"],
        station_id=told["station_id"],
        time=datetime.fromisoformat(told["time"]),
        direction=told["direction"],
        kind=told["kind"],
        action=told["action"] or "",
        message_id=told["message_id"] or "",
        latency_ms=told["latency_ms"],
        error_code=told["error_code"] or "",
        error=told["error"] or "",
        payload=told["payload"],
    )
