"""Payments at codes as rows of a list, as sums, facts and steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from db.analytics.payments import Movement, PaymentRow, PaymentSums
from languages import N_, _, ngettext, pgettext, told

GROUPS = {
    "": N_("All"),
    "attention": N_("Wants attention"),
    "open": N_("Under way"),
    "settled": N_("Settled"),
    "unpaid": N_("Not paid"),
}
# Word and colour of a state; the colours are those of connectors.
_STATES = {
    "pending": (N_("Waiting for payment"), "other"),
    "failed": (N_("Failed"), "offline"),
    "expired": (N_("Expired"), "offline"),
    "mismatched": (N_("Another amount"), "faulted"),
    "paid": (N_("Paid, starting"), "occupied"),
    "charging": (N_("Charging"), "charging"),
    "settled": (N_("Settled"), "available"),
}
_REFUNDS = {
    "due": (N_("Refund due"), "occupied"),
    "sent": (N_("Refund asked for"), "occupied"),
    "by_hand": (N_("Refund by hand"), "faulted"),
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
        return _("Stuck"), "faulted"
    is_refund = row.state == "settled" and row.refund_state in _REFUNDS
    word, kind = _REFUNDS[row.refund_state or ""] if is_refund else _STATES[row.state]
    return _(word), kind


def row(each: PaymentRow, now: datetime) -> str:
    below = " · ".join(
        filter(
            None,
            (
                _("Connector {number}", number=each.connector_number),
                formats.local_time(each.created_at, each.timezone),
                each.phone,
                _("session {number}", number=each.transaction_id) if each.transaction_id else "",
                told(each.error or ""),
            ),
        )
    )
    facts = [
        Fact(
            _("Paid"),
            _money(each, "paid"),
            _("Asked for {amount}", amount=formats.exact_money(each.amount, each.currency)),
        ),
        Fact(_("Billed"), _money(each, "billed")),
        _returned(each, now),
    ]
    return fact_row(each.station_name, below, state_of(each, now), facts)


def _returned(each: PaymentRow, now: datetime) -> Fact:
    if each.held:
        return Fact(pgettext("money", "Held"), _money(each, "held"), is_urgent=each.wants_people(now))
    return Fact(_("Given back"), _money(each, "refunded"))


def sums(found: dict[str, PaymentSums]) -> list[tuple[str, str]]:
    """Paid is what follows it added up, in each currency."""
    count = sum(each.payments for each in found.values())
    shown = [(ngettext("payment", "payments", count), formats.count(count))]
    for currency, each in found.items():
        amounts = (
            (_("paid"), each.paid),
            (_("billed"), each.billed),
            (_("given back"), each.refunded),
            (pgettext("money", "held"), each.held),
        )
        shown += [(word, formats.exact_money(amount, currency)) for word, amount in amounts]
    return shown


def facts(each: PaymentRow) -> list[tuple[str, str]]:
    known = [
        (_("Asked for"), formats.exact_money(each.amount, each.currency)),
        (_("Wanted"), formats.exact_energy(each.wanted_wh) if each.wanted_wh else None),
        (_("Paid"), _money(each, "paid")),
        (_("Billed"), _money(each, "billed")),
        (_("Given back"), _money(each, "refunded")),
        (pgettext("money", "Held"), _money(each, "held")),
        (_("Charged"), formats.exact_energy(each.energy_wh) if each.energy_wh is not None else None),
        (_("Phone"), each.phone),
        (_("Reference"), each.reference),
        (_("Reference at {provider}", provider=each.provider.title()), each.provider_reference),
        (_("Transaction"), str(each.transaction_id) if each.transaction_id else None),
        (_("Owner"), each.owner),
    ]
    return [(name, value) for name, value in known if value]


def steps(each: PaymentRow, movements: Sequence[Movement]) -> list[Step]:
    """From the code to the last cent, those that are still to come included."""
    moved = _summed(movements)
    return [
        Step(_("Begun at the code"), "done", each.created_at),
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
        return Step(_("Paid {amount}", amount=_moved(each, moved["paid"])), "done", moved["paid"].at)
    if each.state == "pending":
        return Step(_("Waiting for the payment"), "waiting")
    return Step(_(_STATES[each.state][0]), "failed", detail=told(each.error or ""))


def _charged(each: PaymentRow) -> Iterator[Step]:
    if each.session_start is not None:
        yield Step(_("Charging began"), "done", each.session_start)
        if each.session_stop is not None:
            yield Step(_("Charging ended"), "done", each.session_stop)
        else:
            yield Step(_("Charging"), "waiting")
    elif each.state in ("paid", "charging"):
        yield Step(_("Charging is to begin"), "waiting")
    else:
        # Of what was to be given back, the error is told there.
        why = "" if each.refund_state == "by_hand" else told(each.error or "")
        yield Step(_("Nothing was charged"), "failed", detail=why)


def _settled(each: PaymentRow, moved: dict[str, Movement]) -> Iterator[Step]:
    if "billed" in moved:
        yield Step(_("Billed {amount}", amount=_moved(each, moved["billed"])), "done", moved["billed"].at)
    elif each.state != "settled":
        yield Step(_("To be billed"), "waiting")
    if "refunded" in moved:
        yield Step(
            _("Given back {amount}", amount=_moved(each, moved["refunded"])), "done", moved["refunded"].at
        )
    elif each.refund_state == "by_hand":
        words = _("{amount} has to be given back by hand", amount=_money(each, "held"))
        yield Step(words, "failed", detail=told(each.error or ""))
    elif each.state == "settled" and each.held:
        yield Step(_("{amount} is being given back", amount=_money(each, "held")), "waiting")


def _moved(each: PaymentRow, movement: Movement) -> str:
    return formats.exact_money(movement.amount, each.currency)


def _money(each: PaymentRow, name: str) -> str:
    return formats.exact_money(getattr(each, name), each.currency)
