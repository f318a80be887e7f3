"""Receipts: told once, under numbers without gaps."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import factories
import pytest
from one_station import add_network, session_of
from pypdf import PdfReader
from reportlab.pdfbase.pdfmetrics import getFont
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DBAPIError
from tariff_makers import IDLE, give
from webhooks import NOON, started, status, stopped, tell

from db.engine import reading, writing
from db.models import ChargingSession, ChargingStation, OCPPStation, Receipt
from languages import catalog
from ocpp_integration.billing import receipts
from ocpp_integration.billing.pdf import lettering
from ocpp_integration.billing.pdf.lettering import width, wrapped
from ocpp_integration.billing.pdf.receipt import receipt_pdf
from ocpp_integration.billing.receipts import NoReceipt

NOW = datetime(2026, 12, 31, 20, 30, tzinfo=UTC)
NEW_YEAR_THERE = datetime(2026, 12, 31, 21, 30, tzinfo=UTC)


@pytest.fixture
def network(engine: Engine) -> Engine:
    """A store with one station of two connectors at 10 ETB/kWh."""
    add_network(engine)
    return engine


def _give(engine: Engine, session_pk: int, now: datetime = NOW) -> Receipt:
    with writing(engine) as store:
        return receipts.give(store, session_pk, now=now)


def _charges(engine: Engine, number: int) -> list[int]:
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        return [factories.add_session(store, station, NOON).id for _ in range(number)]


def _text(receipt: Receipt) -> str:
    pages = PdfReader(BytesIO(receipt_pdf(receipt))).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_the_fonts_of_documents_have_every_letter_of_the_translations() -> None:
    lettering.register()
    letters = {letter for forms in catalog("am").texts.values() for letter in "".join(forms)}
    ethiopic = {ord(letter) for letter in letters if "\u1200" <= letter <= "\u137f"}
    for font in ("NotoSansEthiopic-Regular", "NotoSansEthiopic-Bold"):
        assert ethiopic - set(getFont(font).face.charToGlyph) == set()


def test_a_receipt_tells_the_lines_of_the_bill_the_meter_and_the_times_there(network: Engine) -> None:
    give(network, "idle", IDLE)
    with writing(network) as store:
        store.execute(update(ChargingStation).values(name="ቦሌ መንገድ", address="ኢትዮጵያ"))
    tell(network, started(0, meter_start=120_000), status(0, "charging"), status(600, "suspended_ev"))
    tell(network, stopped(1200, meter_stop=133_000))
    session = session_of(network)
    receipt = _give(network, session.id)
    text = _text(receipt)
    for told in (
        receipt.name,
        "ቦሌ",
        "ኢትዮጵያ",
        "120.000 kWh",
        "133.000 kWh",
        "13.000 kWh 10.00 ETB/kWh 15 % 130.00 ETB",
        "Idle time",
        "0:10:00 h 60.00 ETB/h 15 % 10.00 ETB",
        "15:00:00 EAT",
        "18.26 ETB",
        "Total · ድምር 140.00 ETB",
    ):
        assert told in text, (told, text)
    assert (receipt.gross, receipt.tax) == (session.cost, session.tax)


def test_a_word_too_long_for_a_line_goes_on_in_the_next() -> None:
    reference = "EV-0f8fad5bd9cb469fa16570867728950e"
    lines = wrapped(f"at {reference}", 100, 10)
    assert len(lines) > 2
    assert all(width(line, 10) <= 100 for line in lines)
    assert "".join(lines) == f"at{reference}"


def test_a_receipt_is_given_once(network: Engine) -> None:
    (session,) = _charges(network, 1)
    first, second = _give(network, session), _give(network, session, NEW_YEAR_THERE)
    assert (first.id, receipt_pdf(first)) == (second.id, receipt_pdf(second))


def test_what_the_station_is_called_later_changes_no_receipt(network: Engine) -> None:
    (session,) = _charges(network, 1)
    before = receipt_pdf(_give(network, session))
    with writing(network) as store:
        store.execute(update(ChargingStation).values(name="Renamed"))
    assert receipt_pdf(_give(network, session)) == before


def test_numbers_have_no_gaps_though_many_ask_at_once_and_some_fail(network: Engine) -> None:
    sessions = _charges(network, 12)

    def ask(session_pk: int) -> int:
        if session_pk % 3 == 0:
            # One whose transaction is not committed after all.
            with pytest.raises(RuntimeError), writing(network) as store:
                receipts.give(store, session_pk, now=NOW)
                raise RuntimeError
        return _give(network, session_pk).number

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(ask, [*sessions, *sessions]))
    assert sorted(numbers) == sorted([*range(1, 13)] * 2)


def test_numbers_begin_anew_in_each_year_of_the_stations_clock(network: Engine) -> None:
    first, second, third = _charges(network, 3)
    found = [_give(network, first), _give(network, second), _give(network, third, NEW_YEAR_THERE)]
    assert [(each.year, each.number) for each in found] == [(2026, 1), (2026, 2), (2027, 1)]


def test_each_owner_has_numbers_of_its_own(network: Engine) -> None:
    _give(network, _charges(network, 1)[0])
    with writing(network) as store:
        station = factories.add_station(store, factories.add_owner(store, "Elsewhere"), "Far Away")
        session = factories.add_session(store, station, NOON)
        assert receipts.give(store, session.id, now=NOW).number == 1


def test_a_receipt_cannot_be_changed(network: Engine) -> None:
    _give(network, _charges(network, 1)[0])
    with pytest.raises(DBAPIError, match="never changed"), writing(network) as store:
        store.execute(update(Receipt).values(gross=Decimal(1)))


def test_a_session_corrected_afterwards_has_a_receipt_that_corrects_the_first(network: Engine) -> None:
    (session,) = _charges(network, 1)
    first = _give(network, session)
    with writing(network) as store:
        store.execute(update(ChargingSession).values(cost=Decimal("25.00"), verdict="corrected"))
    second = _give(network, session)
    assert (second.number, second.revision, second.gross) == (2, 1, Decimal("25.00"))
    text = _text(second)
    assert f"This corrects receipt {first.name} of 125.00 ETB: 100.00 ETB less." in text
    assert "ያንሳል" in text
    with reading(network) as store:
        assert store.get_one(Receipt, first.id).gross == Decimal("125.00")


def test_a_session_without_a_bill_yet_has_no_receipt(network: Engine) -> None:
    tell(network, started(0))
    with pytest.raises(NoReceipt, match="not ended"):
        _give(network, session_of(network).id)
    tell(network, stopped(600))
    with writing(network) as store:
        store.execute(update(ChargingSession).values(verdict="held"))
    with pytest.raises(NoReceipt, match="held back"):
        _give(network, session_of(network).id)
