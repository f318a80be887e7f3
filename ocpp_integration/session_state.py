"""What reports make of a session: no store, no clock, only the session and what was said of it.

A report only lets the reported facts grow later or larger, and `settle` computes everything else from
them. So any order of a session's reports ends in the same row, and a late one reopens nothing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from db.analytics.outcome import ENDED_STATUSES
from db.models import ChargingSession, Tariff
from ocpp_integration.events import MAX_SESSION_WH, SessionProgress, SessionStarted, SessionStopped
from ocpp_integration.metering import Observed, usage_of
from ocpp_integration.pricing import Bill, Reading, Usage, energy_bill, parse, plain, price

_Reported = TypeVar("_Reported", int, str, Decimal)

METER_RESET = "meter_reset"
STUCK = "stuck"
PRICE_DIFFERS = "price_differs"
# Two that round differently still agree.
_MINOR_UNIT = Decimal("0.01")
# Charge points round what they report in between, some to a whole kWh; their registers they do not.
_ROUNDING_WH = 1000
_FURTHER_ALONG = {"pending": 0, "started": 1, "charging": 2, "suspended": 3, "stopping": 4}


def started(session: ChargingSession, data: SessionStarted, at: datetime) -> None:
    session.reported_start = min(session.reported_start or at, at)
    session.start_time = session.reported_start
    session.meter_start = _least(session.meter_start, data.meter_start)
    session.id_tag = session.id_tag or data.id_tag
    note_status(session, "started", at)


def progressed(session: ChargingSession, data: SessionProgress, at: datetime) -> None:
    power_w = data.current_power_kw
    session.reported_energy_wh = _most(session.reported_energy_wh, data.energy_consumed_kwh)
    session.max_power_w = _most(session.max_power_w, power_w)
    session.soc_percent = _most(session.soc_percent, data.soc_percent)
    if power_w is not None and (session.power_at is None or at >= session.power_at):
        # Of two at the same instant the smaller one counts, as the status that is further along does.
        session.power_w = _least(session.power_w, power_w) if at == session.power_at else power_w
        session.power_at = at
    note_status(session, "suspended" if power_w == 0 else "charging", at)
    _not_later_than(session, at)


def stopped(session: ChargingSession, data: SessionStopped, at: datetime) -> None:
    """Of several stops the real one counts before an estimated one, then the earlier before the later."""
    session.reported_energy_wh = _most(session.reported_energy_wh, data.energy_consumed_kwh)
    if data.meter_reset:
        flag(session, METER_RESET)
    _not_later_than(session, at)
    known, estimated = session.stop_time, bool(data.estimated)
    if known is None or (estimated, at) < (session.stop_is_estimated, known):
        session.stop_time, session.stop_is_estimated = at, estimated
        session.meter_stop = data.meter_stop
        session.stop_reason = data.stop_reason
        session.reported_cost = data.final_cost
    elif (estimated, at) == (session.stop_is_estimated, known):
        # Told twice, once by a webhook and once by a poll: each may know what the other does not.
        session.meter_stop = _most(session.meter_stop, data.meter_stop)
        session.stop_reason = _most(session.stop_reason, data.stop_reason)
        session.reported_cost = _most(session.reported_cost, data.final_cost)


def note_status(session: ChargingSession, status: str, at: datetime) -> None:
    """The newest status counts; of two at the same instant the one that is further along."""
    known = session.reported_status
    if (
        session.reported_status_at is None
        or known is None
        or (at, _FURTHER_ALONG[status]) > (session.reported_status_at, _FURTHER_ALONG[known])
    ):
        session.reported_status, session.reported_status_at = status, at


def flag(session: ChargingSession, reason: str) -> None:
    """Mark the session with a machine-readable reason to look at it, one of `db.analytics.flags`."""
    if reason not in session.flags:
        session.flags = sorted([*session.flags, reason])


def mark(session: ChargingSession, reason: str, *, holds: bool) -> None:
    """Flag the session if the reason holds, and else take the flag away."""
    if holds:
        flag(session, reason)
    elif reason in session.flags:
        session.flags = [known for known in session.flags if known != reason]


def _not_later_than(session: ChargingSession, at: datetime) -> None:
    """As long as nobody told when it started, a session started with the first that was heard of it."""
    if session.reported_start is None:
        session.start_time = min(session.start_time, at)


def settle(session: ChargingSession, observed: Observed | None = None) -> None:
    """Compute status, energy, cost and flags from what was reported.

    `observed` is needed where `is_billed_by_document`. Whether it can be so is not asked here, see `judging`;
    `settle_payment` comes after that.
    """
    session.energy_wh = _energy(session)
    session.status = _status(session)
    if session.stop_time is not None:
        session.power_w = None
    mark(session, "estimated_stop", holds=session.stop_is_estimated)
    # Its charge point did tell the end after all.
    mark(
        session, STUCK, holds=STUCK in session.flags and (not session.stop_time or session.stop_is_estimated)
    )
    mark(session, "registers_disagree", holds=_registers_disagree(session))
    _bill(session, observed)
    mark(session, PRICE_DIFFERS, holds=_price_differs(session))


def correct(session: ChargingSession, energy_wh: int, cost: Decimal | None, tax: Decimal | None) -> None:
    """Have these count in the place of what was reported; of a cost, no more than was paid in advance."""
    if cost is not None and session.prepaid is not None and cost > session.prepaid:
        tax = None if tax is None else (tax * session.prepaid / cost).quantize(_MINOR_UNIT, ROUND_HALF_UP)
        cost = session.prepaid
    session.energy_wh, session.cost, session.tax, session.bill = energy_wh, cost, tax, None
    session.status = _status(session)


def settle_payment(session: ChargingSession) -> None:
    """Nobody pays for a session that is held back, until somebody has looked at it."""
    if session.status not in ENDED_STATUSES or not session.payment_transaction_id:
        return
    if session.verdict == "held":
        session.payment_status = "authorized"
    else:
        session.payment_status = "completed" if session.status == "completed" else "failed"


def written_off(session: ChargingSession) -> Decimal:
    """What it would cost beyond what was paid in advance."""
    if session.prepaid is None:
        return Decimal(0)
    if session.decision is not None and session.decision.verdict == "corrected":
        return max(Decimal(0), (session.decision.cost or Decimal(0)) - (session.cost or Decimal(0)))
    return _beyond_prepaid(session)


def is_billed_by_document(session: ChargingSession) -> bool:
    """Whether more than its energy tells what it costs."""
    return session.tariff is not None and session.tariff.document is not None


def _bill(session: ChargingSession, observed: Observed | None) -> None:
    tariff = session.tariff
    if tariff is None or session.energy_wh is None:
        return
    if tariff.document is None or session.energy_wh == 0:
        # Whoever got no energy pays nothing, whatever else the tariff asks for.
        paid = energy_bill(session.energy_wh, tariff.price_per_kwh, tariff.vat_percent)
        session.cost, session.tax, session.bill = paid.gross, paid.tax, None
        if session.prepaid is not None and paid.gross > session.prepaid:
            _book(session, _plain_bill(session, session.energy_wh, tariff))
    elif observed is None:
        raise ValueError(f"what session {session.id} used is needed for its bill")
    else:
        _book(session, price(parse(tariff.document), usage_of(session, observed)))


def _book(session: ChargingSession, bill: Bill) -> None:
    limited = bill.limited(session.prepaid)
    session.cost, session.tax, session.bill = limited.payable, limited.tax, limited.stored()


def _plain_bill(session: ChargingSession, energy_wh: int, tariff: Tariff) -> Bill:
    """With the lines that a price per kWh needs none of as long as all of it is paid."""
    readings = (Reading(session.start_time, 0), Reading(session.start_time, energy_wh))
    return price(plain(tariff.currency, tariff.price_per_kwh, tariff.vat_percent), Usage(readings, "UTC"))


def _price_differs(session: ChargingSession) -> bool:
    """Whether the backend's final cost is another than ours by more than rounding."""
    if session.stop_time is None or session.cost is None or session.reported_cost is None:
        return False
    return abs(session.cost + _beyond_prepaid(session) - session.reported_cost) > _MINOR_UNIT


def _beyond_prepaid(session: ChargingSession) -> Decimal:
    if session.prepaid is None or session.bill is None:
        return Decimal(0)
    return Bill.read(session.bill).beyond_prepaid


def _energy(session: ChargingSession) -> int | None:
    """By the registers, unless they fell so far behind what was reported that one was reset in between."""
    if _registers_disagree(session):
        return session.reported_energy_wh
    by_registers = _between_registers(session)
    return session.reported_energy_wh if by_registers is None else by_registers


def _between_registers(session: ChargingSession) -> int | None:
    start, stop = session.meter_start, session.meter_stop
    if start is None or stop is None or METER_RESET in session.flags:
        return None
    return stop - start if 0 <= stop - start <= MAX_SESSION_WH else None


def _registers_disagree(session: ChargingSession) -> bool:
    start, stop, reported = session.meter_start, session.meter_stop, session.reported_energy_wh
    if start is None or stop is None or METER_RESET in session.flags:
        return False
    if stop - start > MAX_SESSION_WH:
        # More than any vehicle takes: one of the readings is wrong, and no bill may come of it.
        return True
    return reported is not None and stop >= start and reported - (stop - start) > _ROUNDING_WH


def _status(session: ChargingSession) -> str:
    if session.stop_time is not None:
        return "completed" if session.energy_wh else "failed"
    return session.reported_status or "pending"


def _most(known: _Reported | None, new: _Reported | None) -> _Reported | None:
    return new if known is None else known if new is None else max(known, new)


def _least(known: int | None, new: int | None) -> int | None:
    return new if known is None else known if new is None else min(known, new)
