"""Statements: what is issued, that it never changes, and that nothing is stated twice or forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import factories
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import DBAPIError

from db.engine import reading, writing
from db.models import (
    AuditEntry,
    ChargingSession,
    ChargingStation,
    OCPPStation,
    Statement,
    StatementLine,
    StationOwner,
)
from ocpp_integration.billing import statements
from ocpp_integration.billing.pdf.statement import statement_pdf
from ocpp_integration.billing.statements import StatementRefused

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
LATER = datetime(2026, 9, 1, tzinfo=UTC)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAME = "አዲስ ቻርጅ"


@pytest.fixture
def network(engine: Engine) -> Engine:
    """Two owners with a station each, of which the first keeps all but 5 % of what drivers pay."""
    with writing(engine) as store:
        mine, other = factories.add_owner(store, NAME), factories.add_owner(store, "Elsewhere")
        mine.fee_percent = Decimal(5)
        factories.add_station(store, mine)
        factories.add_station(store, other, "Far Away")
    return engine


def _charge(engine: Engine, at: datetime = NOON, cost: str = "115.00", **columns: Any) -> int:
    columns = {"tax": Decimal(cost) * 15 / 115} | columns
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation).order_by(OCPPStation.id)).first()
        assert station is not None
        return factories.add_session(store, station, at, cost=Decimal(cost), **columns).id


def _change(engine: Engine, session_pk: int, **values: Any) -> None:
    with writing(engine) as store:
        store.execute(update(ChargingSession).where(ChargingSession.id == session_pk).values(values))


def _issue(engine: Engine, month: date = MARCH, now: datetime = LATER) -> list[Statement]:
    with writing(engine) as store:
        owner = store.scalars(select(StationOwner).where(StationOwner.name == NAME)).one()
        return statements.issue(store, None, owner.id, month, now=now)


def _lines(engine: Engine, statement: Statement) -> list[StatementLine]:
    with reading(engine) as store:
        return statements.lines(store, statement)


def _told(engine: Engine, statement: Statement) -> list[tuple[str, Decimal, Decimal]]:
    return [(line.kind, line.gross, line.fee) for line in _lines(engine, statement)]


def test_a_statement_has_the_sessions_of_its_month_by_the_stations_clock(network: Engine) -> None:
    _charge(network, datetime(2026, 2, 28, 20, 25, tzinfo=UTC))  # ends five minutes before midnight there
    _charge(network, datetime(2026, 2, 28, 20, 45, tzinfo=UTC))
    _charge(network, datetime(2026, 3, 31, 20, 45, tzinfo=UTC))
    (found,) = _issue(network)
    assert (found.sessions, found.energy_wh, found.currency) == (1, 12_500, "ETB")
    amounts = (found.gross, found.tax, found.net, found.fee, found.due)
    assert amounts == tuple(map(Decimal, ("115.00", "15.00", "100.00", "5.75", "109.25")))
    assert found.owner_name == NAME


def test_what_counts_nowhere_and_what_others_earned_is_not_stated(network: Engine) -> None:
    _charge(network, verdict="held")
    _charge(network, minutes=None, status="charging")
    with writing(network) as store:
        other = store.scalars(select(OCPPStation).order_by(OCPPStation.id.desc())).first()
        assert other is not None
        factories.add_session(store, other, NOON)
    assert [_lines(network, each) for each in _issue(network)] == [[]]


def test_issuing_twice_is_the_same(network: Engine) -> None:
    session = _charge(network)
    (first,) = _issue(network)
    _change(network, session, cost=Decimal("1.00"))
    (second,) = _issue(network)
    assert (first.id, first.gross, first.issued_at) == (second.id, second.gross, second.issued_at)
    assert _told(network, first) == [("session", Decimal("115.00"), Decimal("5.75"))]


def test_two_who_issue_at_once_issue_one(network: Engine) -> None:
    _charge(network)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _issue(network)[0].id, range(8)))
    assert len(set(found)) == 1
    with reading(network) as store:
        assert len(store.scalars(select(StatementLine)).all()) == 1


@pytest.mark.parametrize("model", [Statement, StatementLine])
def test_what_is_issued_cannot_be_changed(network: Engine, model: Any) -> None:
    _charge(network)
    _issue(network)
    with pytest.raises(DBAPIError, match="never changed"), writing(network) as store:
        store.execute(update(model).values(gross=Decimal(1)))


def test_a_correction_is_a_credit_on_the_next_statement(network: Engine) -> None:
    session = _charge(network)
    _issue(network)
    _change(network, session, cost=Decimal("15.00"), tax=Decimal("1.96"), energy_wh=1500)
    with writing(network) as store:
        # What a fee is afterwards does not matter to a session that was stated.
        store.execute(update(StationOwner).values(fee_percent=Decimal(50)))
    (april,) = _issue(network, APRIL)
    assert (april.sessions, april.gross, april.fee) == (0, Decimal("-100.00"), Decimal("-5.00"))
    (line,) = _lines(network, april)
    assert (line.kind, line.stated_month, line.energy_wh) == ("correction", MARCH, -11_000)
    assert _issue(network, MAY)[0].gross == 0


def test_a_session_that_is_held_afterwards_is_credited_whole(network: Engine) -> None:
    session = _charge(network, cost="0.11")
    (march,) = _issue(network)
    _change(network, session, verdict="held")
    (april,) = _issue(network, APRIL)
    assert (march.gross + april.gross, march.fee + april.fee, march.tax + april.tax) == (0, 0, 0)


def test_a_session_that_became_known_late_is_on_the_next_statement(network: Engine) -> None:
    _charge(network)
    _issue(network)
    _charge(network, NOON + timedelta(days=1), "10.00")
    (april,) = _issue(network, APRIL)
    assert _told(network, april) == [("late", Decimal("10.00"), Decimal("0.50"))]


def test_months_between_are_issued_first(network: Engine) -> None:
    _charge(network)
    _issue(network)
    _charge(network, NOON + timedelta(days=31), "20.00")
    _issue(network, MAY)
    with reading(network) as store:
        found = store.scalars(select(Statement).order_by(Statement.month)).all()
        assert [(each.month, each.gross) for each in found] == [
            (MARCH, Decimal("115.00")),
            (APRIL, Decimal("20.00")),
            (MAY, Decimal(0)),
        ]


def test_a_month_that_is_not_over_there_is_not_issued(network: Engine) -> None:
    _charge(network)
    with pytest.raises(StatementRefused, match="not over"):
        _issue(network, now=datetime(2026, 3, 31, 20, 59, tzinfo=UTC))
    assert _issue(network, now=datetime(2026, 3, 31, 21, tzinfo=UTC))


def test_nor_is_one_of_an_owner_whose_stations_are_anothers_by_now(network: Engine) -> None:
    _issue(network)
    with writing(network) as store:
        other = store.scalars(select(StationOwner).where(StationOwner.name != NAME)).one()
        store.execute(update(ChargingStation).values(owner_id=other.id))
    with pytest.raises(StatementRefused, match="not over"):
        _issue(network, APRIL, now=datetime(2026, 4, 30, 23, 59, tzinfo=UTC))
    assert _issue(network, APRIL, now=datetime(2026, 5, 1, tzinfo=UTC))


def test_a_month_before_the_first_statement_is_not_issued(network: Engine) -> None:
    _charge(network)
    _issue(network)
    with pytest.raises(StatementRefused, match="begin with March 2026"):
        _issue(network, date(2026, 2, 1))


def test_each_currency_has_a_statement_of_its_own(network: Engine) -> None:
    _charge(network)
    with writing(network) as store:
        owner = store.scalars(select(StationOwner).where(StationOwner.name == NAME)).one()
        station = factories.add_station(store, owner, "Djibouti", currency="DJF")
        factories.add_session(store, station, NOON, cost=Decimal("900.00"))
    found = _issue(network)
    assert [(each.currency, each.gross) for each in found] == [
        ("DJF", Decimal("900.00")),
        ("ETB", Decimal("115.00")),
    ]


def test_a_station_that_is_sold_takes_nothing_along_that_was_stated(network: Engine) -> None:
    session = _charge(network)
    _issue(network)
    with writing(network) as store:
        buyer = store.scalars(select(StationOwner).where(StationOwner.name == "Elsewhere")).one()
        store.execute(update(ChargingStation).values(owner_id=buyer.id))
        assert [each.gross for each in statements.issue(store, None, buyer.id, MARCH, now=LATER)] == [0]
    _change(network, session, cost=Decimal("100.00"))
    assert _issue(network, APRIL)[0].gross == Decimal("-15.00")


def test_the_audit_log_says_who_issued_and_who_set_a_fee(network: Engine) -> None:
    _charge(network)
    with writing(network) as store:
        admin = factories.add_user(store)
        owner = store.scalars(select(StationOwner).where(StationOwner.name == NAME)).one()
        statements.set_fee(store, admin, owner.id, Decimal("7.5"))
        statements.issue(store, admin, owner.id, MARCH, now=LATER)
    with reading(network) as store:
        entries = store.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert [(each.action, each.user_name) for each in entries] == [
            ("set fee", "admin"),
            ("issue statement", "admin"),
        ]


@pytest.mark.parametrize("percent", ["-1", "100.01", "1.005"])
def test_a_fee_that_cannot_be_is_refused(network: Engine, percent: str) -> None:
    with pytest.raises(StatementRefused), writing(network) as store:
        statements.set_fee(store, None, store.scalars(select(StationOwner.id)).first() or 0, Decimal(percent))


def test_the_file_says_what_the_statement_says_in_every_letter(network: Engine) -> None:
    session = _charge(network)
    _issue(network)
    _change(network, session, cost=Decimal("15.00"))
    _charge(network, NOON + timedelta(days=31), "1234.50")
    (april,) = _issue(network, APRIL)
    made = statement_pdf(april, _lines(network, april))
    text = _text(made)
    amounts = ("1,134.50 ETB", "-100.00", "1,234.50")
    months = ("April · ኤፕሪል 2026", "2026-03 corrected · የታረመ", "2026-04-10 15:30 EAT")
    for told in (NAME, april.name, "Bole Road", *amounts, *months):
        assert told in text, (told, text)
    assert made == statement_pdf(april, _lines(network, april))


def test_a_statement_says_when_it_was_issued_on_the_clock_of_its_stations(network: Engine) -> None:
    _charge(network)
    _charge(network)
    (march,) = _issue(network)
    lines = _lines(network, march)
    march.issued_at = NOON
    assert "2026-03-10 15:00:00 EAT" in _text(statement_pdf(march, lines))
    lines[0].timezone = "Africa/Djibouti"
    lines[1].timezone = "Europe/Berlin"
    for told in (lines, []):
        assert "2026-03-10 12:00:00 UTC" in _text(statement_pdf(march, told))


def test_a_long_statement_has_every_session_on_its_pages(network: Engine) -> None:
    for hour in range(75):
        _charge(
            network, NOON + timedelta(hours=hour), transaction_id=None, external_id=f"DEMO-{3_000_200 + hour}"
        )
    (march,) = _issue(network)
    lines = _lines(network, march)
    made = statement_pdf(march, lines)
    text = _text(made)
    assert all(line.session_name in text for line in lines)
    assert len(PdfReader(BytesIO(made)).pages) > 1


def _text(made: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(made)).pages).split())


# What may happen to a session between two statements.
_EVENTS = st.tuples(
    st.sampled_from(["new", "late", "correct", "hold", "release"]),
    st.integers(0, 5),
    st.integers(0, 99_999),
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(percent=st.integers(0, 10_000), months=st.lists(st.lists(_EVENTS, max_size=5), min_size=1, max_size=4))
def test_all_statements_add_up_to_what_is_booked(
    network: Engine, percent: int, months: Sequence[Sequence[tuple[str, int, int]]]
) -> None:
    _empty(network, percent)
    known: list[int] = []
    month = MARCH
    for events in months:
        known.append(_charge(network, datetime(month.year, month.month, 9, tzinfo=UTC), "1.01"))
        for what, which, minor in events:
            amount = Decimal(minor) / 100
            if what in ("new", "late"):
                at = datetime(2026, 3, 5, tzinfo=UTC) if what == "late" else None
                known.append(
                    _charge(network, at or datetime(month.year, month.month, 3, tzinfo=UTC), str(amount))
                )
                continue
            changes: dict[str, dict[str, Any]] = {
                "correct": {"cost": amount, "tax": None, "energy_wh": minor},
                "hold": {"verdict": "held"},
                "release": {"verdict": "accepted"},
            }
            _change(network, known[which % len(known)], **changes[what])
        _issue(network, month)
        _assert_conserved(network)
        month = statements.following(month)


def _empty(engine: Engine, percent: int) -> None:
    with writing(engine) as store:
        for model in (StatementLine, Statement, ChargingSession):
            store.execute(delete(model))
        store.execute(update(StationOwner).values(fee_percent=Decimal(percent) / 100))


def _assert_conserved(engine: Engine) -> None:
    with reading(engine) as store:
        issued = store.scalars(select(Statement)).all()
        lines = store.scalars(select(StatementLine)).all()
        sessions = [s for s in store.scalars(select(ChargingSession)) if s.verdict != "held"]
    for name, column in (("gross", "cost"), ("tax", "tax"), ("energy_wh", "energy_wh")):
        booked = sum(getattr(session, column) or 0 for session in sessions)
        assert sum(getattr(each, name) for each in issued) == booked
        assert sum(getattr(line, name) for line in lines) == booked
    assert sum(each.fee for each in issued) == sum(line.fee for line in lines)
    assert sum(each.due + each.fee for each in issued) == sum(session.cost or 0 for session in sessions)
