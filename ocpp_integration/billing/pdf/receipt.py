"""A receipt on one page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from db.models import Receipt
from languages import N_
from ocpp_integration.billing.pdf import words
from ocpp_integration.billing.pdf.sheet import Column, Sheet
from ocpp_integration.plugs import plug_name
from ocpp_integration.pricing import Bill
from ocpp_integration.pricing.words import LINES

_COLUMNS = (
    Column(N_("For"), 0.38),
    Column(N_("Quantity"), 0.16, "right"),
    Column(N_("Price"), 0.18, "right"),
    Column(N_("VAT"), 0.09, "right"),
    Column(N_("Amount"), 0.19, "right"),
)


def receipt_pdf(receipt: Receipt) -> bytes:
    told, bill = receipt.document, Bill.read(receipt.document["bill"])
    zone = told["timezone"]
    sheet = Sheet(f"Receipt {receipt.name}", f"ደረሰኝ · Receipt {receipt.name} · {told['owner']}")
    sheet.head(told["owner"], [told["station"], told["address"]], "ደረሰኝ · Receipt", receipt.name)
    sheet.facts([(N_("Issued"), words.time(receipt.issued_at, zone)), *_facts(told)])
    if told["corrects"]:
        for sentence in _corrects(told, receipt.gross):
            sheet.sentence(sentence)
    sheet.heading(words.both(N_("What was charged")))
    sheet.table(_COLUMNS, _rows(bill, receipt))
    sheet.sums(_sums(bill, receipt))
    for sentence in _notes(told):
        sheet.sentence(sentence)
    return sheet.finish()


def _facts(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    zone = told["timezone"]
    parts = (str(told["connector"] or ""), plug_name(told["connector_type"]))
    connector = " · ".join(filter(None, parts))
    known = (
        (N_("Started"), words.time(datetime.fromisoformat(told["started"]), zone)),
        (N_("Ended"), words.time(datetime.fromisoformat(told["ended"]), zone)),
        (N_("Station"), told["station_id"]),
        (N_("Connector"), connector),
        (N_("Session"), told["session"]),
        (N_("Meter at the start"), None if told["meter_start"] is None else words.kwh(told["meter_start"])),
        (N_("Meter at the stop"), None if told["meter_stop"] is None else words.kwh(told["meter_stop"])),
        (N_("Tariff"), told["tariff"]),
        (N_("Payment"), told["payment"]),
    )
    yield from ((name, value) for name, value in known if value)


def _rows(bill: Bill, receipt: Receipt) -> Iterator[tuple[str, ...]]:
    currency = receipt.document["currency"]
    for line in bill.lines:
        vat = "" if line.vat is None else words.percent(line.vat)
        paid = line.gross if bill.tax_included and line.gross is not None else line.net
        named = words.both(LINES[line.what]), words.quantity(line), words.price(line, currency)
        yield (*named, vat, words.money(paid, currency))
    if not bill.lines:
        yield words.both("Energy"), words.kwh(receipt.energy_wh), "", "", words.money(receipt.gross, currency)


def _sums(bill: Bill, receipt: Receipt) -> list[tuple[str, str]]:
    currency = receipt.document["currency"]
    found = []
    if receipt.tax is not None:
        net = receipt.gross - receipt.tax
        vat = N_("VAT contained in it") if bill.tax_included or not bill.lines else N_("VAT")
        found = [(N_("Net"), words.money(net, currency)), (vat, words.money(receipt.tax, currency))]
    return [*found, ("Total", words.money(receipt.gross, currency))]


def _corrects(told: Mapping[str, Any], gross: Decimal) -> tuple[str, str]:
    before, currency = told["corrects"], told["currency"]
    difference = gross - Decimal(before["gross"])
    return words.in_each(
        N_("This corrects receipt {receipt} of {amount}: {difference} less.")
        if difference < 0
        else N_("This corrects receipt {receipt} of {amount}: {difference} more."),
        receipt=before["receipt"],
        amount=words.money(Decimal(before["gross"]), currency),
        difference=words.money(abs(difference), currency),
    )


def _notes(told: Mapping[str, Any]) -> Iterator[str]:
    if told["is_estimated"]:
        yield from words.in_each(
            N_("The charge point did not tell the end of the session: it is estimated by its last report.")
        )
    if told["is_corrected"]:
        yield from words.in_each(
            N_("What the charge point reported could not be: energy and amount are as they were corrected.")
        )
