"""Payments at codes as rows of a list, as sums, facts and steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboard import formats
from dashboard.access_rows import Fact, fact_row
from db.analytics.payments import Movement, PaymentRow, PaymentSums

GROUPS = {
    "": "All",
    "attention": "Wants attention",
    "open": "Open",
    "settled": "Settled",
    "unpaid": "Not paid",
}
# Word and colour of a state; the colours are those of connectors.
_STATES = {
    "pending": ("Waiting for payment", "other"),
    "failed": ("Failed", "offline"),
    "expired": ("Expired", "offline"),
    "mismatched": ("Another amount", "faulted"),
    "paid": ("Paid, starting", "occupied"),
    "charging": ("Charging", "charging"),
    "settled": ("Settled", "available"),
}
_REFUNDS = {
    "due": ("Refund due", "occupied"),
    "sent": ("Refund asked for", "occupied"),
    "by_hand": ("Refund by hand", "faulted"),
}


@dataclass(frozen=True)
class Step:
    """`state`: done, failed or waiting; `at` None where it has not come."""

    words: str
    state: str
    at: datetime | None = None
    detail: str = ""


def state_of(row: PaymentRow, now: datetime) -> tuple[str, str]:
    if row.is_stuck(now):
        return "Stuck", "faulted"
    if row.state == "settled" and row.refund_state in _REFUNDS:
        return _REFUNDS[row.refund_state]
    return _STATES.get(row.state, (formats.words(row.state), "other"))


def row(each: PaymentRow, now: datetime) -> str:
    title = f"{each.station_name} · connector {each.connector_number}"
    below = " · ".join(
        filter(
            None,
            (
                formats.local_time(each.created_at, each.timezone),
                each.phone,
                f"session {each.transaction_id}" if each.transaction_id else "",
                each.error,
            ),
        )
    )
    facts = [
        Fact("Paid", _money(each, "paid"), f"Asked for {formats.exact_money(each.amount, each.currency)}"),
        Fact("Billed", _money(each, "billed")),
        _returned(each, now),
    ]
    return fact_row(title, below, state_of(each, now), facts)


def _returned(each: PaymentRow, now: datetime) -> Fact:
    if each.held:
        return Fact("Held", _money(each, "held"), is_urgent=each.wants_people(now))
    return Fact("Given back", _money(each, "refunded"))


def sums(found: dict[str, PaymentSums]) -> list[tuple[str, str]]:
    """Paid is what follows it added up, in each currency."""
    count = sum(each.payments for each in found.values())
    told = [("payment" if count == 1 else "payments", formats.count(count))]
    for currency, each in found.items():
        amounts = (
            ("paid", each.paid),
            ("billed", each.billed),
            ("given back", each.refunded),
            ("held", each.held),
        )
        told += [(word, formats.exact_money(amount, currency)) for word, amount in amounts]
    return told


def facts(each: PaymentRow) -> list[tuple[str, str]]:
    known = [
        ("Asked for", formats.exact_money(each.amount, each.currency)),
        ("Wanted", formats.exact_energy(each.wanted_wh) if each.wanted_wh else None),
        ("Paid", _money(each, "paid")),
        ("Billed", _money(each, "billed")),
        ("Given back", _money(each, "refunded")),
        ("Held", _money(each, "held")),
        ("Charged", formats.exact_energy(each.energy_wh) if each.energy_wh is not None else None),
        ("Phone", each.phone),
        ("Reference", each.reference),
        (f"Reference at {each.provider.title()}", each.provider_reference),
        ("Transaction", str(each.transaction_id) if each.transaction_id else None),
        ("Owner", each.owner),
    ]
    return [(name, value) for name, value in known if value]


def steps(each: PaymentRow, movements: Sequence[Movement]) -> list[Step]:
    """From the code to the last cent, those that are still to come included."""
    moved = _summed(movements)
    return [
        Step("Begun at the code", "done", each.created_at),
        _paid(each, moved),
        *(_charged(each) if each.paid_at else ()),
        *(_settled(each, moved) if each.paid_at else ()),
    ]


def _summed(movements: Sequence[Movement]) -> dict[str, Movement]:
    """One of each kind, with the time of its last; what was credited is not billed."""
    moved: dict[str, Movement] = {}
    for each in movements:
        kind, amount = ("billed", -each.amount) if each.kind == "credited" else (each.kind, each.amount)
        before = moved[kind].amount if kind in moved else Decimal(0)
        moved[kind] = Movement(kind, before + amount, each.at)
    return moved


def _paid(each: PaymentRow, moved: dict[str, Movement]) -> Step:
    if "paid" in moved:
        return Step(f"Paid {_moved(each, moved['paid'])}", "done", moved["paid"].at)
    if each.state == "pending":
        return Step("Waiting for the payment", "waiting")
    return Step(_STATES[each.state][0], "failed", detail=each.error or "")


def _charged(each: PaymentRow) -> Iterator[Step]:
    if each.session_start is not None:
        yield Step("Charging began", "done", each.session_start)
        if each.session_stop is not None:
            yield Step("Charging ended", "done", each.session_stop)
        else:
            yield Step("Charging", "waiting")
    elif each.state in ("paid", "charging"):
        yield Step("Charging is to begin", "waiting")
    else:
        yield Step("Nothing was charged", "failed", detail=each.error or "")


def _settled(each: PaymentRow, moved: dict[str, Movement]) -> Iterator[Step]:
    if "billed" in moved:
        yield Step(f"Billed {_moved(each, moved['billed'])}", "done", moved["billed"].at)
    elif each.state != "settled":
        yield Step("To be billed", "waiting")
    if "refunded" in moved:
        yield Step(f"Given back {_moved(each, moved['refunded'])}", "done", moved["refunded"].at)
    elif each.refund_state == "by_hand":
        words = f"{_money(each, 'held')} has to be given back by hand"
        yield Step(words, "failed", detail=each.error or "")
    elif each.state == "settled" and each.held:
        yield Step(f"{_money(each, 'held')} is being given back", "waiting")


def _moved(each: PaymentRow, movement: Movement) -> str:
    return formats.exact_money(movement.amount, each.currency)


def _money(each: PaymentRow, name: str) -> str:
    return formats.exact_money(getattr(each, name), each.currency)
