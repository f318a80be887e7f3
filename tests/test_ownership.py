"""Two owners with all that an owner can have: nothing of the one is there for the other, on any page.

Pages are those of the navigation, what pages do are the functions that take a visitor: a new one is in here
by itself, and a new parameter of an address wants a value here.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_type_hints

import factories
import pytest
from dashboard_pages import OpenPage, everything_on, opening_pages, text_of
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from dashboard import address
from dashboard.navigation import ADMINS, EVERYBODY, PAGES
from dashboard.visitor import Visitor
from db.access import AccessError, create_api_token
from db.analytics import live
from db.analytics.exclusions import ExclusionRefused
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import (
    ApiToken,
    Base,
    Command,
    OCPPLog,
    OutageExclusion,
    Payment,
    User,
    utc_now,
)
from ocpp_integration.billing import statements
from ocpp_integration.errors import IntegrationError
from ocpp_integration.payments import by_hand
from ocpp_integration.payments.movements import move, settle
from settings import ROOT, load

NOW = utc_now().replace(microsecond=0)
LAST_MONTH = (NOW.replace(day=1) - timedelta(days=1)).replace(day=10, hour=9, minute=0, second=0)
# How what is another's would show: its names, its station, its users, its amounts and its transactions.
FOREIGN = re.compile(r"\brift|adama|dawit|\b7,?771\.|\b777\.1|\b99000[1-4]\b", re.IGNORECASE)
REFUSALS = (IntegrationError, AccessError, ExclusionRefused)
SAYS_NO = re.compile("admin|there is no|does not exist|no such", re.IGNORECASE)


def _furnish(store: Session, name: str, user_name: str, place: str, first: int, wh: int) -> dict[str, Any]:
    """An owner with one of everything; `first` is its first transaction, its sessions cost a cent a Wh."""
    owner = factories.add_owner(store, name)
    user = factories.add_user(store, user_name, "owner", owner)
    admin = store.scalars(select(User).where(User.role == "admin")).one()
    tariff = factories.add_tariff(store)
    tariff.name = f"{name} tariff"
    station = factories.add_station(store, owner, place, tariff=tariff, status="charging")
    connector = station.connectors[0]
    cost, begun = Decimal(wh) / 100, NOW - timedelta(days=2)
    more: dict[str, Any] = {"energy_wh": wh, "cost": cost, "id_tag": f"TAG-{place}"}
    session = factories.add_session(store, station, begun, transaction_id=first, **more)
    factories.add_session(
        store, station, begun + timedelta(hours=2), transaction_id=first + 1, verdict="held", **more
    )
    factories.add_session(store, station, LAST_MONTH, transaction_id=first + 2, **more)
    running = factories.add_session(
        store, station, NOW, minutes=None, status="charging", transaction_id=first + 3
    )
    factories.add_meter_values(store, session, [(begun, 0, 9000), (begun + timedelta(minutes=9), wh, 8000)])
    factories.add_status(
        store, connector, "faulted", begun - timedelta(hours=5), begun - timedelta(hours=3), place
    )
    factories.add_status(store, connector, "charging", begun - timedelta(hours=3))
    exclusion = OutageExclusion(
        ocpp_station_id=station.id,
        started_at=begun - timedelta(hours=4),
        ended_at=begun - timedelta(hours=3),
        reason="maintenance",
        notes=f"At {place}",
        entered_by_id=admin.id,
    )
    payment = Payment(
        reference=f"EV-{place}",
        connector=connector,
        provider="sandbox",
        phone="+251911223344",
        currency="ETB",
        amount=cost,
        expires_at=begun,
        created_at=begun,
        paid_at=begun,
    )
    command = Command(
        idempotency_key=place,
        kind="stop",
        user_id=user.id,
        connector=connector,
        transaction_id=first + 3,
        state="failed",
        error=f"{place} did not answer.",
    )
    store.add_all([exclusion, payment, command, OCPPLog(station_id=station.station_id, action="status")])
    create_api_token(store, user, name=f"Of {name}")
    store.flush()
    move(store, payment, "paid", cost, begun)
    settle(store, payment, Decimal(1), begun)
    payment.refund_state = "by_hand"
    (statement,) = statements.issue(store, admin, owner.id, LAST_MONTH.date().replace(day=1), now=NOW)
    token = store.scalars(select(ApiToken).where(ApiToken.user_id == user.id)).one()
    return {
        "stations": station.id,
        "station": station.id,
        "station_pk": station.id,
        "connector_pk": connector.id,
        "session": session.id,
        "session_pk": running.id,
        "command": command.id,
        "command_pk": command.id,
        "statement_id": statement.id,
        "token_id": token.id,
        "user_id": user.id,
        "payments.pk": payment.id,
        "exclusions.pk": exclusion.id,
    }


@pytest.fixture
def foreign(engine: Engine) -> dict[str, Any]:
    """What Dawit's Rift Energy has, and Selam's Addis Charge has as well, by the names it is asked by."""
    with writing(engine) as store:
        factories.add_user(store, "admin")
        _furnish(store, "Addis Charge", "selam", "Bole Road", 880_001, 55_512)
        found = _furnish(store, "Rift Energy", "dawit", "Adama Gate", 990_001, 777_123)
        factories.roll_up(store, LAST_MONTH.date(), (NOW + timedelta(days=1)).date())
    return found


@pytest.fixture
def open_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    settings = load(
        None,
        ocpp_backend_port=1,
        ocpp_timeout=1,
        ocpp_retry_attempts=0,
        payment_provider="sandbox",
        chapa_webhook_secret="s",
    )
    with opening_pages(engine, settings, monkeypatch) as opening:
        yield opening


def _sees_of_another(open_page: OpenPage, user_name: str, **query: str) -> dict[str, set[str]]:
    """By page, what it shows of Rift Energy, its charts, tables and choices included."""
    found, page = {}, open_page(user_name)
    for each in PAGES:
        if each.readers == ADMINS or (user_name == "admin" and each.readers != EVERYBODY):
            continue
        page.query_params.clear()
        page.query_params |= query
        page.switch_page(each.script).run()
        assert not page.exception, (each.name, page.exception)
        assert text_of(page), each.name
        found[each.name] = {match.casefold() for match in FOREIGN.findall(everything_on(page))}
    return found


def _queries(foreign: dict[str, Any]) -> list[dict[str, str]]:
    """An address that says nothing, one for each object that has a page, and one that says all else."""
    named = {name: str(foreign[name]) for name in ("station", "session")}
    others = {name: str(foreign[name]) for name in ("stations", "command")} | {"how": "energy"}
    return [named, others]


def _parameters() -> set[str]:
    """What the dashboard reads of an address: literals, and constants called _ADDRESS."""
    said = [
        path.read_text("utf-8") for path in (ROOT / "dashboard").rglob("*.py") if "gate" not in path.parts
    ]
    asked = r'query_params(?:\.get\(|\.pop\(|\[)"([\w-]+)"|^_ADDRESS = "([\w-]+)"'
    return {name for text in said for both in re.findall(asked, text, re.MULTILINE) for name in both if name}


def test_no_page_shows_an_owner_anything_of_another_whatever_its_address_says(
    foreign: dict[str, Any], open_page: OpenPage
) -> None:
    queries = _queries(foreign)
    assert _parameters() | {*address.NAMES} <= {*queries[0], *queries[1], "period", "from", "to", "by"}
    for query in ({}, *queries):
        assert {
            page: seen for page, seen in _sees_of_another(open_page, "selam", **query).items() if seen
        } == {}
    # That they are full: whoever may see Rift Energy sees it on each of them.
    assert [page for page, seen in _sees_of_another(open_page, "admin").items() if not seen] == []


@pytest.mark.usefixtures("foreign")
def test_pages_of_others_do_not_exist_and_nobody_has_any(open_page: OpenPage) -> None:
    page = open_page("selam")
    for each in PAGES:
        if each.readers == ADMINS:
            with pytest.raises(ValueError, match="navigation page"):
                page.switch_page(each.script)
    open_page(None)
    for each in PAGES:
        if each.readers != ADMINS:
            page.switch_page(each.script).run()
            assert text_of(page) == "" and "Bole" not in everything_on(page), each.name


def _orders() -> list[tuple[str, Callable[..., Any]]]:
    """What pages have done for a visitor: public functions that take one, of modules that draw nothing."""
    found = []
    for path in sorted((ROOT / "dashboard").rglob("*.py")):
        text = path.read_text("utf-8")
        if "streamlit" in text or "Visitor" not in text:
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found += [
            (module.__name__, function)
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__ and not name.startswith("_")
            if Visitor in get_type_hints(function).values()
        ]
    return found


def _made(kind: Any, name: str, topic: str, values: dict[str, Any]) -> Any:
    """An argument: what is known by its name, or a dataclass of such."""
    for known in (f"{topic}.{name}", name):
        if known in values:
            return values[known]
    assert is_dataclass(kind) and isinstance(kind, type), f"{topic}: a value for {name} is missing"
    hints = get_type_hints(kind)
    return kind(
        **{
            each.name: _made(hints[each.name], each.name, topic, values)
            for each in fields(kind)
            if each.default is MISSING and each.default_factory is MISSING
        }
    )


def _said(value: Any) -> str:
    """All that an answer tells, objects of the store included."""
    if isinstance(value, (list, tuple, set)):
        return " ".join(map(_said, value))
    if isinstance(value, dict):
        return _said(list(value.items()))
    own = {name: each for name, each in getattr(value, "__dict__", {}).items() if not name.startswith("_")}
    return _said(own) if own else repr(value)


def _rows(engine: Engine) -> dict[str, list[Any]]:
    with reading(engine) as store:
        return {
            table.name: sorted(map(repr, store.execute(select(table))))
            for table in Base.metadata.sorted_tables
        }


@pytest.mark.usefixtures("open_page")
def test_nothing_is_done_or_told_to_an_owner_about_what_is_anothers(
    engine: Engine, foreign: dict[str, Any]
) -> None:
    with reading(engine) as store:
        user = store.scalars(select(User).where(User.user_name == "selam")).one()
        selam = Visitor(user, Scope.of(user))
        connector = next(
            each
            for each in live.connectors(store, Scope.network())
            if each.session_pk == foreign["session_pk"]
        )
    values = foreign | {
        "who": selam,
        "connector": connector,
        "kind": "stop",
        "do": by_hand.retry_refund,
        "reason": "maintenance",
        "start": datetime(2026, 1, 1),  # noqa: DTZ001 - as a form gives it
        "end": datetime(2026, 1, 2),  # noqa: DTZ001
        "month": date(2026, 1, 1),
        "active_only": False,
        "is_open": True,
        "page": 1,
        "days": None,
        "state": "held",
        "ending": "csv",
        "energy_kwh": "1",
        "cost": "1",
        "assignment_id": 1,
        "document": None,
        **dict.fromkeys(("code", "key", "name", "owner", "password", "place", "role", "user_name"), "mine"),
    }
    before, told, orders = _rows(engine), {}, _orders()
    for module, function in orders:
        hints = get_type_hints(function)
        arguments = {
            name: _made(hints.get(name), name, _topic(module), values)
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.default is inspect.Parameter.empty
        }
        try:
            answer = _said(function(**arguments))
        except REFUSALS as refusal:
            answer = "" if SAYS_NO.search(str(refusal)) else f"{refusal!r} is about something else"
        told[f"{module}.{function.__name__}"] = answer
    assert {name: answer for name, answer in told.items() if FOREIGN.search(answer) or "else" in answer} == {}
    assert _rows(engine) == before and len(orders) > 25


def _topic(module: str) -> str:
    """payments of dashboard.payment_orders and of dashboard.payments.orders."""
    return module.removeprefix("dashboard.").replace("_orders", "s").removesuffix(".orders")
