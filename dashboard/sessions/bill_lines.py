"""A bill as lines of words and amounts. Pure."""

from __future__ import annotations

from dashboard import formats
from languages import _
from ocpp_integration.pricing import Bill, Line
from ocpp_integration.pricing.words import LINES, OF_ONE, amount


def bill_lines(bill: Bill, currency: str) -> list[tuple[str, str]]:
    """What is paid for, then the VAT: in the lines where prices contain it, else added to them."""
    lines = [(_words(line, currency), _paid(line, bill, currency)) for line in bill.lines]
    if bill.tax is not None:
        words = _("VAT contained in it") if bill.tax_included else _("VAT")
        lines.append((words, formats.exact_money(bill.tax, currency)))
    return lines


def _paid(line: Line, bill: Bill, currency: str) -> str:
    paid = line.net if line.gross is None or not bill.tax_included else line.gross
    return formats.exact_money(paid, currency)


def _words(line: Line, currency: str) -> str:
    name = _(LINES[line.what])
    if line.what in OF_ONE:
        return name
    if line.what == "ENERGY":
        energy = formats.exact_energy(round(line.volume * 1000))
        return f"{name} {energy} × {formats.price(line.price, currency)}"
    lasted = formats.duration(round(line.volume * 3600))
    return f"{name} {lasted} × {amount(line.price)}\u00a0{currency}/{_('h')}"
