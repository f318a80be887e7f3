"""Asking the backend about sessions. What it says goes the way of a webhook.

One session is asked for by a person (`refresh`), the silent ones by a job (`poll`): many at once, and their
answers stored together. Nothing waits on the network inside a transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, case, or_, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES, RUNNING_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPStation
from db.retries import is_busy, repeated
from ocpp_integration.backend import A_PERSONS_PATIENCE, BackendClient
from ocpp_integration.books import Books, keeping
from ocpp_integration.errors import BackendError, BackendRefused, BackendSilent, NotFound
from ocpp_integration.events import Event, Time
from ocpp_integration.lifecycle import EVENT_FAULTS, enter

log = logging.getLogger(__name__)

_TOLD_AT_START = ("meter_start", "start_time", "id_tag", "connector_id", "clock_ahead")
_TOLD_IN_PROGRESS = (
    "energy_consumed_kwh",
    "current_power_kw",
    "duration_seconds",
    "estimated_cost",
    "soc_percent",
    "connector_id",
)
_TOLD_AT_STOP = (
    "meter_stop",
    "stop_reason",
    "energy_consumed_kwh",
    "stop_time",
    "final_cost",
    "estimated",
    "meter_reset",
    "clock_ahead",
    "connector_id",
)
_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


# So many are asked for before their answers are stored, in one transaction.
SLICE = 500


@dataclass(frozen=True)
class Asked:
    """A session to be asked for, with what the store knows of its beginning."""

    transaction_id: int
    station_id: str
    start_time: datetime
    reported_start: datetime | None
    meter_start: int | None
    id_tag: str | None


@dataclass(frozen=True)
class Told:
    """What came of asking for a session: the events that say the same, that the backend has forgotten it, or
    the sentence that says why nothing came. `was_asked` is False where the time was over or the backend down.
    """

    about: Asked
    events: tuple[Event, ...] = ()
    is_forgotten: bool = False
    error: str | None = None
    was_asked: bool = True


@dataclass(frozen=True)
class Polled:
    """How many sessions were asked for, how many of them in vain (`errors` says why), how many are left."""

    asked: int
    errors: tuple[str, ...]
    left: int


def silent_sessions(store: Session, silent_since: datetime, limit: int) -> list[Asked]:
    """Running sessions from which nothing came since then, and those of commands of which it is not known
    whether they were done. First come those that were neither heard of nor asked for the longest: some that
    always fail must not keep the others from their turn.
    """
    last_turn = case(
        (ChargingSession.asked_at > ChargingSession.heard_at, ChargingSession.asked_at),
        else_=ChargingSession.heard_at,
    )
    unanswered = select(Command.transaction_id).where(Command.state == "unknown")
    query = (
        _asked()
        .where(
            ChargingSession.status.in_(RUNNING_STATUSES),
            ChargingSession.transaction_id.is_not(None),
            or_(
                ChargingSession.heard_at < silent_since,
                ChargingSession.transaction_id.in_(unanswered.where(Command.transaction_id.is_not(None))),
            ),
        )
        .order_by(last_turn)
        .limit(limit)
    )
    return [Asked(*row) for row in store.execute(query)]


def poll(
    engine: Engine,
    backend: BackendClient,
    silent: Sequence[Asked],
    *,
    parallel: int,
    seconds: float,
    now: Callable[[], datetime],
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Polled:
    """Ask for `silent`, `parallel` at once, for at most about `seconds`; store what is told.

    Raises a `BackendError` at once where the backend is down. One that goes down meanwhile ends the run.
    `progress` hears after each slice how many of how many are done; what it raises ends the run.
    """
    if backend.is_down or not silent:
        # One call finds out; while it does the others would be refused.
        backend.greet()
    deadline = clock() + seconds
    failures: dict[int, str] = {}
    asked = 0

    def ask(about: Asked) -> Told:
        left = deadline - clock()
        if left <= 0 or backend.is_down:
            return Told(about, was_asked=False)
        try:
            return _ask(backend, about, now(), left)
        except BackendError as error:
            return Told(about, error=str(error), was_asked=not backend.is_down)

    with ThreadPoolExecutor(parallel, thread_name_prefix="poll") as pool:
        for some in _slices(silent):
            told = [each for each in pool.map(ask, some) if each.was_asked]
            asked += len(told)
            failed = _store(engine, told, now())
            _note_asked(engine, failed, now())
            failures |= failed
            progress(asked, len(silent))
            if len(told) < len(some):
                break
    errors = tuple(f"{transaction_id}: {reason}" for transaction_id, reason in failures.items())
    return Polled(asked, errors, len(silent) - asked)


def refresh(
    engine: Engine, backend: BackendClient, transaction_id: int, *, now: datetime
) -> tuple[ChargingSession, dict[str, Any]]:
    """Ask for one session and store the answer; returns the session and the backend's `session_data`.

    A session that the backend has forgotten ends, estimated, with what was last known: nobody else will
    ever tell of its end. `BackendRefused` is raised all the same.
    """
    about = _find(engine, transaction_id)
    try:
        answer = _session_data(backend.session(transaction_id, patience=A_PERSONS_PATIENCE))
    except BackendRefused as error:
        if _is_forgotten(error):
            _apply(engine, [Told(about, is_forgotten=True)], now)
        raise
    _apply(engine, [Told(about, _usable(answer, about, now))], now)
    with reading(engine) as store:
        found = select(ChargingSession).where(ChargingSession.transaction_id == transaction_id)
        return store.scalars(found).one(), answer


def take_news(engine: Engine, backend: BackendClient, transaction_id: int, *, now: datetime) -> None:
    """Ask for one session and store what is new of it. Of one that the backend does not find, nothing is,
    whatever the word for that is with this backend. Raises `BackendError` for any other failure.
    """
    about = _find(engine, transaction_id)
    try:
        answer = _session_data(backend.session(transaction_id, patience=A_PERSONS_PATIENCE))
    except BackendRefused as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return
    _apply(engine, [Told(about, _usable(answer, about, now))], now)


def _find(engine: Engine, transaction_id: int) -> Asked:
    with reading(engine) as store:
        row = store.execute(_asked().where(ChargingSession.transaction_id == transaction_id)).first()
    if row is None:
        raise NotFound(f"There is no session {transaction_id}.")
    return Asked(*row)


def _asked() -> Any:
    return select(
        ChargingSession.transaction_id,
        OCPPStation.station_id,
        ChargingSession.start_time,
        ChargingSession.reported_start,
        ChargingSession.meter_start,
        ChargingSession.id_tag,
    ).join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)


def _slices(silent: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    for first in range(0, len(silent), SLICE):
        yield silent[first : first + SLICE]


def _ask(backend: BackendClient, about: Asked, now: datetime, patience: float) -> Told:
    try:
        answer = backend.session(about.transaction_id, patience=patience)
    except BackendRefused as error:
        if _is_forgotten(error):
            return Told(about, is_forgotten=True)
        raise
    return Told(about, _usable(_session_data(answer), about, now))


def _session_data(answer: Mapping[str, Any]) -> dict[str, Any]:
    told = answer.get("session_data")
    if not isinstance(told, dict):
        raise BackendSilent("The OCPP backend's answer has no session data.")
    return told


def _usable(answer: Mapping[str, Any], about: Asked, now: datetime) -> tuple[Event, ...]:
    """The answer's events, each of which could be a webhook. Raises `BackendSilent`."""
    try:
        events = as_events(answer, about, now)
        for event in events:
            event.payload()
    except (ValueError, TypeError, ArithmeticError) as error:
        raise BackendSilent(f"The OCPP backend's answer cannot be used: {error}") from error
    return tuple(events)


def _is_forgotten(error: BackendRefused) -> bool:
    """Whether this is the backend's word that it has no such session, not a wrong address."""
    return (error.status, error.backend_code) == (HTTPStatus.NOT_FOUND, "transaction_not_found")


def _store(engine: Engine, told: Sequence[Told], now: datetime) -> dict[int, str]:
    """Store the answers in one transaction; returns what went wrong, in asking or with the answers, by
    transaction id.
    """
    failures = {each.about.transaction_id: each.error for each in told if each.error}
    answered = [each for each in told if not each.error]
    try:
        _apply(engine, answered, now)
    except (NotFound, *EVENT_FAULTS) as error:
        if len(answered) == 1:
            return failures | {answered[0].about.transaction_id: str(error)}
        # One answer that the store does not take must not cost the others.
        for each in answered:
            failures |= _store(engine, [each], now)
    except OperationalError as error:
        if not is_busy(error):
            raise
        log.warning("%d answers could not be stored: %s", len(answered), error.orig)
        failures |= {each.about.transaction_id: str(error.orig) for each in answered}
    return failures


def _note_asked(engine: Engine, transaction_ids: Collection[int], now: datetime) -> None:
    """Send these sessions to the end of the queue."""
    if not transaction_ids:
        return
    # Nothing of the session itself has changed.
    told = {"asked_at": now, "updated_at": ChargingSession.updated_at}
    asked = ChargingSession.transaction_id.in_(transaction_ids)

    def note() -> None:
        with writing(engine) as store:
            store.connection().execute(update(ChargingSession).where(asked).values(told))

    try:
        repeated(note)
    except OperationalError as error:
        if not is_busy(error):
            raise
        log.warning("%d sessions keep their place in the queue: %s", len(transaction_ids), error.orig)


def _apply(engine: Engine, told: Sequence[Told], now: datetime) -> None:
    repeated(lambda: _apply_once(engine, told, now))


def _apply_once(engine: Engine, told: Sequence[Told], now: datetime) -> None:
    with writing(engine) as store, keeping(store) as books:
        books.hold({each.about.station_id for each in told})
        books.fetch({each.about.transaction_id for each in told}, ())
        for each in told:
            session = _known(books, each.about.transaction_id)
            for event in _estimated_end(session, now) if each.is_forgotten else each.events:
                enter(books, event, now)
            session.heard_at = max(session.heard_at, now)


def _known(books: Books, transaction_id: int) -> ChargingSession:
    session = books.session(transaction_id)
    if session is None:
        raise NotFound(f"There is no session {transaction_id}.")
    return session


def _estimated_end(session: ChargingSession, now: datetime) -> list[Event]:
    """The end of a session that the backend knows no more: when it was last measured, with what is known."""
    if session.status in ENDED_STATUSES:
        return []
    log.warning("the OCPP backend no longer knows session %d; it ends as estimated", session.transaction_id)
    stop_time = session.power_at or session.start_time
    data = {"stop_time": stop_time.isoformat(), "stop_reason": "Other", "estimated": True}
    about = session.transaction_id
    return [Event(type="session_stopped", data=data, transaction_id=about, timestamp=now)]


def as_events(answer: Mapping[str, Any], about: Asked, now: datetime) -> list[Event]:
    """The webhooks that would have said the same. Raises `ValueError`, `TypeError` or `OverflowError`.

    What was measured is dated by the charge point's clock: were it dated by ours, webhooks of a clock that
    is behind would be taken for old news.
    """
    status = str(answer.get("status", "")).lower()
    of_session: dict[str, Any] = {"station_id": about.station_id, "transaction_id": about.transaction_id}
    start, newest = _times(answer, about, now)
    events = []
    if answer.get("meter_start") is not None and start is not None and not _is_known(answer, start, about):
        told = _told(answer, _TOLD_AT_START)
        events.append(Event(type="session_started", data=told, timestamp=now, **of_session))
    if status in ("charging", "suspended"):
        told = _told(answer, _TOLD_IN_PROGRESS)
        events.append(Event(type="session_progress", data=told, timestamp=newest, **of_session))
    if status == "stopped":
        told = {"stop_time": newest.isoformat()} | _told(answer, _TOLD_AT_STOP)
        events.append(Event(type="session_stopped", data=told, timestamp=now, **of_session))
    return events


def _told(answer: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: answer[name] for name in names if answer.get(name) is not None}


def _is_known(answer: Mapping[str, Any], start: datetime, about: Asked) -> bool:
    """Whether the store has the same beginning already: told again, it would only be one more log row."""
    return (
        about.reported_start == start
        and about.meter_start == answer["meter_start"]
        and (about.id_tag is not None or answer.get("id_tag") is None)
    )


def _times(answer: Mapping[str, Any], about: Asked, now: datetime) -> tuple[datetime | None, datetime]:
    """When the session began, None where that is not told; and until when the answer tells: its duration
    after the start.
    """
    start = _TIME.validate_python(told) if (told := answer.get("start_time")) else None
    if answer.get("duration_seconds") is None:
        return start, now
    length = timedelta(seconds=int(answer["duration_seconds"]))
    return start, min((start or about.start_time) + length, now)
