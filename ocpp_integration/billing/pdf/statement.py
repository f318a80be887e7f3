"""An owner's statement: sums, stations, corrections, then each session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from db.models import Statement, StatementLine
from languages import N_
from ocpp_integration.billing.pdf import words
from ocpp_integration.billing.pdf.sheet import Column, Sheet
from ocpp_integration.billing.statements import following, sums_by_station

_STATIONS = (
    Column(N_("Station"), 0.38),
    Column(N_("Sessions"), 0.12, "right"),
    Column(N_("Energy"), 0.18, "right"),
    Column(N_("Gross"), 0.17, "right"),
    Column(N_("Fee"), 0.15, "right"),
)
_SESSIONS = (
    Column(N_("Ended"), 0.21),
    Column(N_("Station"), 0.28),
    Column(N_("Session"), 0.18),
    Column(N_("kWh"), 0.11, "right"),
    Column(N_("Gross"), 0.12, "right"),
    Column(N_("VAT"), 0.1, "right"),
)
_EARLIER = (
    Column(N_("What"), 0.27),
    Column(N_("Station"), 0.22),
    Column(N_("Session"), 0.18),
    Column(N_("kWh"), 0.11, "right"),
    Column(N_("Gross"), 0.12, "right"),
    Column(N_("VAT"), 0.1, "right"),
)

_EARLIER_ARE = N_(
    "Sessions that were corrected after they were stated, by the difference, and sessions that became "
    "known late."
)


def statement_pdf(statement: Statement, lines: Sequence[StatementLine]) -> bytes:
    """All of the statement's lines."""
    month = words.month(statement.month)
    sheet = Sheet(
        f"Statement {statement.name}", f"መግለጫ · Statement {statement.name} · {statement.owner_name}"
    )
    sheet.head(statement.owner_name, [month], "መግለጫ · Statement", statement.name)
    sheet.facts(_facts(statement, lines), 2)
    sheet.sums(_sums(statement))
    sheet.heading(words.both(N_("By station")))
    sheet.table(_STATIONS, _by_station(lines))
    earlier = [line for line in lines if line.kind != "session"]
    if earlier:
        sheet.heading(words.both(N_("Earlier months")))
        for sentence in words.in_each(_EARLIER_ARE):
            sheet.sentence(sentence)
        sheet.table(_EARLIER, (_row(line, _why(line)) for line in earlier))
    sheet.heading(words.both(N_("Sessions")))
    if not statement.sessions:
        sheet.sentence(words.both(N_("No session ended in this month.")))
    else:
        sheet.table(_SESSIONS, (_row(line, _ended(line)) for line in lines if line.kind == "session"))
    return sheet.finish()


def _facts(statement: Statement, lines: Sequence[StatementLine]) -> list[tuple[str, str]]:
    last = following(statement.month) - timedelta(days=1)
    return [
        (N_("Period, by the stations' clocks"), f"1 – {last.day} {words.month(statement.month)}"),
        (N_("Issued"), words.time(statement.issued_at, _clock(lines))),
        (N_("Sessions"), f"{statement.sessions:,}"),
        (N_("Energy"), words.kwh(statement.energy_wh)),
    ]


def _clock(lines: Sequence[StatementLine]) -> str:
    """That of the owner's stations, as its lines have kept it; UTC where they have several, or none did."""
    zones = {line.timezone for line in lines}
    return zones.pop() if len(zones) == 1 else "UTC"


def _sums(statement: Statement) -> list[tuple[str, str]]:
    amounts = (
        (N_("Net"), statement.net),
        (N_("VAT"), statement.tax),
        (N_("Gross, paid by drivers"), statement.gross),
        (N_("Platform fee"), -statement.fee),
        (N_("Due to you"), statement.due),
    )
    return [(name, words.money(value, statement.currency)) for name, value in amounts]


def _by_station(lines: Sequence[StatementLine]) -> Iterator[tuple[str, ...]]:
    for name, sessions, wh, gross, fee in sums_by_station(lines):
        yield name, f"{sessions:,}", words.kwh(wh), words.money(gross), words.money(fee)


def _why(line: StatementLine) -> str:
    if line.stated_month:
        return f"{line.stated_month:%Y-%m} {words.both(N_('corrected'))}"
    return f"{words.day(line.ended_at, line.timezone)} {words.both(N_('late'))}"


def _ended(line: StatementLine) -> str:
    return words.time(line.ended_at, line.timezone, seconds=False)


def _row(line: StatementLine, lead: str) -> tuple[str, ...]:
    connector = f" · {line.connector_number}" if line.connector_number else ""
    return (
        lead,
        f"{line.station_name}{connector}",
        line.session_name,
        words.kwh(line.energy_wh, unit=""),
        words.money(line.gross),
        words.money(line.tax),
    )
