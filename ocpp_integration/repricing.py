"""What a past period earned, priced anew: under the tariffs that were booked, or under another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from db.analytics.outcome import ENDED_STATUSES
from db.analytics.scope import Period, Scope
from db.analytics.sessions import SessionAtPlace, SessionFilter, each_session_at_place
from db.models import ChargingSession
from ocpp_integration.chunks import in_chunks
from ocpp_integration.metering import Observed, observe, usage_of
from ocpp_integration.pricing import TariffDocument, energy_bill, price
from ocpp_integration.tariffs import document_of

_AT_ONCE = 500


@dataclass
class Repriced:
    """Sessions that ended in the period, of one currency: what was booked, and what they cost priced anew.

    `differing` of them come to something else. `without_tariff` of them were booked without one, as imported
    sessions are: unless another tariff is asked for, they count as they are booked.
    """

    currency: str
    sessions: int = 0
    energy_wh: int = 0
    booked: Decimal = Decimal(0)
    anew: Decimal = Decimal(0)
    differing: int = 0
    without_tariff: int = 0


def reprice(
    store: Session, scope: Scope, period: Period, candidate: TariffDocument | None = None
) -> list[Repriced]:
    """By currency. Without a `candidate` each session is priced by the tariff that was frozen at its start,
    which comes to what was booked, as long as its meter values are kept; one that an admin corrected counts
    as corrected. A candidate prices all sessions of its currency; the others are left out, and so are those
    that are held back. Who paid in advance pays no more than that, whatever the tariff.
    """
    found: dict[str, Repriced] = {}
    sessions = each_session_at_place(store, scope, SessionFilter(period, tuple(ENDED_STATUSES)))
    counting = (row for row in sessions if row.session.verdict != "held")
    for row, cost in _priced(store, counting, candidate):
        total = found.setdefault(row.place.currency, Repriced(row.place.currency))
        booked = row.session.cost or Decimal(0)
        total.sessions += 1
        total.energy_wh += row.session.energy_wh or 0
        total.booked += booked
        total.anew += booked if cost is None else cost
        total.differing += cost is not None and cost != booked
        total.without_tariff += row.tariff is None
    return sorted(found.values(), key=lambda each: each.currency)


def _priced(
    store: Session, rows: Iterator[SessionAtPlace], candidate: TariffDocument | None
) -> Iterator[tuple[SessionAtPlace, Decimal | None]]:
    """Each session with its cost, None where nothing tells it."""
    if candidate is not None:
        rows = (row for row in rows if row.place.currency == candidate.currency)
    for some in in_chunks(rows, _AT_ONCE):
        metered = observe(store, [row.session for row in some if _needs_meter(row, candidate)])
        for row in some:
            yield row, _cost(row, candidate, metered.get(row.session.id))


def _needs_meter(row: SessionAtPlace, candidate: TariffDocument | None) -> bool:
    if candidate is not None:
        return not candidate.is_plain
    return row.tariff is not None and row.tariff.document is not None


def _cost(row: SessionAtPlace, candidate: TariffDocument | None, observed: Observed | None) -> Decimal | None:
    tariff = candidate or (document_of(row.tariff) if row.tariff else None)
    if tariff is None or (candidate is None and row.session.verdict == "corrected"):
        return None
    cost = _cost_by(tariff, row.session, observed)
    return cost if row.session.prepaid is None else min(cost, row.session.prepaid)


def _cost_by(tariff: TariffDocument, session: ChargingSession, observed: Observed | None) -> Decimal:
    if not session.energy_wh:
        return Decimal(0)
    if observed is None:
        return energy_bill(session.energy_wh, *tariff.headline()).gross
    return price(tariff, usage_of(session, observed)).payable
