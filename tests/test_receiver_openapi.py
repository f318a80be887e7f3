"""The API's description is true: it holds every route, and every real answer is as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import requests
from receiver_app import ENDED, Running, announce_a_job, make_settings, running_receiver, settle
from sqlalchemy import Engine, delete

from db.engine import writing
from db.models import JobSchedule
from ocpp_integration.payments.signature import HEADER, sign
from ocpp_integration.transport import NotSent
from webhook_receiver.app import make_app
from webhook_receiver.operation import Operation
from webhook_receiver.operations import OPERATIONS

BY_NAME = {operation.name: operation for operation in OPERATIONS}


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        settle(running)
        transaction = running.people.transaction_id
        running.backend.answers = {
            "/initiate-charging/": (200, {"transaction": {"transaction_id": 5000, "status": "Started"}}),
            "/stop-charging/": (200, {"transaction_id": transaction, "status": "Stopping"}),
            "/sync-station/": (200, {"station_id": running.people.station_id, "ocpp_websocket": "ws://b/1"}),
            f"/session/{transaction}/": (200, {"session_data": {"status": "Charging"}}),
        }
        announce_a_job(running.engine)
        yield running


def _document(receiver: Running) -> dict[str, Any]:
    found: dict[str, Any] = receiver.ask(None, "GET", "/openapi.json").json()
    return found


def _closed(schema: Any) -> Any:
    """The same schema, but a member that it does not tell is wrong."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    return closed | ({"additionalProperties": False} if "properties" in schema else {})


def _check(document: dict[str, Any], operation: Operation, answer: requests.Response) -> None:
    """Raises where the answer's status, headers or body is not what the document says."""
    told = document["paths"][operation.path][operation.method.lower()]["responses"][str(answer.status_code)]
    if "$ref" in told:
        told = document["components"]["responses"][str(answer.status_code)]
    for name in set(told.get("headers", ())) - {"Link"}:
        assert name in answer.headers
    schema = told["content"]["application/json"]["schema"]
    components = _closed(document["components"])
    validator = jsonschema_rs.Draft202012Validator(
        _closed(schema) | {"components": components}, validate_formats=True
    )
    validator.validate(answer.json())


def _requests(receiver: Running) -> dict[str, dict[str, Any]]:
    people = receiver.people
    stop = {"transaction_id": people.transaction_id}
    start = {
        "station_id": people.station_id,
        "connector_id": 2,
        "user_id": str(people.user_ids["driver"]),
        "payment_transaction_id": "PAY-1",
    }
    return {
        "sync_station": {"json": {"charging_station_id": people.place_id}},
        "initiate_charging": {"json": start},
        "stop_charging": {"json": stop},
        "session_status": {"params": stop},
        "qr_initiate": {"json": {"amount": "50", "phone_number": "0911223344"}},
        "sandbox_decide": {"json": {"pays": True}},
    }


def _ask(receiver: Running, who: str | None, operation: Operation, **options: Any) -> requests.Response:
    people = receiver.people
    told = vars(people) | ({"transaction_id": ENDED} if operation.name == "get_receipt" else {})
    path = operation.path.format(**told, connector_id=1)
    return receiver.ask(who, operation.method, path, **options)


SENT_OTHERWISE = ("webhook", "webhook_batch", "payment_callback", "openapi")
JSON = [
    operation.name
    for operation in OPERATIONS
    if operation.media_types == ("application/json",) and operation.name not in SENT_OTHERWISE
]


@pytest.mark.parametrize("name", JSON)
def test_a_real_answer_is_as_described_without_a_member_more(receiver: Running, name: str) -> None:
    answer = _ask(receiver, "admin", BY_NAME[name], **_requests(receiver).get(name, {}))
    assert answer.status_code == 200
    _check(_document(receiver), BY_NAME[name], answer)


def test_the_answer_to_a_batch_is_as_described(receiver: Running) -> None:
    event = {"type": "station_status", "data": {"status": "available"}}
    answer = receiver.post_batch([event, event | {"data": {"status": "on fire"}}])
    assert [each["status_code"] for each in answer.json()["answers"]] == [200, 400]
    _check(_document(receiver), BY_NAME["webhook_batch"], answer)


def test_the_refusal_of_a_batch_is_as_described(receiver: Running) -> None:
    for body, status in (("{}", 400), ([{}] * 1001, 413)):
        answer = receiver.post_batch(body)
        assert answer.status_code == status
        _check(_document(receiver), BY_NAME["webhook_batch"], answer)


def test_the_answers_to_a_callback_are_as_described(receiver: Running) -> None:
    body = json.dumps({"tx_ref": receiver.people.session_token}).encode()
    for signature, status in ((sign("whsec_test", body), 200), ("", 401)):
        headers = {"content-type": "application/json", HEADER: signature}
        answer = receiver.post_raw(body, headers, "/api/payments/callback/")
        assert answer.status_code == status
        _check(_document(receiver), BY_NAME["payment_callback"], answer)


def test_a_receiver_that_is_not_ready_says_so_as_described(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(delete(JobSchedule))
    answer = receiver.ask(None, "GET", "/readyz")
    assert answer.status_code == 503
    _check(_document(receiver), BY_NAME["ready"], answer)


def test_the_answer_to_an_event_is_as_described(receiver: Running) -> None:
    answer = receiver.post_event({"type": "station_status", "data": {"status": "available"}})
    _check(_document(receiver), BY_NAME["webhook"], answer)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"content-type": "application/json"}, 401),
        (b"{}", {"content-type": "text/plain"}, 415),
        (b" " * 70_000, {"content-type": "application/json"}, 413),
    ],
)
def test_the_refusal_of_an_event_is_as_described(
    receiver: Running, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = receiver.post_raw(body, headers)
    assert answer.status_code == status
    _check(_document(receiver), BY_NAME["webhook"], answer)


def test_the_refusal_of_a_wrong_event_is_as_described(receiver: Running) -> None:
    answer = receiver.post_event({"type": "station_status", "data": {"status": "on fire"}})
    assert answer.status_code == 400
    _check(_document(receiver), BY_NAME["webhook"], answer)


@pytest.mark.parametrize(
    ("name", "who", "options", "status"),
    [
        ("list_sessions", "admin", {"params": {"limit": 0}}, 400),
        ("list_sessions", None, {}, 401),
        ("get_station", "other owner", {}, 404),
        ("stop_charging", "admin", {"json": {}}, 400),
        ("stop_charging", "admin", {"data": {}}, 415),
        ("stop_charging", "admin", {"json": {"transaction_id": 1}}, 404),
        ("qr_receipt", None, {}, 404),
    ],
)
def test_a_refusal_is_as_described(
    receiver: Running, name: str, who: str | None, options: dict[str, Any], status: int
) -> None:
    answer = _ask(receiver, who, BY_NAME[name], **options)
    assert answer.status_code == status
    _check(_document(receiver), BY_NAME[name], answer)


@pytest.mark.parametrize(
    ("failure", "status"),
    [((500, {"error": "out of order"}), 502), (NotSent("cannot be reached"), 503)],
)
def test_a_failure_of_the_backend_is_as_described(receiver: Running, failure: Any, status: int) -> None:
    receiver.backend.answers["/stop-charging/"] = failure
    answer = _ask(receiver, "admin", BY_NAME["stop_charging"], **_requests(receiver)["stop_charging"])
    assert answer.status_code == status
    _check(_document(receiver), BY_NAME["stop_charging"], answer)


def test_a_method_that_an_address_has_not_is_refused_as_described(receiver: Running) -> None:
    answer = receiver.ask("admin", "DELETE", "/api/ocpp/stations/")
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"HEAD", "GET"})
    _check(_document(receiver), BY_NAME["list_stations"], answer)


def test_too_many_requests_are_refused_as_described(engine: Engine) -> None:
    with running_receiver(engine, rate_limit_per_minute=1) as receiver:
        answers = [receiver.ask("admin", "GET", "/api/ocpp/stations/") for _ in range(2)]
        _check(_document(receiver), BY_NAME["list_stations"], answers[-1])
    assert answers[-1].status_code == 429


def test_every_route_is_in_the_table(sqlite: Engine) -> None:
    app = make_app(make_settings(sqlite), engine=sqlite)
    routes = {
        (method, re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert routes == {(operation.method, operation.path) for operation in OPERATIONS}


def test_no_two_operations_have_one_name() -> None:
    assert len(BY_NAME) == len(OPERATIONS)


def test_the_document_is_openapi_and_needs_no_token(receiver: Running) -> None:
    document = _document(receiver)
    schema_of_schemas = jsonschema_rs.Draft202012Validator(
        {"$ref": "https://json-schema.org/draft/2020-12/schema"}
    )
    for schema in document["components"]["schemas"].values():
        schema_of_schemas.validate(schema)
    assert (document["openapi"], len(document["paths"])) == ("3.1.0", len({each.path for each in OPERATIONS}))


def test_every_reference_of_the_document_leads_somewhere(receiver: Running) -> None:
    document = _document(receiver)
    for reference in _references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def test_every_example_fits_its_schema(receiver: Running) -> None:
    document = _document(receiver)
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
            jsonschema_rs.Draft202012Validator(reference, validate_formats=True).validate(example)


# The page


def test_the_page_tells_of_every_operation_and_every_object(receiver: Running) -> None:
    page = receiver.ask(None, "GET", "/docs").text
    named = [f'id="{operation.name}"' for operation in OPERATIONS]
    named += [
        f'id="object-{name}"'
        for name, schema in _document(receiver)["components"]["schemas"].items()
        if "properties" in schema
    ]
    assert [each for each in named if each not in page] == []


def test_every_link_of_the_page_leads_to_a_place_on_it(receiver: Running) -> None:
    page = receiver.ask(None, "GET", "/docs").text
    places = set(re.findall(r'id="([^"]+)"', page))
    links = set(re.findall(r'href="([^"]+)"', page))
    assert {link for link in links if link.removeprefix("#") not in places} == {"/openapi.json"}


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("charge.example.org:8080", "http://charge.example.org:8080/api/ocpp/"),
        ("[::1]:8080", "http://[::1]:8080/api/ocpp/"),
        ("a';rm -rf ~;'", "https://receiver.example/api/ocpp/"),
    ],
)
def test_the_examples_ask_the_address_that_the_page_was_asked_for(
    receiver: Running, host: str, shown: str
) -> None:
    page = receiver.ask(None, "GET", "/docs", headers={"Host": host}).text
    assert shown in page and "rm -rf" not in page


def test_the_page_runs_and_loads_nothing(receiver: Running) -> None:
    answer = receiver.ask(None, "GET", "/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert ("unsafe" in policy, re.findall(r"<script|<img|<link|src=|http-equiv|style=", answer.text)) == (
        False,
        [],
    )
