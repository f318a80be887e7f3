"""What the batch address answers for each event, and what it has recorded by then."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from receiver_app import BATCH, NEW_SECRET, Running, committing_statements, running_receiver
from sqlalchemy import Engine

from ocpp_integration.events import MAX_BODY_BYTES
from webhook_receiver.batches import MAX_BATCH_BYTES, MAX_EVENTS, NoBatch, split_array

NDJSON = "application/x-ndjson"


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        yield running


def _event(event_id: str | None = None, **more: Any) -> dict[str, Any]:
    known = {"type": "connector_status", "data": {"connector_id": 1, "status": "charging"}}
    return known | ({"event_id": event_id} if event_id else {}) | more


def _codes(answer: Any) -> list[int]:
    return [each["status_code"] for each in answer.json()["answers"]]


def test_every_event_of_an_array_is_recorded_and_answered_in_order(receiver: Running) -> None:
    answer = receiver.post_batch([_event("a"), _event("b"), _event("c")])
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "status": "success",
            "message": "3 of 3 events recorded",
            "answers": [{"status_code": 200, "status": "success", "message": "event recorded"}] * 3,
        },
    )
    assert [row.event_key for row in receiver.recorded()] == ["a", "b", "c"]


def test_every_line_of_ndjson_is_recorded(receiver: Running) -> None:
    body = "\n".join([json.dumps(_event("a")), "", json.dumps(_event("b")) + "\r", ""])
    answer = receiver.post_batch(body, kind=NDJSON)
    assert (_codes(answer), [row.event_key for row in receiver.recorded()]) == ([200, 200], ["a", "b"])


def test_an_event_of_a_batch_is_stored_as_it_came(receiver: Running) -> None:
    written = b'{"type" :"x","data":{"a": 1.50, "b":"],[", "c": 123456789012345678901234567890}}'
    receiver.post_batch(b"[ " + written + b" ,  " + b'{"type":"y","data":{}}' + b"]")
    assert receiver.recorded()[0].body == written


def test_a_thousand_events_are_one_commit(receiver: Running) -> None:
    with committing_statements() as statements:
        answer = receiver.post_batch([_event(str(number)) for number in range(1000)])
    assert (set(_codes(answer)), statements, len(receiver.recorded())) == ({200}, [1000], 1000)


def test_a_batch_that_is_sent_again_is_recorded_once(receiver: Running) -> None:
    batch = [_event("a"), _event(), _event(station_id="S")]
    answers = [receiver.post_batch(batch) for _ in range(2)]
    assert ([_codes(answer) for answer in answers], len(receiver.recorded())) == ([[200] * 3] * 2, 3)
    assert answers[1].json()["answers"][0]["message"] == "event was recorded before"


def test_the_same_event_is_known_from_either_address(receiver: Running) -> None:
    told = json.dumps(_event("a"))
    receiver.post_event(told, "a")
    again = receiver.post_batch(f"[{told}]")
    assert (again.json()["answers"][0]["message"], len(receiver.recorded())) == (
        "event was recorded before",
        1,
    )


def test_an_event_twice_in_a_batch_is_recorded_once(receiver: Running) -> None:
    answer = receiver.post_batch([_event("a"), _event("a")])
    assert (_codes(answer), len(receiver.recorded())) == ([200, 200], 1)


def test_another_body_under_an_id_of_the_same_batch_is_a_conflict_and_kept(receiver: Running) -> None:
    answer = receiver.post_batch([_event("a"), _event("a", station_id="S"), _event("b")])
    kept = [row.state for row in receiver.recorded() if row.event_key.startswith("conflict:")]
    assert (_codes(answer), kept, answer.json()["status"]) == ([200, 409, 200], ["dead"], "error")


def test_a_wrong_event_is_refused_with_its_field_and_kept_and_refuses_no_other(receiver: Running) -> None:
    answer = receiver.post_batch([_event("a"), _event("b", data={"connector_id": 1}), _event("c")])
    refused = answer.json()["answers"][1]
    assert (answer.status_code, _codes(answer), list(refused["errors"])) == (
        200,
        [200, 400, 200],
        ["data.status"],
    )
    assert sorted(row.state for row in receiver.recorded()) == ["dead", "received", "received"]


@pytest.mark.parametrize("told", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"])
def test_an_event_of_a_time_that_utc_does_not_have_refuses_no_other(receiver: Running, told: str) -> None:
    answer = receiver.post_batch([_event("a"), _event("b", timestamp=told)])
    assert _codes(answer) == [200, 400]
    assert [row.state for row in receiver.recorded()] == ["received", "dead"]


def test_an_unknown_type_in_a_batch_is_recorded_and_ignored(receiver: Running) -> None:
    answer = receiver.post_batch([_event(type="firmware_updated")])
    assert (_codes(answer), receiver.recorded()[0].state) == ([200], "ignored")


@pytest.mark.parametrize(
    "wrong",
    [
        "7",
        "null",
        "nonsense",
        "[]",
        "{}",
        '{"type": "x", "data": {"a": NaN}}',
        '{"type": "\\ud800", "data": {}}',
        '{"type": "x\\u0000", "data": {}}',
        '{"type": "x", "data": {}, "transaction_id": ' + "9" * 5000 + "}",
        '{"type": "x", "data": ' + '{"a":' * 40 + "1" + "}" * 40 + "}",
        '{"type": "x", "data": {"a":' + "[" * 20000 + "]" * 20000 + "}}",
        '{"type": "x" "data": {}}',
        '{"type": "x", "data": [}]',
    ],
)
@pytest.mark.parametrize("kind", ["application/json", NDJSON])
def test_what_is_no_event_is_answered_400_among_others(receiver: Running, wrong: str, kind: str) -> None:
    parts = [json.dumps(_event("a")), wrong, json.dumps(_event("b"))]
    body = "\n".join(parts) if kind == NDJSON else f"[{','.join(parts)}]"
    assert _codes(receiver.post_batch(body, kind=kind)) == [200, 400, 200]


def test_an_element_that_is_missing_is_answered_400(receiver: Running) -> None:
    told = json.dumps(_event("a"))
    assert _codes(receiver.post_batch(f"[{told},,{told},]")) == [200, 400, 200, 400]


def test_an_event_over_64_kib_is_answered_413_and_refuses_no_other(receiver: Running) -> None:
    answer = receiver.post_batch([_event("a"), _event("b", data={"a": "x" * 65536}), _event("c")])
    assert (_codes(answer), len(receiver.recorded())) == ([200, 413, 200], 2)


@pytest.mark.parametrize(
    ("body", "kind"), [("[]", "application/json"), (" [ ] ", "application/json"), ("", NDJSON)]
)
def test_a_batch_of_no_events_has_no_answers(receiver: Running, body: str, kind: str) -> None:
    answer = receiver.post_batch(body, kind=kind)
    assert (answer.status_code, answer.json()["answers"]) == (200, [])


@pytest.mark.parametrize(
    "body", ["", "{}", "7", "[", "[{}", '["', "[[]", "[]]", "[],", '[{"a": "]', "[" * 50_000]
)
def test_what_is_no_array_is_answered_400(receiver: Running, body: str) -> None:
    answer = receiver.post_batch(body)
    assert (answer.status_code, list(answer.json()["errors"]), receiver.recorded()) == (400, ["body"], [])


@pytest.mark.parametrize("kind", ["application/json", NDJSON])
def test_more_than_a_thousand_events_are_refused(receiver: Running, kind: str) -> None:
    told = ["{}"] * 1001
    body = "\n".join(told) if kind == NDJSON else f"[{','.join(told)}]"
    assert (receiver.post_batch(body, kind=kind).status_code, receiver.recorded()) == (413, [])


@pytest.mark.parametrize(
    ("body", "invalid"),
    [
        ('{"no": "array"}', 1),
        (json.dumps([{}] * (MAX_EVENTS + 1)), 1),
        (json.dumps(["x" * (MAX_BODY_BYTES + 1), {"type": "x"}, "y" * (MAX_BODY_BYTES + 1)]), 3),
    ],
    ids=["no array", "too many events", "events that are too large, and a wrong one"],
)
def test_what_is_refused_of_a_batch_is_counted(receiver: Running, body: str, invalid: int) -> None:
    receiver.post_batch(body)
    metrics = receiver.ask(None, "GET", "/metrics").text
    counted = re.findall(r'^mengedmate_webhooks_total{outcome="invalid",type="other"} (.*)$', metrics, re.M)
    assert counted == [f"{invalid}.0"]


def test_a_batch_may_be_larger_than_a_single_event(receiver: Running) -> None:
    batch = [
        _event(str(number), data={"connector_id": 1, "status": "charging", "more": "x" * 60_000})
        for number in range(20)
    ]
    assert _codes(receiver.post_batch(batch)) == [200] * 20


def test_a_batch_over_its_limit_is_refused(receiver: Running) -> None:
    assert receiver.post_batch(" " * (MAX_BATCH_BYTES + 1)).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "", "application/xml"])
def test_another_content_type_is_refused(receiver: Running, kind: str) -> None:
    assert receiver.post_batch([_event("a")], kind=kind).status_code == 415


def test_a_batch_with_a_foreign_signature_is_refused(receiver: Running) -> None:
    answer = receiver.post_batch([_event("a")], secret=NEW_SECRET)
    assert (answer.status_code, receiver.recorded()) == (401, [])


def test_a_batch_without_a_signature_is_refused(receiver: Running) -> None:
    assert receiver.post_raw(b"[]", {"content-type": "application/json"}, BATCH).status_code == 401


_values = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(_values))
def test_an_array_is_taken_apart_into_its_elements(elements: list[Any]) -> None:
    parts = split_array(json.dumps(elements, ensure_ascii=False).encode())
    assert [json.loads(part) for part in parts] == elements


@given(st.binary() | st.text('[]{},"\\ 1').map(str.encode))
def test_whatever_comes_is_taken_apart_or_refused(body: bytes) -> None:
    try:
        parts = split_array(body)
    except NoBatch:
        return
    assert all(part in body for part in parts)
