"""Sessions that ended before sessions were judged, or before the rules changed: a piece at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import ColumnElement, Engine, or_, select, update
from sqlalchemy.orm import Session, joinedload

from db.analytics.judgement import Judgement, judge
from db.analytics.outcome import ENDED_STATUSES
from db.engine import reading, writing
from db.models import ChargingConnector, ChargingSession, OCPPConnector, OCPPStation
from db.models.sessions import is_unjudged
from db.retries import repeated
from db.rollups import Changes, session_facts
from ocpp_integration import judging, session_state
from ocpp_integration.books import Books

# So many are judged in one transaction; whoever applies webhooks of their stations waits for it.
PIECE = 1000
_WITH_PLACE = (joinedload(ChargingSession.station).joinedload(OCPPStation.charging_station),)


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


def _findings(
    store: Session, pks: Sequence[int], told: Judged, *, again: bool
) -> Iterator[tuple[int, Judgement, bool]]:
    """Of each of these sessions its key, what is found about it, and whether that changes more of it than
    that it is judged.
    """
    query = (
        select(
            ChargingSession.id,
            ChargingSession.verdict,
            ChargingSession.ocpp_connector_id,
            ChargingConnector.power_w,
            ChargingConnector.connector_type,
            *judging.READ,
        )
        .outerjoin(OCPPConnector, ChargingSession.ocpp_connector_id == OCPPConnector.id)
        .outerjoin(ChargingConnector, OCPPConnector.charging_connector_id == ChargingConnector.id)
        .where(ChargingSession.id.in_(pks), *_wanted(again=again))
        .order_by(ChargingSession.id)
    )
    for row in store.execute(query):
        evidence = judging.evidence(
            store,
            row,
            connector_pk=row.ocpp_connector_id,
            rated_w=row.power_w,
            connector_type=row.connector_type,
        )
        found = judge(evidence)
        _count(told, found)
        is_new = judging.flags_with(row.flags, found) != sorted(row.flags)
        yield row.id, found, is_new or found.verdict != (row.verdict or "counted")


def _read_piece(engine: Engine, pks: Sequence[int], *, again: bool) -> Judged:
    told = Judged()
    with reading(engine) as store:
        for _ in _findings(store, pks, told, again=again):
            pass
    return told


def _judge_piece(engine: Engine, pks: Sequence[int], *, again: bool) -> Judged:
    told = Judged()
    with writing(engine) as store, store.no_autoflush:
        stations = select(OCPPStation.station_id).join(ChargingSession).where(ChargingSession.id.in_(pks))
        # Read under the stations' lock: an admin, or a webhook, may have been faster.
        Books(store).hold(set(store.scalars(stations.distinct())))
        findings = list(_findings(store, pks, told, again=again))
        _mark_counted(store, [pk for pk, _, changes in findings if not changes])
        _change(store, {pk: found for pk, found, changes in findings if changes})
    return told


def _change(store: Session, findings: Mapping[int, Judgement]) -> None:
    sums = Changes()
    query = select(ChargingSession).where(ChargingSession.id.in_(findings))
    for session in store.scalars(query.options(*_WITH_PLACE)):
        before = session_facts(session, session.station.charging_station)
        judging.note(session, findings[session.id])
        session.verdict = findings[session.id].verdict
        session_state.settle_payment(session)
        sums.replace_session(before, session_facts(session, session.station.charging_station))
    store.flush()
    sums.write(store)


def _mark_counted(store: Session, pks: Sequence[int]) -> None:
    # Nothing of the sessions themselves has changed, so that nobody need fetch them again.
    told = {"verdict": "counted", "updated_at": ChargingSession.updated_at}
    unjudged = ChargingSession.id.in_(pks), is_unjudged()
    store.connection().execute(update(ChargingSession).where(*unjudged).values(told))


def _count(told: Judged, found: Judgement) -> None:
    told.sessions += 1
    told.flagged += bool(found.codes)
    told.held += found.is_impossible
    told.codes.update(found.codes)


def _add(to: Judged, other: Judged) -> None:
    to.sessions += other.sessions
    to.flagged += other.flagged
    to.held += other.held
    to.codes.update(other.codes)
