"""The billing audit: every check is run, what it finds is kept with when it was first seen, and what it finds
no more is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from sqlalchemy import BigInteger, ColumnElement, Engine, Select, false, func, select, true, type_coerce
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.columns import from_minor
from db.engine import reading, writing
from db.models import BillingFinding, ChargingSession
from ocpp_integration.billing.checks import CHECKS, Found, Watched
from ocpp_integration.chunks import in_chunks

_AT_ONCE = 200


@dataclass(frozen=True)
class Total:
    """The open findings of a check, by currency; `amount` is that of those for which it is known."""

    check: str
    currency: str
    findings: int
    amount: Decimal


def run(
    engine: Engine,
    *,
    now: datetime,
    since: datetime | None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Run all checks on sessions that ended since `since` (None: on all), and on those of open findings
    whenever they ended. Each is written in a transaction of its own. Returns how many findings are open.
    """
    found = 0
    for number, check in enumerate(CHECKS):
        progress(number, len(CHECKS))
        found += _run(engine, check, now, since)
    progress(len(CHECKS), len(CHECKS))
    return found


def findings(
    scope: Scope, *, is_open: bool | None = True, check: str | None = None
) -> Select[BillingFinding]:
    """Those of a scope (None: open and closed ones), the largest amount first."""
    conditions = [_of(scope)]
    if is_open is not None:
        closed = BillingFinding.closed_at
        conditions.append(closed.is_(None) if is_open else closed.is_not(None))
    if check is not None:
        conditions.append(BillingFinding.check == check)
    amount = func.coalesce(type_coerce(BillingFinding.amount, BigInteger), -1)
    return select(BillingFinding).where(*conditions).order_by(amount.desc(), BillingFinding.id)


def totals(store: Session, scope: Scope) -> list[Total]:
    """In the order of the checks."""
    amount = func.coalesce(func.sum(type_coerce(BillingFinding.amount, BigInteger)), 0)
    rows = store.execute(
        select(BillingFinding.check, BillingFinding.currency, func.count(), amount)
        .where(_of(scope), BillingFinding.closed_at.is_(None))
        .group_by(BillingFinding.check, BillingFinding.currency)
    )
    found = [Total(check, currency, number, from_minor(int(sum_))) for check, currency, number, sum_ in rows]
    order = list(CHECKS)
    return sorted(
        (each for each in found if each.check in CHECKS), key=lambda t: (order.index(t.check), t.currency)
    )


def with_sessions(
    store: Session, found: Iterable[BillingFinding]
) -> Iterator[tuple[BillingFinding, list[str]]]:
    """Each finding with the sessions behind it: their transaction ids, or names in the file that they came
    from.
    """
    for some in in_chunks(found, _AT_ONCE):
        names = _session_names(store, set(chain.from_iterable(each.session_ids for each in some)))
        for each in some:
            yield each, [names[pk] for pk in sorted(each.session_ids) if pk in names]


def _session_names(store: Session, pks: Collection[int]) -> dict[int, str]:
    session = ChargingSession
    query = select(session.id, session.transaction_id, session.external_id).where(session.id.in_(pks))
    return {pk: str(number or name or pk) for pk, number, name in store.execute(query)}


def _of(scope: Scope) -> ColumnElement[bool]:
    """A statement's findings are its owner's, and of no station."""
    if scope.kind == "network":
        return true()
    if scope.kind == "owner":
        return BillingFinding.owner_id == scope.id
    return BillingFinding.ocpp_station_id.in_(scope.stations()) if scope.kind in _NARROW else false()


_NARROW = ("station", "stations")


def _run(engine: Engine, check: str, now: datetime, since: datetime | None) -> int:
    # To look may take long: meanwhile others write.
    with reading(engine) as store:
        before = {each.subject: each.session_ids for each in store.scalars(_open(check))}
        again = frozenset(chain.from_iterable(before.values()))
        found = {each.subject: each for each in CHECKS[check].find(store, Watched(now, since, again))}
    if not found and not before:
        return 0
    with writing(engine) as store:
        # Two that audit at once take turns.
        known = {each.subject: each for each in store.scalars(_open(check).with_for_update())}
        for subject in before.keys() & known.keys() - found.keys():
            known[subject].closed_at = now
        for subject, each in found.items():
            _keep(store, check, known.get(subject), each, now)
    return len(found)


def _open(check: str) -> Select[BillingFinding]:
    return select(BillingFinding).where(BillingFinding.check == check, BillingFinding.closed_at.is_(None))


def _keep(store: Session, check: str, known: BillingFinding | None, found: Found, now: datetime) -> None:
    if known is None:
        known = BillingFinding(
            check=check,
            subject=found.subject,
            owner_id=found.owner_id,
            ocpp_station_id=found.station_pk,
            statement_id=found.statement_id,
            first_seen_at=now,
        )
        store.add(known)
    known.session_ids, known.words = list(found.session_ids), found.words
    known.amount, known.currency, known.last_seen_at = found.amount, found.currency, now
