"""What the Live page and a session's page do and say: who may command what, and how far it has come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import (
    add_meter_values,
    add_owner,
    add_session,
    add_station,
    add_tariff,
    add_user,
    make_store,
)
from locator import Locator, html, reply, running_locator
from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from dashboard import loading, visitor
from dashboard.commands import orders
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import ChargingSession, Command, OCPPStation, WebhookEvent
from ocpp_integration.operating import OPERATIONS

NOW = datetime.now(UTC).replace(microsecond=0)
ALL = {"commands": ["reset", "unlock-connector", "change-availability"]}
ACCEPTED = {"status": "Accepted", "answer": {}}


@dataclass
class World:
    """Two owners with a station each; at Bole Road's first connector a session runs that was started here."""

    engine: Engine
    locator: Locator
    open_page: OpenPage
    bole: OCPPStation
    rift: OCPPStation
    session: ChargingSession
    others: ChargingSession

    @property
    def connector(self) -> int:
        return self.bole.connectors[1].id

    def manage(self, kind: str) -> AppTest:
        """The admin's dialog, in which this was chosen."""
        page = self.open_page("admin", "live")
        page.button(key=f"manage-{self.connector}").click().run()
        return page.button(key=f"choose-{kind}").click().run()

    def sent(self) -> list[str]:
        return [request.path for request in self.locator.requests if request.method == "POST"]

    def commands(self) -> list[Command]:
        with reading(self.engine) as store:
            return list(store.scalars(select(Command).order_by(Command.id)))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    engine = make_store(tmp_path)
    with writing(engine) as store:
        addis, rift_owner = add_owner(store, "Addis Charge"), add_owner(store, "Rift Energy")
        admin = add_user(store, "admin")
        add_user(store, "selam", "owner", addis)
        add_user(store, "dawit", "owner", rift_owner)
        tariff = add_tariff(store)
        bole = add_station(store, addis, "Bole Road", tariff=tariff)
        rift = add_station(store, rift_owner, "Adama", tariff=tariff)
        begun = NOW - timedelta(minutes=12)
        running = {"status": "charging", "reported_start": begun, "energy_wh": 5_250, "heard_at": NOW}
        session = add_session(store, bole, begun, minutes=None, cost=Decimal("52.50"), **running)  # type: ignore[arg-type]
        add_meter_values(store, session, [(begun, 0, 20_000), (NOW, 5_250, 30_000)])
        bole.connectors[0].status = "charging"
        others = add_session(store, rift, NOW - timedelta(hours=2), energy_wh=1_000, cost=Decimal(10))
        store.add(
            Command(
                idempotency_key="start",
                kind="start",
                connector=bole.connectors[0],
                user_id=admin.id,
                transaction_id=session.transaction_id,
                state="accepted",
                sent_at=begun,
                answered_at=begun,
            )
        )
        store.add(
            WebhookEvent(
                event_key="1",
                body_digest="1",
                type="session_started",
                station_id=bole.station_id,
                transaction_id=session.transaction_id,
                body=b'{"secret_of_the_body": 1}',
                received_at=begun,
                state="applied",
            )
        )
    with running_locator() as locator:
        locator.answer(reply(200, ALL), reply(200, ACCEPTED))
        settings = locator.settings(database_url=f"sqlite:///{tmp_path / 'store.db'}", ocpp_retry_attempts=0)
        with opening_pages(engine, settings, monkeypatch) as open_page:
            yield World(engine, locator, open_page, bole, rift, session, others)


def test_a_reset_asks_once_naming_station_and_consequence_and_is_followed(world: World) -> None:
    page = world.manage("reset_hard")
    said = text_of(page)
    assert "Bole Road All 2 connectors" in said and "The session that runs at it is cut off." in said
    assert world.sent() == []
    page.button(key="order-confirm").click().run()
    assert world.sent() == [f"/api/locator/stations/{world.bole.station_id}/commands/reset/"]
    said = text_of(page)
    assert "Accepted by the charge point" in said and "Restarted, and back online until" in said
    listed = text_of(page.run())
    assert "Commands Of the last 15 minutes" in listed and "Under way" in listed


def test_a_refresh_goes_on_following_the_command_of_the_address(world: World) -> None:
    world.manage("reset_soft").button(key="order-confirm").click().run()
    sent = world.sent()
    pk = str(world.commands()[-1].id)
    said = text_of(world.open_page("admin", "live", command=pk))
    assert "Soft reset Bole Road" in said and "Restarted, and back online" in said
    assert world.sent() == sent
    assert "No such command" in text_of(world.open_page("dawit", "live", command=pk))


def test_a_backend_that_only_starts_and_stops_offers_nothing_more_and_says_so(world: World) -> None:
    world.locator.answer(html(404))
    page = world.open_page("admin", "live")
    page.button(key=f"manage-{world.connector}").click().run()
    assert "This OCPP backend starts and stops only" in text_of(page)
    assert not [button for button in page.button if str(button.key).startswith("choose-")]


def test_an_owner_is_offered_start_and_stop_and_nothing_more(world: World) -> None:
    page = world.open_page("selam", "live")
    kinds = {str(button.key).split("-")[0] for button in page.button}
    assert {"start", "stop"} <= kinds and not kinds & {"manage", "choose"}


@pytest.mark.parametrize("kind", sorted(OPERATIONS))
def test_an_owner_can_do_what_is_an_admins_not_even_by_a_forged_click(world: World, kind: str) -> None:
    page = world.open_page("selam", "live")
    page.session_state["command_order"] = orders.Order(kind, world.connector, None, "forged")
    page.session_state["order_sent"] = True
    page.run()
    assert "Only administrators may do this." in text_of(page).replace("\\", "")
    page.session_state["command_order"] = None
    page.session_state["managed"] = world.connector
    page.run()
    assert "No such connector" in text_of(page)
    assert (world.sent(), len(world.commands())) == ([], 1)


def test_a_sessions_page_has_its_steps_bill_webhooks_and_files(world: World) -> None:
    page = world.open_page("selam", "sessions", session=str(world.session.id))
    said = text_of(page)
    assert f"Session {world.session.transaction_id} Bole Road" in said
    assert "Start charging Given" in said and "by admin" in said and "The meter moves" in said
    assert "5.250 kWh × 10.00 ETB/kWh" in said and "Total so far" in said
    assert "Webhooks 1, the newest first" in said and "Session started" in said
    assert page.button(key=f"stop-{world.bole.connectors[0].id}").label == "Stop"
    assert len(page.get("plotly_chart")) == 1


def test_what_is_in_a_webhook_is_shown_to_admins_only(world: World) -> None:
    address = {"session": str(world.session.id)}
    page = world.open_page("admin", "sessions", **address)
    opened = next(button for button in page.button if str(button.key).startswith("webhook-"))
    opened.click().run()
    assert "secret_of_the_body" in page.code[0].value
    kept = page.session_state["opened-session-webhook"]
    page = world.open_page("selam", "sessions", **address)
    page.session_state["opened-session-webhook"] = kept
    page.run()
    assert not page.code and not [b for b in page.button if str(b.key).startswith("webhook-")]


@pytest.mark.parametrize("asked", ["others", "none", "'"])
def test_a_session_of_another_owner_is_as_if_it_did_not_exist(world: World, asked: str) -> None:
    session = {"others": str(world.others.id), "none": "999999"}.get(asked, asked)
    said = text_of(world.open_page("selam", "sessions", session=session))
    assert "No such session" in said and "Adama" not in said and "1.000" not in said


def test_the_meter_of_a_session_comes_as_csv_and_excel(world: World) -> None:
    world.open_page("selam")
    scope = visitor.visitor().scope
    assert isinstance(scope, Scope) and world.session.transaction_id is not None
    csv = loading.meter_values("csv", scope, world.session.transaction_id).decode("utf-8-sig")
    assert csv.splitlines()[0].startswith("time (UTC),measurand,value,unit") and len(csv.splitlines()) == 5
    assert loading.meter_values("xlsx", scope, world.session.transaction_id).startswith(b"PK")
