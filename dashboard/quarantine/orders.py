"""What an admin sees of the quarantine and decides about it; who may is decided anew each time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from dashboard import resources
from dashboard.visitor import Visitor
from db.analytics.scope import Scope
from db.analytics.sessions import SessionFilter, SessionRow, list_sessions
from db.engine import reading, writing
from db.models import SessionDecision
from languages import _
from ocpp_integration import quarantine
from ocpp_integration.errors import InvalidRequest
from ocpp_integration.quarantine import AtStake, Correction

PAGE_SIZE = 20
MOST_PAGES = 50
_IN_THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+(\.\d*)?")


@dataclass(frozen=True)
class QuarantinePage:
    rows: list[SessionRow]
    decisions: dict[int, SessionDecision]
    at_stake: AtStake
    has_unjudged: bool


def pages(who: Visitor, state: str) -> int:
    """How many pages of sessions in `state` there are. Raises `NotForYou`."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        return -(-quarantine.count(store, state, PAGE_SIZE * MOST_PAGES) // PAGE_SIZE)


def look(who: Visitor, state: str, page: int) -> QuarantinePage:
    """Sessions in `state`, the newest first, and what is at stake in all held ones. Raises `NotForYou`."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        wanted, offset = SessionFilter(verdict=state), (page - 1) * PAGE_SIZE
        rows = list_sessions(store, Scope.network(), wanted, limit=PAGE_SIZE, offset=offset)
        return QuarantinePage(
            rows,
            quarantine.decisions(store, [row.pk for row in rows]),
            quarantine.at_stake(store),
            quarantine.has_unjudged(store),
        )


def accept(who: Visitor, session_pk: int, reason: str) -> None:
    """Raises `IntegrationError`, as do the others."""
    who.demand_admin()
    with writing(resources.engine()) as store:
        quarantine.accept(store, who.user, session_pk, reason)


def correct(who: Visitor, session_pk: int, energy_kwh: str, cost: str, reason: str) -> None:
    """An empty `cost` is that of the session's price."""
    who.demand_admin()
    energy_wh = (_number("energy_kwh", energy_kwh) * 1000).to_integral_value(ROUND_HALF_UP)
    correction = Correction(int(energy_wh), _number("cost", cost) if cost.strip() else None)
    with writing(resources.engine()) as store:
        quarantine.correct(store, who.user, session_pk, correction, reason)


def take_back(who: Visitor, session_pk: int, reason: str) -> None:
    who.demand_admin()
    with writing(resources.engine()) as store:
        quarantine.take_back(store, who.user, session_pk, reason)


def suggested_kwh(who: Visitor, session_pk: int) -> str:
    """What the session would have by where the register stood before it; empty where that is not known."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        wh = quarantine.suggested_wh(store, session_pk)
    return "" if wh is None else f"{Decimal(wh) / 1000:.3f}"


def _number(field: str, text: str) -> Decimal:
    """A comma parts thousands. One that may be meant for a point, as in 12,5, makes it no number."""
    typed = text.strip()
    try:
        number = Decimal(typed.replace(",", "") if _IN_THOUSANDS.fullmatch(typed) else typed)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= 10**9:
        raise InvalidRequest(field, _("This is not a number: {text}.", text=typed or _("nothing")))
    return number
