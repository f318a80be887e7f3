"""Statements, their lines and findings of the audit as rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from dashboard import formats
from dashboard.access_rows import Fact, fact_row
from dashboard.statement_orders import FindingRow
from db.models import Statement, StatementLine
from ocpp_integration.billing.audit import Total
from ocpp_integration.billing.checks import CHECKS

_KINDS = {"session": "Of the month", "late": "Became known late"}


def row(statement: Statement, timezone: str, *, with_owner: bool) -> str:
    named = [statement.owner_name] if with_owner else []
    word = "session" if statement.sessions == 1 else "sessions"
    below = " · ".join(
        [
            *named,
            f"{formats.count(statement.sessions)} {word}",
            formats.exact_energy(statement.energy_wh),
            f"issued {formats.local_time(statement.issued_at, timezone)}",
        ]
    )
    currency = statement.currency
    facts = [
        Fact(
            "Gross",
            formats.exact_money(statement.gross, currency),
            f"VAT in it {formats.exact_money(statement.tax, currency)}",
        ),
        Fact("Fee", formats.exact_money(statement.fee, currency)),
        Fact("Due", formats.exact_money(statement.due, currency)),
    ]
    return fact_row(f"{statement.month:%B %Y}", below, ("Issued", "available"), facts)


def facts(statement: Statement) -> list[tuple[str, str]]:
    currency = statement.currency
    amounts = (
        ("Net", statement.net),
        ("VAT", statement.tax),
        ("Gross", statement.gross),
        ("Platform fee", statement.fee),
        ("Due", statement.due),
    )
    return [
        ("Sessions", formats.count(statement.sessions)),
        ("Energy", formats.exact_energy(statement.energy_wh)),
        *((name, formats.exact_money(value, currency)) for name, value in amounts),
    ]


def line(each: StatementLine) -> dict[str, object]:
    kind = f"{each.stated_month:%b %Y}, corrected" if each.stated_month else _KINDS[each.kind]
    return {
        "Ended": formats.local_time(each.ended_at, each.timezone),
        "Session": each.session_name,
        "kWh": each.energy_wh / 1000,
        "Gross": float(each.gross),
        "VAT": float(each.tax),
        "Fee": float(each.fee),
        "Station": each.station_name,
        "What": kind,
    }


def finding_row(each: FindingRow, timezone: str) -> str:
    finding = each.finding
    check = CHECKS.get(finding.check)
    sessions = f"Session {', '.join(each.sessions)}" if each.sessions else "No session"
    amount = (
        formats.NO_DATA if finding.amount is None else formats.exact_money(finding.amount, finding.currency)
    )
    times = [Fact("First seen", *_when(finding.first_seen_at, timezone))]
    if finding.closed_at is None:
        state = ("Open", "faulted")
        times.append(Fact("Last seen", *_when(finding.last_seen_at, timezone)))
    else:
        state = ("Closed", "offline")
        times.append(Fact("Closed", *_when(finding.closed_at, timezone)))
    below = " · ".join((finding.words, sessions))
    return fact_row(check.title if check else finding.check, below, state, [Fact("At stake", amount), *times])


def _when(at: datetime, timezone: str) -> tuple[str, str]:
    told = formats.local_time(at, timezone)
    return told.split(",")[0], told


def sums(found: Sequence[Total]) -> str:
    """What is at stake in all, by currency."""
    amounts: dict[str, Decimal] = {}
    for each in found:
        amounts[each.currency] = amounts.get(each.currency, Decimal(0)) + each.amount
    return " + ".join(formats.exact_money(amount, unit) for unit, amount in sorted(amounts.items()))


def months_to_issue(today: date, number: int = 12) -> list[date]:
    """The last months that are over, the newest first."""
    month, found = today.replace(day=1), []
    for _ in range(number):
        month = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
        found.append(month)
    return found
