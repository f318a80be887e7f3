"""Sessions that ended before sessions were judged, or before the rules changed: a piece at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import ColumnElement, Engine, or_, select, update
from sqlalchemy.orm import Session, joinedload

from db.analytics.judgement import judge
from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingSession, OCPPConnector, OCPPStation
from db.models.sessions import is_unjudged
from db.retries import repeated
from db.rollups import Changes, session_facts
from ocpp_integration import judging, session_state
from ocpp_integration.books import Books

# So many are judged in one transaction; whoever applies webhooks of their stations waits for it.
PIECE = 1000


@dataclass
class Judged:
    """How many sessions were judged; of them those that bear a flag of the judgement, and those held back."""

    sessions: int = 0
    flagged: int = 0
    held: int = 0
    codes: Counter[str] = field(default_factory=Counter)


def judge_history(
    engine: Engine,
    *,
    again: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> Judged:
    """Judge all sessions that ended and never were; with `again` those that were, too, except for those about
    which an admin has decided. `dry_run` changes nothing. `progress` hears how many were just judged.

    What it was stopped at is done; called again it goes on from there.
    """
    in_all = Judged()
    piece = _next(engine, 0, again=again)
    while piece:
        judge_it = partial(_read_piece if dry_run else _judge_piece, engine, piece, again=again)
        _add(in_all, repeated(judge_it))
        progress(len(piece))
        piece = _next(engine, piece[-1], again=again)
    return in_all


def _wanted(*, again: bool) -> list[ColumnElement[bool]]:
    ended = ChargingSession.status.in_(ENDED_STATUSES), ChargingSession.stop_time.is_not(None)
    undecided = or_(is_unjudged(), ChargingSession.verdict.in_(("counted", "held")))
    return [*ended, undecided if again else is_unjudged()]


def _next(engine: Engine, after: int, *, again: bool) -> Sequence[int]:
    query = select(ChargingSession.id).where(ChargingSession.id > after, *_wanted(again=again))
    with reading(engine) as store:
        return store.scalars(query.order_by(ChargingSession.id).limit(PIECE)).all()


def _sessions(
    store: Session, pks: Sequence[int], *conditions: ColumnElement[bool]
) -> Sequence[ChargingSession]:
    return store.scalars(
        select(ChargingSession)
        .where(ChargingSession.id.in_(pks), *conditions)
        .options(
            joinedload(ChargingSession.connector).joinedload(OCPPConnector.charging_connector),
            joinedload(ChargingSession.station).joinedload(OCPPStation.charging_station),
        )
        .order_by(ChargingSession.id)
    ).all()


def _read_piece(engine: Engine, pks: Sequence[int], *, again: bool) -> Judged:
    told = Judged()
    with reading(engine) as store:
        for session in _sessions(store, pks, *_wanted(again=again)):
            found = judge(judging.evidence_of(store, session))
            _count(told, found.codes, is_held=found.is_impossible)
    return told


def _judge_piece(engine: Engine, pks: Sequence[int], *, again: bool) -> Judged:
    told, plain, sums = Judged(), [], Changes()
    with writing(engine) as store, store.no_autoflush:
        stations = select(OCPPStation.station_id).join(ChargingSession).where(ChargingSession.id.in_(pks))
        Books(store).hold(set(store.scalars(stations.distinct())))
        # Read under the stations' lock: an admin, or a webhook, may have been faster.
        for session in _sessions(store, pks, *_wanted(again=again)):
            found = judge(judging.evidence_of(store, session))
            _count(told, found.codes, is_held=found.is_impossible)
            before = session_facts(session, session.station.charging_station)
            if not judging.note(session, found) and (session.verdict, found.verdict) == (None, "counted"):
                plain.append(session.id)
                continue
            session.verdict = found.verdict
            session_state.settle_payment(session)
            sums.replace_session(before, session_facts(session, session.station.charging_station))
        store.flush()
        _mark_counted(store, plain)
        sums.write(store)
    return told


def _mark_counted(store: Session, pks: Sequence[int]) -> None:
    # Nothing of the sessions themselves has changed, so that nobody need fetch them again.
    told = {"verdict": "counted", "updated_at": ChargingSession.updated_at}
    store.connection().execute(update(ChargingSession).where(ChargingSession.id.in_(pks)).values(told))


def _count(told: Judged, codes: Sequence[str], *, is_held: bool) -> None:
    told.sessions += 1
    told.flagged += bool(codes)
    told.held += is_held
    told.codes.update(codes)


def _add(to: Judged, other: Judged) -> None:
    to.sessions += other.sessions
    to.flagged += other.flagged
    to.held += other.held
    to.codes.update(other.codes)
