"""Sessions that cannot be as they were reported, and what an admin decides about them.

A held session counts nowhere. It is *accepted* (it counts as it is), *corrected* (other energy, and another
cost, count in its place), and either is *taken back*. Sums, status and payment follow in the same
transaction; what was reported stays in the record of the decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import BigInteger, func, select, type_coerce
from sqlalchemy.orm import Session

from db import audit
from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Scope
from db.columns import from_minor, to_minor
from db.models import ChargingSession, ChargingStation, OCPPStation, SessionDecision, User, utc_now
from db.models.sessions import DECIDED, has_verdict, is_unjudged
from db.searching import count_up_to
from ocpp_integration import judging
from ocpp_integration.books import keeping
from ocpp_integration.errors import IntegrationError, InvalidRequest, NotFound
from ocpp_integration.events import MAX_SESSION_WH
from ocpp_integration.pricing import energy_bill

STATES = ("held", "accepted", "corrected")
MAX_REASON_LENGTH = 500
MAX_COST = Decimal(10_000_000)
_CENT = Decimal("0.01")


class CannotDecide(IntegrationError):
    """The session is not in the state in which this can be decided: somebody else may have been faster."""

    code = "cannot_decide"


@dataclass(frozen=True)
class Correction:
    """What counts in the place of what was reported. Without a `cost` the tariff's price makes it."""

    energy_wh: int
    cost: Decimal | None = None


@dataclass(frozen=True)
class AtStake:
    """What all held sessions would add; `cost` by currency."""

    sessions: int
    energy_wh: int
    cost: dict[str, Decimal]


def accept(store: Session, by: User | None, session_pk: int, reason: str) -> None:
    """Have a held session count as it is. `by` is who decides, None at the command line.

    Raises `NotFound`, `CannotDecide`, and `InvalidRequest` without a reason.
    """
    with _deciding(store, session_pk, {"held"}) as session:
        _decide(store, by, session, "accepted", reason)


def correct(store: Session, by: User | None, session_pk: int, correction: Correction, reason: str) -> None:
    """Have `correction` count in the place of what was reported of a held session. Raises as `accept` does,
    and `InvalidRequest` for a correction that cannot be, or that lacks a cost where there is no price.
    """
    with _deciding(store, session_pk, {"held"}) as session:
        cost, tax = _bill(session, correction)
        _decide(store, by, session, "corrected", reason, energy_wh=correction.energy_wh, cost=cost, tax=tax)


def take_back(store: Session, by: User | None, session_pk: int, reason: str) -> None:
    """Undo the decision about a session, which is judged anew by what is known of it now. Raises as `accept`
    does.
    """
    with _deciding(store, session_pk, DECIDED) as session:
        before = session.decisions[-1].reported
        # Without a tariff nothing else would compute them anew.
        session.cost, session.tax = _money(before.get("cost")), _money(before.get("tax"))
        _decide(store, by, session, "held", reason)


def count(store: Session, state: str, limit: int) -> int:
    """How many sessions are in `state`, one of `STATES`, counted up to `limit`."""
    return count_up_to(store, select(ChargingSession.id).where(has_verdict(state)), limit)


def at_stake(store: Session) -> AtStake:
    rows: Sequence[Any] = store.execute(
        select(
            ChargingStation.currency,
            func.count(),
            func.coalesce(func.sum(ChargingSession.energy_wh), 0),
            func.coalesce(func.sum(type_coerce(ChargingSession.cost, BigInteger)), 0),
        )
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(has_verdict("held"))
        .group_by(ChargingStation.currency)
    ).all()
    return AtStake(
        sessions=sum(row[1] for row in rows),
        energy_wh=sum(int(row[2]) for row in rows),
        cost={row[0]: from_minor(int(row[3])) for row in rows if row[3]},
    )


def suggested_wh(store: Session, session_pk: int) -> int | None:
    """What a session took if its register began not at zero but where it stood before; None where that is not
    known.
    """
    session = store.get(ChargingSession, session_pk)
    before = judging.register_before(store, session, session.ocpp_connector_id) if session else None
    if session is None or before is None or session.meter_stop is None:
        return None
    return session.meter_stop - before if session.meter_stop >= before else None


def decision_of(store: Session, scope: Scope, session_pk: int) -> SessionDecision | None:
    """The newest decision about a session of this scope, None where there is none."""
    return store.scalar(
        select(SessionDecision)
        .join(ChargingSession)
        .where(ChargingSession.id == session_pk, ChargingSession.ocpp_station_id.in_(scope.stations()))
        .order_by(SessionDecision.id.desc())
        .limit(1)
    )


def has_unjudged(store: Session) -> bool:
    """Whether sessions ended before sessions were judged: they count, until `judge-sessions` is run."""
    ended = ChargingSession.status.in_(ENDED_STATUSES)
    return store.scalar(select(ChargingSession.id).where(is_unjudged(), ended).limit(1)) is not None


def decisions(store: Session, session_pks: Sequence[int]) -> dict[int, SessionDecision]:
    """The newest decision about each of these sessions about which there was one."""
    found = select(SessionDecision).where(SessionDecision.session_id.in_(session_pks))
    return {each.session_id: each for each in store.scalars(found.order_by(SessionDecision.id))}


@contextmanager
def _deciding(
    store: Session, session_pk: int, states: set[str] | frozenset[str]
) -> Iterator[ChargingSession]:
    """The session, held until the transaction ends; what follows from the decision is written at the end."""
    session = store.get(ChargingSession, session_pk)
    if session is None:
        raise NotFound(f"There is no session {session_pk}.")
    with keeping(store) as books:
        books.take(session)
        if session.verdict not in states:
            state = session.verdict if session.verdict in STATES else "not held back"
            raise CannotDecide(f"Session {session_pk} is {state}: there is nothing of the kind to decide.")
        books.begin_change(session)
        yield session


def _decide(
    store: Session,
    by: User | None,
    session: ChargingSession,
    verdict: str,
    reason: str,
    *,
    energy_wh: int | None = None,
    cost: Decimal | None = None,
    tax: Decimal | None = None,
) -> None:
    reason = reason.strip()
    if not 0 < len(reason) <= MAX_REASON_LENGTH:
        raise InvalidRequest("reason", f"A reason is needed, of at most {MAX_REASON_LENGTH} characters.")
    before = session.decisions[-1].reported if verdict == "held" else judging.facts(session)
    decision = SessionDecision(
        at=utc_now(),
        user_id=by.id if by else None,
        user_name=by.user_name if by else "",
        verdict=verdict,
        reason=reason,
        energy_wh=energy_wh,
        cost=cost,
        tax=tax,
        reported=before,
    )
    session.decisions.append(decision)
    # What is taken back is judged anew.
    session.verdict = None if verdict == "held" else verdict
    _tell(store, by, session, decision)


_ACTIONS = {"accepted": "accept session", "corrected": "correct session", "held": "take back decision"}


def _tell(store: Session, by: User | None, session: ChargingSession, decision: SessionDecision) -> None:
    told = {"session": str(session.id), "reason": decision.reason}
    if decision.energy_wh is not None:
        was = decision.reported
        told |= {
            "energy": f"{was.get('energy_wh')} Wh is now {decision.energy_wh} Wh",
            "cost": f"{was.get('cost')} is now {decision.cost}",
        }
    audit.record(store, by, _ACTIONS[decision.verdict], subject_of(session), told, at=decision.at)


def subject_of(session: ChargingSession) -> str:
    name = session.external_id if session.transaction_id is None else str(session.transaction_id)
    return f"{session.station.station_id} {name or session.id}"


def _bill(session: ChargingSession, correction: Correction) -> tuple[Decimal | None, Decimal | None]:
    """The corrected cost and the tax in it."""
    if not 0 <= correction.energy_wh <= MAX_SESSION_WH:
        raise InvalidRequest("energy_kwh", f"Energy is from 0 to {MAX_SESSION_WH // 1000} kWh.")
    tariff = session.tariff
    if correction.cost is None:
        if tariff is not None and tariff.document is not None:
            raise InvalidRequest("cost", "Its tariff has more than a price per kWh: say what it costs now.")
        if tariff is not None:
            bill = energy_bill(correction.energy_wh, tariff.price_per_kwh, tariff.vat_percent)
            return bill.gross, bill.tax
        if session.cost is not None:
            raise InvalidRequest("cost", "The session has a cost and no price: say what it costs now.")
        return None, None
    if not 0 <= correction.cost <= MAX_COST:
        raise InvalidRequest("cost", f"A cost is from 0 to {MAX_COST}.")
    cost = from_minor(to_minor(correction.cost))
    if tariff is None:
        return cost, None
    return cost, (cost * tariff.vat_percent / (100 + tariff.vat_percent)).quantize(_CENT, ROUND_HALF_UP)


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
