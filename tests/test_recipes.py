"""The recipes of docs/developing.md, followed: an entry in a table is all that they need."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from os.path import relpath
from pathlib import Path

import pytest
from dashboard_pages import SCRIPT, opening_pages, text_of
from factories import add_user
from one_station import add_network
from payment_stage import PHONE, Stage
from sqlalchemy import Engine, select
from webhooks import STATION, at, tell, webhook

from dashboard import navigation
from dashboard.navigation import PAGES, DashboardPage
from db.analytics.definitions import GROUPS, KPIS
from db.engine import reading, writing
from db.models import OCPPLog, OCPPStation
from jobs.runs import Job, Outcome, Progress, Runner
from management import kpi_document
from ocpp_integration import events, lifecycle
from ocpp_integration.books import Books
from ocpp_integration.events import Payload
from ocpp_integration.lifecycle import Report
from ocpp_integration.payments import provider_work
from ocpp_integration.payments.attempts import Attempts, Wish
from ocpp_integration.payments.provider import Order, Verified
from schedule import Schedule
from settings import load

_PAGE = """
from dashboard import loading, markup
from dashboard.view import choose_view
import streamlit as st

view = choose_view("Greeting")
st.html(markup.card_title(f"Hello to {len(loading.stations(view.scope))} station", ""))
"""


class _Till:
    """Where drivers pay in cash."""

    name = "till"

    def __init__(self) -> None:
        self.paid: dict[str, Order] = {}

    def initialize(self, order: Order) -> str:
        self.paid[order.reference] = order
        return "http://till.test/"

    def verify(self, reference: str) -> Verified:
        order = self.paid[reference]
        return Verified("success", reference, order.amount, order.currency)

    def refund(self, reference: str, amount: Decimal) -> None:
        assert amount <= self.paid.pop(reference).amount


class _FirmwareChanged(Payload):
    version: str


def _firmware_changed(books: Books, report: Report, data: _FirmwareChanged) -> None:
    station = books.station(report.event.station_id or "")
    assert station is not None
    station.firmware_version = data.version


def test_a_new_event_is_an_entry_in_two_tables(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events.PAYLOADS, "firmware_changed", _FirmwareChanged)
    monkeypatch.setitem(lifecycle.HANDLERS, "firmware_changed", _firmware_changed)
    add_network(engine)
    told = tell(engine, webhook("firmware_changed", 0, version="2.7"))
    assert (told.taken, told.dead) == (1, 0)
    with reading(engine) as store:
        station = store.scalars(select(OCPPStation).where(OCPPStation.station_id == STATION)).one()
        assert station.firmware_version == "2.7"
        assert store.scalar(select(OCPPLog.action)) == "firmware_changed"


def test_a_new_payment_provider_is_three_calls(engine: Engine) -> None:
    stage, till = Stage(engine), _Till()
    attempts = Attempts(engine, till, "http://phones.test", stage.clock)
    opened = attempts.open(stage.token, Wish(PHONE, amount=Decimal(100)))
    provider_work.ask_soon(engine, opened.reference, stage.now)
    provider_work.work(engine, till, stage.payment(opened.reference).id, stage.now)
    assert (opened.reference in till.paid, stage.payment(opened.reference).state) == (True, "paid")


def test_a_new_kpi_is_told_of_once_it_is_in_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    kpi = replace(KPIS["energy"], key="heat", name="Energy as heat")
    monkeypatch.setitem(GROUPS, "Charging", [*GROUPS["Charging"], kpi])
    assert "### Energy as heat\n" in kpi_document.document()


def test_a_new_job_runs_once_for_its_slot(engine: Engine) -> None:
    def work(progress: Progress) -> Outcome:
        progress(1, 1)
        return Outcome(1)

    job = Job("greet", work, Schedule(seconds=60), "Greets")
    runners = [Runner(engine, clock=lambda: at(0)) for _ in range(2)]
    assert [runner.run_slot(job) for runner in runners] == [Outcome(1), None]


def test_a_new_page_is_a_script_and_a_row_in_the_navigation(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "greeting.py").write_text(_PAGE)
    name = relpath(tmp_path / "greeting", SCRIPT.parent / "views")
    page = DashboardPage(name, "greeting", "Greeting", "waving_hand", "Monitor")
    monkeypatch.setattr(navigation, "PAGES", (*PAGES, page))
    add_network(engine)
    with writing(engine) as store:
        add_user(store, "admin")
    settings = load(None, ocpp_backend_port=1, ocpp_timeout=1)
    with opening_pages(engine, settings, monkeypatch) as open_page:
        assert "Hello to 1 station" in text_of(open_page("admin", name))
