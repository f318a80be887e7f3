"""Statements, their lines and findings of the audit as rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from dashboard.statements.orders import FindingRow
from db.models import Statement, StatementLine
from languages import N_, _, dates, ngettext, pgettext, told
from ocpp_integration.billing.audit import Total
from ocpp_integration.billing.checks import CHECKS

_KINDS = {"session": N_("Of the month"), "late": N_("Became known late")}


def row(statement: Statement, timezone: str, *, with_owner: bool) -> str:
    named = [statement.owner_name] if with_owner else []
    below = " · ".join(
        [
            *named,
            ngettext("{n:,} session", "{n:,} sessions", statement.sessions),
            formats.exact_energy(statement.energy_wh),
            _("issued {local_time}", local_time=formats.local_time(statement.issued_at, timezone)),
        ]
    )
    currency = statement.currency
    facts = [
        Fact(
            _("Gross"),
            formats.exact_money(statement.gross, currency),
            _("VAT in it {exact_money}", exact_money=formats.exact_money(statement.tax, currency)),
        ),
        Fact(_("Fee"), formats.exact_money(statement.fee, currency)),
        Fact(_("Due"), formats.exact_money(statement.due, currency)),
    ]
    return fact_row(dates.told(statement.month, "MMMM y"), below, (_("Issued"), "available"), facts)


def facts(statement: Statement) -> list[tuple[str, str]]:
    currency = statement.currency
    amounts = (
        (_("Net"), statement.net),
        (_("VAT"), statement.tax),
        (_("Gross"), statement.gross),
        (_("Platform fee"), statement.fee),
        (_("Due"), statement.due),
    )
    return [
        (_("Sessions"), formats.count(statement.sessions)),
        (_("Energy"), formats.exact_energy(statement.energy_wh)),
        *((name, formats.exact_money(value, currency)) for name, value in amounts),
    ]


def line(each: StatementLine) -> dict[str, object]:
    kind = (
        _("{month}, corrected", month=dates.told(each.stated_month, "MMM y"))
        if each.stated_month
        else _(_KINDS[each.kind])
    )
    return {
        _("Ended"): formats.local_time(each.ended_at, each.timezone),
        _("Session"): each.session_name,
        "kWh": each.energy_wh / 1000,
        _("Gross"): float(each.gross),
        _("VAT"): float(each.tax),
        _("Fee"): float(each.fee),
        _("Station"): each.station_name,
        _("What"): kind,
    }


def finding_row(each: FindingRow, timezone: str) -> str:
    finding = each.finding
    check = CHECKS.get(finding.check)
    sessions = _("Session {join}", join=", ".join(each.sessions)) if each.sessions else _("No session")
    amount = (
        formats.NO_DATA if finding.amount is None else formats.exact_money(finding.amount, finding.currency)
    )
    times = [Fact(_("First seen"), *_when(finding.first_seen_at, timezone))]
    if finding.closed_at is None:
        state = (pgettext("a finding", "Open"), "faulted")
        times.append(Fact(_("Last seen"), *_when(finding.last_seen_at, timezone)))
    else:
        state = (_("Closed"), "offline")
        times.append(Fact(_("Closed"), *_when(finding.closed_at, timezone)))
    below = " · ".join((told(finding.words), sessions))
    return fact_row(
        _(check.title) if check else finding.check, below, state, [Fact(_("At stake"), amount), *times]
    )


def _when(at: datetime, timezone: str) -> tuple[str, str]:
    when = formats.local_time(at, timezone)
    return when.split(",")[0], when


def sums(found: Sequence[Total]) -> str:
    """What is at stake in all, by currency."""
    amounts: dict[str, Decimal] = {}
    for each in found:
        amounts[each.currency] = amounts.get(each.currency, Decimal(0)) + each.amount
    return " + ".join(formats.exact_money(amount, unit) for unit, amount in sorted(amounts.items()))


def months_to_issue(today: date, number: int = 12) -> list[date]:
    """The last months that are over, the newest first."""
    month, found = today.replace(day=1), []
    for _month in range(number):
        month = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
        found.append(month)
    return found
