"""How the receiver tells that it is well: readiness, metrics, a request's id and its line in the log."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from receiver_app import SECRET, WEBHOOK, Running, make_settings, running_receiver
from sqlalchemy import Engine, event, text

import log
from db import job_schedules
from db.engine import make_engine, writing
from db.job_schedules import Expected
from db.models import JobRun, WebhookEvent, utc_now
from ocpp_integration import events
from ocpp_integration.metrics import may_read
from ocpp_integration.transport import NoAnswer
from schedule import Schedule
from settings import version
from webhook_receiver.access_log import sane_id
from webhook_receiver.app import make_app
from webhook_receiver.context import of

NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)
EVENT = {"type": "station_status", "data": {"status": "available"}, "station_id": "S"}


@pytest.fixture
def receiver(sqlite: Engine) -> Iterator[Running]:
    with running_receiver(sqlite, ocpp_api_key="an api key of the backend") as running:
        _run_jobs(running.engine, utc_now())
        yield running


@pytest.fixture
def client(engine: Engine) -> Iterator[FlaskClient]:
    """A receiver on each kind of store; its jobs have run, and its clock stands still."""
    app = make_app(make_settings(engine), engine=engine, clock=lambda: NOW)
    _run_jobs(engine, NOW)
    yield app.test_client()
    of(app).inbox.close()


def _run_jobs(engine: Engine, at: datetime) -> None:
    with writing(engine) as store:
        for name in ("sync", "poll", "rollup"):
            store.add(JobRun(job=name, slot=at, started_at=at, ended_at=at, state="done"))
        for name in ("apply", "sync", "poll", "rollup"):
            due = Expected(name, Schedule(seconds=60))
            job_schedules.note_next(store, due, next_due=at + timedelta(seconds=60), now=at)


def _record(engine: Engine, received_at: datetime, state: str = "received") -> None:
    with writing(engine) as store:
        store.add(
            WebhookEvent(
                event_key=f"{state} {received_at}",
                body_digest="d",
                type="x",
                body=b"{}",
                received_at=received_at,
                state=state,
            )
        )


def _checks(client: FlaskClient, query: str = "") -> tuple[int, dict[str, Any]]:
    answer = client.get(f"/readyz{query}")
    body: Any = answer.json
    return answer.status_code, body["checks"]


def _metrics(client: FlaskClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


# Readiness


def test_a_receiver_that_can_do_its_work_is_ready(client: FlaskClient) -> None:
    status, checks = _checks(client)
    assert (status, {name: check["status"] for name, check in checks.items()}) == (
        200,
        dict.fromkeys(("store", "migrations", "backlog", "jobs"), "ok"),
    )


def test_events_that_nobody_applies_are_told_with_what_to_do(client: FlaskClient, engine: Engine) -> None:
    _record(engine, NOW - timedelta(minutes=3))
    _record(engine, NOW, "dead")
    status, checks = _checks(client)
    assert status == 503
    assert checks["backlog"] == {
        "status": "failing",
        "message": "recorded events are not applied: see that `python -m jobs` runs, and what its log says",
        "received": 1,
        "waiting": 0,
        "dead": 1,
        "oldest_seconds": 180.0,
    }


def test_a_job_that_is_late_is_named(client: FlaskClient, engine: Engine) -> None:
    due = NOW - timedelta(minutes=2)
    with writing(engine) as store:
        job_schedules.note_next(store, Expected("poll", Schedule(seconds=60)), next_due=due, now=NOW)
    status, checks = _checks(client)
    told = {"poll": due.isoformat()}
    assert (status, checks["jobs"]["status"], checks["jobs"]["due"]) == (503, "failing", told)
    assert "python -m jobs" in checks["jobs"]["message"]


def test_a_check_can_be_left_out(client: FlaskClient, engine: Engine) -> None:
    _record(engine, NOW - timedelta(hours=1))
    status, checks = _checks(client, "?exclude=backlog&exclude=jobs")
    assert (status, sorted(checks)) == (200, ["migrations", "store"])


def test_a_check_that_is_none_cannot_be_left_out(client: FlaskClient) -> None:
    assert client.get("/readyz?exclude=everything").status_code == 400


def test_an_old_schema_is_told_with_the_command_that_mends_it(client: FlaskClient, engine: Engine) -> None:
    with writing(engine) as store:
        (version,) = store.execute(text("SELECT version_num FROM alembic_version")).one()
        store.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    status, checks = _checks(client)
    with writing(engine) as store:
        store.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    assert (status, checks["migrations"]["status"]) == (503, "failing")
    assert "manage.py migrate" in checks["migrations"]["message"]


def test_a_locked_store_is_told_though_it_never_answers(client: FlaskClient, engine: Engine) -> None:
    with writing(engine) as store:
        is_sqlite = engine.dialect.name == "sqlite"
        store.execute(text("SELECT 1" if is_sqlite else "LOCK TABLE webhook_events IN ACCESS EXCLUSIVE MODE"))
        status, checks = _checks(client)
    assert (status, checks["store"]["status"], checks["migrations"]["status"]) == (503, "failing", "ok")
    _wait_until(lambda: _checks(client)[0] == 200)


def test_many_who_ask_while_the_store_hangs_cost_one_thread_each_check(
    receiver: Running,
) -> None:
    lock = sqlite3.connect(str(receiver.engine.url.database), isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        receiver.ask(None, "GET", "/readyz")
    probing = [thread for thread in threading.enumerate() if thread.name == "check store"]
    lock.execute("ROLLBACK")
    lock.close()
    assert len(probing) <= 1


def test_a_store_that_cannot_be_reached_is_told_without_its_address(sqlite: Engine) -> None:
    url = "postgresql+psycopg://someone:hunter2@127.0.0.1:9/nowhere"
    app = make_app(make_settings(sqlite), engine=make_engine(url), clock=lambda: NOW)
    answer = app.test_client().get("/readyz")
    of(app).close()
    assert (answer.status_code, "DATABASE_URL" in answer.text) == (503, True)
    assert [told for told in ("hunter2", "127.0.0.1", "nowhere") if told in answer.text] == []


def test_a_read_only_store_is_not_ready(sqlite: Engine) -> None:
    with running_receiver(sqlite) as running:
        _run_jobs(running.engine, utc_now())
        read_only = make_engine(f"sqlite:///{sqlite.url.database}")
        event.listen(read_only, "connect", lambda opened, _: opened.execute("PRAGMA query_only=ON"))
        app = make_app(make_settings(sqlite), engine=read_only)
        status, checks = _checks(app.test_client())
        of(app).close()
    assert (status, checks["store"]["status"], checks["backlog"]["status"]) == (503, "failing", "ok")


def test_the_figures_of_readiness_are_not_for_strangers(client: FlaskClient) -> None:
    answer = client.get("/readyz", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    body: Any = answer.json
    told = {member for check in body["checks"].values() for member in check}
    assert (told, body.keys()) == ({"status", "message"}, {"status", "checks"})


def test_readiness_tells_which_version_runs(client: FlaskClient) -> None:
    body: Any = client.get("/readyz").json
    assert body["version"] == version()


def test_being_alive_does_not_ask_the_store(sqlite: Engine) -> None:
    engine = make_engine("postgresql+psycopg://someone@127.0.0.1:9/nowhere")
    app = make_app(make_settings(sqlite), engine=engine)
    assert app.test_client().get("/healthz").status_code == 200
    of(app).close()


# Metrics


def test_requests_are_counted_by_their_route_and_timed(client: FlaskClient) -> None:
    for address in ("/api/ocpp/stations/A/", "/api/ocpp/stations/B/", "/api/ocpp/sessions/7/", "/no/such"):
        client.get(address)
    found = _metrics(client)
    labels = 'method="GET",route="/api/ocpp/stations/<station_id>/"'
    assert found[f'mengedmate_requests_total{{{labels},status="401"}}'] == 2
    assert found[f"mengedmate_request_seconds_count{{{labels}}}"] == 2
    sessions = 'method="GET",route="/api/ocpp/sessions/<transaction_id>/",status="401"'
    assert found[f"mengedmate_requests_total{{{sessions}}}"] == 1
    assert found['mengedmate_requests_total{method="GET",route="unmatched",status="404"}'] == 1


def test_what_a_stranger_makes_up_is_no_label(client: FlaskClient) -> None:
    client.open("/made/up/path", method="INVENTED")
    client.post(
        WEBHOOK,
        data=(body := json.dumps(EVENT | {"type": "invented"})),
        headers=events.sign([SECRET], "e1", body, datetime.now(UTC)),
    )
    told = client.get("/metrics").text
    assert ("INVENTED" in told, "invented" in told, "made" in told) == (False, False, False)
    assert 'mengedmate_webhooks_total{outcome="recorded",type="other"} 1.0' in told


def test_webhooks_are_counted_by_type_and_by_what_became_of_them(receiver: Running) -> None:
    receiver.post_event(EVENT, "e1")
    receiver.post_event(EVENT, "e1")
    receiver.post_event(EVENT | {"station_id": "T"}, "e1")
    receiver.post_event(EVENT | {"station_id": 7}, "e2")
    receiver.post_raw(json.dumps(EVENT).encode(), {"content-type": "application/json"})
    told = receiver.ask(None, "GET", "/metrics").text
    assert [
        f'outcome="{outcome}",type="{kind}"}} 1.0' in told
        for outcome, kind in (
            ("recorded", "station_status"),
            ("duplicate", "station_status"),
            ("conflict", "station_status"),
            ("invalid", "station_status"),
            ("unsigned", "other"),
        )
    ] == [True] * 5


def test_the_backlog_and_the_jobs_are_read_when_asked(client: FlaskClient, engine: Engine) -> None:
    _record(engine, NOW - timedelta(seconds=30))
    _record(engine, NOW, "waiting")
    found = _metrics(client)
    assert found["mengedmate_store_up"] == 1
    assert found['mengedmate_backlog_events{state="received"}'] == 1
    assert found['mengedmate_backlog_events{state="waiting"}'] == 1
    assert found["mengedmate_apply_lag_seconds"] == 30
    last = found['mengedmate_job_last_success_timestamp_seconds{job="poll"}']
    assert (last, found['mengedmate_job_failed_runs{job="apply"}']) == (NOW.timestamp(), 0)


def test_metrics_come_without_the_stores_where_that_cannot_be_read(sqlite: Engine) -> None:
    engine = make_engine("postgresql+psycopg://someone@127.0.0.1:9/nowhere")
    app = make_app(make_settings(sqlite), engine=engine)
    found = _metrics(app.test_client())
    of(app).close()
    assert (found["mengedmate_store_up"], "mengedmate_apply_lag_seconds" in found) == (0, False)


def test_calls_of_the_backend_are_counted_by_their_outcome(receiver: Running) -> None:
    about = {"transaction_id": receiver.people.transaction_id}
    path = f"/session/{receiver.people.transaction_id}/"
    receiver.backend.answers = {
        path: (404, {"error": "unknown"}),
        "/stop-charging/": NoAnswer("cut the connection"),
    }
    receiver.ask("admin", "GET", "/api/ocpp/session-status/", params=about)
    receiver.ask("admin", "POST", "/api/ocpp/stop-charging/", json=about)
    told = receiver.ask(None, "GET", "/metrics").text
    assert 'mengedmate_backend_calls_total{call="session",outcome="refused"} 1.0' in told
    assert 'mengedmate_backend_calls_total{call="stop-charging",outcome="silent"} 1.0' in told
    assert 'mengedmate_backend_call_seconds_count{call="stop-charging"} 1.0' in told


def test_two_apps_count_apart(sqlite: Engine) -> None:
    settings = make_settings(sqlite)
    one, other = (make_app(settings, engine=sqlite).test_client() for _ in range(2))
    one.get("/healthz")
    healthz = 'mengedmate_requests_total{method="GET",route="/healthz",status="200"}'
    assert (_metrics(one)[healthz], healthz in _metrics(other)) == (1, False)


@pytest.mark.parametrize(
    ("token", "peer", "headers", "allowed"),
    [
        (None, "127.0.0.1", {}, True),
        (None, "::1", {}, True),
        (None, "::ffff:127.0.0.1", {}, True),
        (None, "10.0.0.7", {}, False),
        (None, "", {}, False),
        (None, "127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False),
        (None, "127.0.0.1", {"forwarded": "for=203.0.113.9"}, False),
        ("t0ken", "127.0.0.1", {}, False),
        ("t0ken", "10.0.0.7", {"authorization": "Bearer t0ken"}, True),
        ("t0ken", "10.0.0.7", {"authorization": "Bearer wrong"}, False),
        ("t0ken", "10.0.0.7", {"authorization": "Bearer \xe9"}, False),
        ("t0ken", "10.0.0.7", {"authorization": "Token t0ken"}, False),
    ],
)
def test_metrics_are_for_whoever_has_the_token_or_for_this_machine(
    token: str | None, peer: str, headers: dict[str, str], allowed: bool
) -> None:
    assert may_read(token, peer, headers) is allowed


def test_without_the_token_metrics_ask_for_it(sqlite: Engine) -> None:
    app = make_app(make_settings(sqlite, metrics_token="scrape"), engine=sqlite)
    client = app.test_client()
    refused = client.get("/metrics")
    allowed = client.get("/metrics", headers={"Authorization": "Bearer scrape"})
    assert (refused.status_code, refused.headers["WWW-Authenticate"], allowed.status_code) == (
        401,
        "Bearer",
        200,
    )


def test_to_a_stranger_there_are_no_metrics(client: FlaskClient) -> None:
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404


# Requests in the log

Written = Callable[[], str]


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[Written]:
    """The receiver's logging in each format; called, all that was written so far."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    stream = io.StringIO()
    log.configure("DEBUG", request.param, [SECRET, "an api key of the backend"], stream=stream)
    yield stream.getvalue
    root.handlers[:], (sys.excepthook, threading.excepthook) = handlers, hooks
    root.setLevel(level)
    logging.captureWarnings(False)


def test_a_sane_request_id_is_kept_told_and_passed_on(receiver: Running, written: Written) -> None:
    path = f"/session/{receiver.people.transaction_id}/"
    receiver.backend.answers = {path: (404, {"error": "unknown"})}
    answer = receiver.ask(
        "admin",
        "GET",
        "/api/ocpp/session-status/",
        params={"transaction_id": receiver.people.transaction_id},
        headers={"X-Request-ID": "from-the-app.1"},
    )
    assert answer.headers["X-Request-ID"] == "from-the-app.1"
    assert receiver.backend.headers[-1]["X-Request-ID"] == "from-the-app.1"
    lines = [line for line in written().splitlines() if "from-the-app.1" in line]
    assert sum("session-status" in line for line in lines) == 1


@pytest.mark.parametrize("given", [None, "", "x" * 65, "two words", "line\nbreak", "ሰላም", "<b>"])
def test_a_request_id_that_is_none_is_replaced(given: str | None) -> None:
    assert len(sane_id(given)) == 32


def test_a_request_is_one_line_with_who_asked_and_no_query(receiver: Running, written: Written) -> None:
    receiver.ask("owner", "GET", "/api/ocpp/sessions/", params={"status": "charging", "cursor": ""})
    (line,) = [line for line in written().splitlines() if "/api/ocpp/sessions/" in line]
    assert str(receiver.people.user_ids["owner"]) in line
    assert ("charging" in line, "cursor" in line) == (False, False)


def test_no_secret_is_in_the_log_whatever_goes_wrong(receiver: Running, written: Written) -> None:
    about = {"transaction_id": receiver.people.transaction_id}
    mine = receiver.people.tokens["admin"]
    # An error that holds what must not be told, raised where nobody foresaw it.
    receiver.backend.answers = {
        "/stop-charging/": RuntimeError(
            f"headers were {{'Authorization': 'Bearer an api key of the backend'}}; {SECRET}; Token {mine}"
        )
    }
    failed = receiver.ask("admin", "POST", "/api/ocpp/stop-charging/", json=about)
    receiver.ask("admin", "GET", "/api/ocpp/sessions/", params={"token": mine})
    receiver.ask(None, "GET", "/api/ocpp/stations/", headers={"Authorization": f"Token {mine}x"})
    receiver.ask(None, "GET", f"/api/ocpp/{mine}/")
    signed = events.sign([SECRET], "e1", json.dumps(EVENT), datetime.now(UTC))
    receiver.post_raw(b'{"password": "of somebody"}', signed)
    told = written()
    assert failed.status_code == 500 and "Traceback" in told
    signature = signed["webhook-signature"].removeprefix("v1,")
    secrets = ("an api key of the backend", SECRET, SECRET[6:], mine, signature, "of somebody")
    assert [secret for secret in secrets if secret in told] == []


def _wait_until(condition: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(100):
        if condition():
            return
        waiting.wait(0.1)
    raise AssertionError("did not come to pass in time")
