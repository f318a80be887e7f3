"""A receiver on a real port with a store of its own, people in it, and a backend that answers as told."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import factories
import requests
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

import settings as configuration
from db import job_schedules
from db.access import create_api_token, create_user
from db.engine import reading, writing
from db.event_rows import EventRows
from db.job_schedules import Expected
from db.models import (
    ChargingSession,
    OCPPLog,
    OCPPStation,
    Payment,
    SandboxPayment,
    StationOwner,
    User,
    WebhookEvent,
    utc_now,
)
from ocpp_integration import events
from ocpp_integration.backend import BackendClient
from ocpp_integration.billing import statements
from ocpp_integration.payments.movements import move
from ocpp_integration.payments.tokens import token_of
from ocpp_integration.services import OCPPIntegrationService
from ocpp_integration.transport import Answer
from schedule import Schedule
from webhook_receiver.app import make_app
from webhook_receiver.context import of
from webhook_receiver.metrics import Metrics

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
NEW_SECRET = "whsec_" + base64.b64encode(b"765432100123456789abcdef").decode()
START = datetime(2026, 3, 4, 8, tzinfo=UTC)

# The session that `settle` adds.
ENDED = 90_001

WEBHOOK = "/api/ocpp/webhook/"
BATCH = "/api/ocpp/webhook/batch/"


class FakeBackend:
    """The network's end: answers by path, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any] | Exception] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []

    def exchange(self, _method: str, path: str, *, body: bytes | None, headers: Any) -> Answer:
        self.asked.append((path, json.loads(body) if body else {}))
        self.headers.append(dict(headers))
        answer = self.answers[path.removeprefix("/api/locator")]
        if isinstance(answer, Exception):
            raise answer
        status, told = answer
        return Answer(status, told if isinstance(told, bytes) else json.dumps(told).encode())


@dataclass
class People:
    """Tokens by who holds them; `owner` owns `station_id`, where `driver` charges in `transaction_id`.

    `token` is in the code of the connector beside, and `session_token` a payment for that session.
    """

    tokens: dict[str, str] = field(default_factory=dict)
    user_ids: dict[str, UUID] = field(default_factory=dict)
    station_id: str = ""
    place_id: str = ""
    transaction_id: int = 0
    foreign_station_id: str = ""
    foreign_place_id: str = ""
    foreign_transaction_id: int = 0
    token: str = ""
    session_token: str = ""
    statement_id: int = 0


@dataclass
class Running:
    url: str
    engine: Engine
    backend: FakeBackend
    people: People

    def ask(self, who: str | None, method: str, path: str, **options: Any) -> requests.Response:
        headers = options.pop("headers", {})
        if who is not None:
            headers["Authorization"] = f"Token {self.people.tokens[who]}"
        return requests.request(
            method, self.url + path, headers=headers, timeout=10, allow_redirects=False, **options
        )

    def post_event(
        self,
        body: str | dict[str, Any],
        event_id: str | None = None,
        *,
        secret: str = SECRET,
        at: datetime | None = None,
    ) -> requests.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        headers = events.sign([secret], event_id or str(uuid4()), text, at or datetime.now(UTC))
        return self.post_raw(text.encode(), headers)

    def post_batch(
        self, body: str | bytes | list[Any], *, kind: str = "application/json", secret: str = SECRET
    ) -> requests.Response:
        text = json.dumps(body) if isinstance(body, list) else body
        raw = text.encode() if isinstance(text, str) else text
        headers = events.sign([secret], str(uuid4()), raw.decode(), datetime.now(UTC))
        return self.post_raw(raw, headers | {"content-type": kind}, BATCH)

    def post_signed(self, body: str, path: str, *, timeout: float = 10) -> requests.Response:
        headers = events.sign([SECRET], "evt_1", body, datetime.now(UTC))
        return requests.post(self.url + path, data=body.encode(), headers=headers, timeout=timeout)

    def post_raw(self, body: bytes, headers: dict[str, str], path: str = WEBHOOK) -> requests.Response:
        return requests.post(self.url + path, data=body, headers=headers, timeout=10)

    def recorded(self) -> list[WebhookEvent]:
        with reading(self.engine) as store:
            return list(store.scalars(select(WebhookEvent).order_by(WebhookEvent.id)))


@contextmanager
def committing_statements(before: Callable[[], object] = bool) -> Iterator[list[int]]:
    """How many events each statement brought that records some; it is committed by itself, after `before`."""
    sizes: list[int] = []
    add = EventRows.add

    def counted(rows: EventRows, events: Sequence[Any]) -> set[str]:
        sizes.append(len(events))
        before()
        return add(rows, events)

    with patch.object(EventRows, "add", counted):
        yield sizes


class _QuietHandler(WSGIRequestHandler):
    def log(self, *_args: object) -> None:
        pass


@contextmanager
def running_receiver(engine: Engine, *, port: int = 0, **overrides: Any) -> Iterator[Running]:
    """A receiver on the store behind `engine`, which is empty before; on any free port unless told."""
    people = populate(engine)
    settings = make_settings(engine, **overrides)
    backend, metrics = FakeBackend(), Metrics()
    client = BackendClient(settings, http=backend, observe=metrics.backend.observe)
    service = OCPPIntegrationService(settings=settings, engine=engine, backend=client)
    app = make_app(settings, engine=engine, service=service, metrics=metrics)
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Running(f"http://127.0.0.1:{server.server_port}", engine, backend, people)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        of(app).close()


def make_settings(engine: Engine, **overrides: Any) -> configuration.Settings:
    known = {
        "database_url": engine.url.render_as_string(hide_password=False),
        "ocpp_base_url": "http://backend.test",
        "ocpp_retry_attempts": 0,
        "webhook_secret": SECRET,
        "payment_provider": "sandbox",
        "chapa_webhook_secret": "whsec_test",
        "payments_per_minute": 0,
    }
    return configuration.load(env_file=None, **known | overrides)


def _user(store: Session, user_name: str, role: str, owner: StationOwner | None = None) -> User:
    """Without a password, which takes longer to hash than most tests run: tokens let in."""
    email = f"{user_name}@people.test"
    return create_user(
        store, user_name=user_name, role=role, name=user_name.title(), email=email, owner=owner
    )


def populate(engine: Engine) -> People:
    people = People()
    with writing(engine) as store:
        mine, other = factories.add_owner(store), factories.add_owner(store, "Elsewhere")
        tariff = factories.add_tariff(store)
        station = factories.add_station(store, mine, tariff=tariff)
        foreign = factories.add_station(store, other, "Far Away", tariff=tariff)
        users = {
            "admin": _user(store, "admin", "admin"),
            "owner": _user(store, "owner", "owner", mine),
            "other owner": _user(store, "other", "owner", other),
            "driver": _user(store, "driver", "driver"),
            "other driver": _user(store, "another", "driver"),
        }
        running = factories.add_session(
            store,
            station,
            START,
            minutes=None,
            status="charging",
            user_id=users["driver"].id,
            reported_start=START,
            power_w=22_000,
            reported_energy_wh=12_500,
        )
        factories.add_meter_values(store, running, [(START + timedelta(minutes=5), 1000, 22_000)])
        elsewhere = factories.add_session(store, foreign, START + timedelta(hours=1))
        for each in (station, foreign):
            store.add(OCPPLog(station_id=each.station_id, action="Heartbeat", timestamp=START))
        people.token = token_of(store, station.connectors[1], START)
        people.session_token = _add_payment(store, running)
        people.tokens = {who: create_api_token(store, user) for who, user in users.items()}
        people.user_ids = {who: user.id for who, user in users.items()}
        people.station_id, people.foreign_station_id = station.station_id, foreign.station_id
        people.place_id = str(station.charging_station_id)
        people.foreign_place_id = str(foreign.charging_station_id)
        people.transaction_id = running.transaction_id or 0
        people.foreign_transaction_id = elsewhere.transaction_id or 0
    return people


def _add_payment(store: Session, session: ChargingSession) -> str:
    """A payment of 300 ETB that is being charged for, and its row at the sandbox provider."""
    reference, amount = "EV-0f8fad5bd9cb469fa16570867728950e", Decimal(300)
    payment = Payment(
        reference=reference,
        connector=session.connector,
        provider="sandbox",
        phone="+251911223344",
        currency="ETB",
        amount=amount,
        state="charging",
        transaction_id=session.transaction_id,
        expires_at=START,
    )
    store.add(payment)
    store.flush()
    move(store, payment, "paid", amount, START)
    store.add(SandboxPayment(reference=reference, amount=amount, currency="ETB", return_url="/back/"))
    return reference


def announce_a_job(engine: Engine) -> None:
    """As a scheduler does when it starts; without one the receiver is not ready."""
    now = utc_now()
    with writing(engine) as store:
        hourly = Expected("poll", Schedule(seconds=3600))
        job_schedules.note_next(store, hourly, next_due=now + timedelta(hours=1), now=now)


def settle(receiver: Running) -> None:
    """A session of the driver's at the owner's station has ended, and is on the owner's statement."""
    people = receiver.people
    with writing(receiver.engine) as store:
        station = store.scalars(select(OCPPStation).where(OCPPStation.station_id == people.station_id)).one()
        factories.add_session(
            store,
            station,
            START - timedelta(days=40),
            transaction_id=ENDED,
            user_id=people.user_ids["driver"],
        )
        place = station.charging_station
        (issued,) = statements.issue(store, None, place.owner_id, date(2026, 1, 1), now=START)
        people.statement_id = issued.id
