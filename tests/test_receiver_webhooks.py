"""What the webhook address answers, and what it has recorded by then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from receiver_app import BATCH, NEW_SECRET, SECRET, WEBHOOK, Running, running_receiver
from sqlalchemy import Connection, Engine, event

EVENT: dict[str, Any] = {
    "type": "connector_status",
    "data": {"connector_id": 1, "status": "SuspendedEV"},
    "station_id": "STATION_1",
    "timestamp": "2026-03-04T08:00:00Z",
}
JSON = {"content-type": "application/json"}


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        yield running


def test_a_signed_event_is_answered_with_success(receiver: Running) -> None:
    answer = receiver.post_event(EVENT)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


def test_an_answered_event_is_in_the_store_as_it_came(receiver: Running) -> None:
    body = json.dumps(EVENT)
    receiver.post_event(body, "evt_1")
    (event,) = receiver.recorded()
    assert (event.event_key, event.body, event.type, event.station_id, event.state) == (
        "evt_1",
        body.encode(),
        "connector_status",
        "STATION_1",
        "received",
    )


def test_a_resend_is_answered_with_success_and_recorded_once(receiver: Running) -> None:
    receiver.post_event(EVENT, "evt_1")
    again = receiver.post_event(EVENT, "evt_1")
    assert (again.status_code, len(receiver.recorded())) == (200, 1)


def test_a_resend_without_any_id_is_known_by_its_body(engine: Engine) -> None:
    with running_receiver(engine, webhook_secret=None, webhook_allow_unsigned=True) as receiver:
        body = json.dumps(EVENT).encode()
        answers = [receiver.post_raw(body, JSON).status_code for _ in range(2)]
        assert (answers, len(receiver.recorded())) == ([200, 200], 1)


def test_resends_at_the_same_moment_are_recorded_once(receiver: Running) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: receiver.post_event(EVENT, "evt_1").status_code, range(24)))
    assert (set(answers), len(receiver.recorded())) == ({200}, 1)


def test_another_body_under_a_known_id_is_a_conflict(receiver: Running) -> None:
    receiver.post_event(EVENT, "evt_1")
    assert receiver.post_event(EVENT | {"station_id": "STATION_2"}, "evt_1").status_code == 409


def test_a_conflicting_body_is_kept_but_not_to_be_applied(receiver: Running) -> None:
    receiver.post_event(EVENT, "evt_1")
    receiver.post_event(EVENT | {"station_id": "STATION_2"}, "evt_1")
    first, kept = receiver.recorded()
    assert (first.state, kept.state, kept.station_id) == ("received", "dead", "STATION_2")


def test_an_unknown_type_is_answered_with_success_and_ignored(receiver: Running) -> None:
    answer = receiver.post_event({"type": "firmware_updated", "data": {"version": 2}})
    assert (answer.status_code, receiver.recorded()[0].state) == (200, "ignored")


def test_a_missing_signature_is_refused(receiver: Running) -> None:
    answer = receiver.post_raw(json.dumps(EVENT).encode(), JSON)
    assert (answer.status_code, answer.json()["status"], receiver.recorded()) == (401, "error", [])


@pytest.mark.parametrize(
    "signature", ["", "v1,", "v1,!!!", "v1,AAAA", "nonsense", "v1a,é", "v1," + "A" * 5000]
)
def test_a_malformed_signature_is_refused(receiver: Running, signature: str) -> None:
    now = str(int(datetime.now(UTC).timestamp()))
    headers = JSON | {"webhook-id": "1", "webhook-timestamp": now, "webhook-signature": signature}
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert receiver.post_raw(json.dumps(EVENT).encode(), encoded).status_code == 401


def test_a_signature_with_a_foreign_secret_is_refused(receiver: Running) -> None:
    assert receiver.post_event(EVENT, secret=NEW_SECRET).status_code == 401


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_outside_the_replay_window_is_refused(receiver: Running, minutes: int) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    assert receiver.post_event(EVENT, at=at).status_code == 401


def test_old_and_new_secret_are_both_valid_while_one_is_rotated(engine: Engine) -> None:
    with running_receiver(engine, webhook_secret=f"{NEW_SECRET} {SECRET}") as receiver:
        answers = [receiver.post_event(EVENT, secret=secret).status_code for secret in (SECRET, NEW_SECRET)]
        assert answers == [200, 200]


def test_without_a_secret_everything_is_refused(engine: Engine) -> None:
    with running_receiver(engine, webhook_secret=None) as receiver:
        assert receiver.post_event(EVENT).status_code == 401


def test_a_wrong_signature_is_refused_even_where_none_is_needed(engine: Engine) -> None:
    with running_receiver(engine, webhook_allow_unsigned=True) as receiver:
        assert receiver.post_event(EVENT, secret=NEW_SECRET).status_code == 401


def test_another_content_type_is_refused(receiver: Running) -> None:
    answer = receiver.post_raw(json.dumps(EVENT).encode(), {"content-type": "text/plain"})
    assert answer.status_code == 415


def test_a_body_over_64_kib_is_refused(receiver: Running) -> None:
    assert receiver.post_raw(b" " * (64 * 1024 + 1), JSON).status_code == 413


def test_a_wrong_field_is_named(receiver: Running) -> None:
    answer = receiver.post_event(EVENT | {"data": {"connector_id": 1, "status": "on fire"}})
    assert (answer.status_code, answer.json()["status"], list(answer.json()["errors"])) == (
        400,
        "error",
        ["data.status"],
    )


def test_a_refused_event_is_kept_with_the_reason(receiver: Running) -> None:
    receiver.post_event({"type": "session_stopped", "data": {"final_cost": -1}, "transaction_id": 7})
    (kept,) = receiver.recorded()
    assert kept.state == "dead" and kept.error is not None and "final_cost" in kept.error


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"type": "x"}',
        '{"type": "x", "data": []}',
        '{"type": "' + "x" * 51 + '", "data": {}}',
        '{"type": "x\\u0000", "data": {}}',
        '{"type": "\\ud800", "data": {}}',
        '{"type": "x", "data": {"a": NaN}}',
        '{"type": "x", "data": {}, "transaction_id": 9223372036854775808}',
        '{"type": "x", "data": {}, "transaction_id": 1e400}',
        '{"type": "x", "data": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
        '{"type": "x", "data": {"a":' + "[" * 20000 + "]" * 20000 + "}}",
        '{"type": "session_progress", "data": {"energy_consumed_kwh": "NaN"}}',
        '{"type": "session_progress", "data": {"energy_consumed_kwh": 1000.001}}',
        '{"type": "session_progress", "data": {"current_power_kw": -1}}',
        '{"type": "station_status", "data": {}, "station_id": 7}',
        '{"type": "station_status", "data": {"last_heartbeat": 12}}',
        '{"type": "station_status", "data": {}, "timestamp": "yesterday"}',
    ],
)
def test_what_is_no_event_is_answered_400(receiver: Running, body: str) -> None:
    assert receiver.post_event(body).status_code == 400


def test_a_body_that_is_not_utf_8_is_refused(receiver: Running) -> None:
    assert receiver.post_raw(b'{"type": "\xff"}', JSON).status_code == 401


def test_an_id_that_is_too_long_is_answered_400(receiver: Running) -> None:
    assert receiver.post_event(EVENT, "e" * 256).status_code == 400


def test_the_event_id_in_the_body_counts_where_no_header_names_one(engine: Engine) -> None:
    with running_receiver(engine, webhook_secret=None, webhook_allow_unsigned=True) as receiver:
        receiver.post_raw(json.dumps(EVENT | {"event_id": "inner"}).encode(), JSON)
        assert receiver.recorded()[0].event_key == "inner"


def test_a_store_that_takes_no_writes_is_answered_503_and_used_again_without_a_restart(
    receiver: Running,
) -> None:
    wanted = {"sqlite": "PRAGMA query_only={}", "postgresql": "SET default_transaction_read_only={}"}
    read_only = {"is": "on"}

    @event.listens_for(receiver.engine, "engine_connect")
    def limit(connection: Connection) -> None:
        connection.exec_driver_sql(wanted[connection.dialect.name].format(read_only["is"]))
        connection.commit()

    refused = receiver.post_event(EVENT, "evt_1")
    read_only["is"] = "off"
    again = receiver.post_event(EVENT, "evt_1")
    assert (refused.status_code, refused.headers["Retry-After"], again.status_code) == (503, "5", 200)


def test_a_locked_store_is_answered_503_and_used_again_without_a_restart(receiver: Running) -> None:
    lock = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "LOCK TABLE webhook_events IN EXCLUSIVE MODE"}
    bodies = {WEBHOOK: json.dumps(EVENT), BATCH: json.dumps([EVENT])}
    with receiver.engine.connect() as writer, ThreadPoolExecutor(2) as pool:
        if writer.dialect.name == "sqlite":
            writer.execution_options(isolation_level="AUTOCOMMIT")
        writer.exec_driver_sql(lock[writer.dialect.name])
        posts = [pool.submit(receiver.post_signed, body, path, timeout=6) for path, body in bodies.items()]
        refused = [post.result() for post in posts]
        writer.exec_driver_sql("ROLLBACK")
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in refused} == {(503, "5")}
    assert {receiver.post_signed(body, path).status_code for path, body in bodies.items()} == {200}
