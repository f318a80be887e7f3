"""The client, against a real receiver and against a network that fails it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from locator import drip, running_locator
from receiver_app import NEW_SECRET, SECRET, Running, running_receiver
from requests.adapters import BaseAdapter
from sqlalchemy import Engine
from urllib3 import HTTPResponse

from ocpp_integration import client_errors
from ocpp_integration.client import ClientError, OCPPIntegrationClient, raise_for

STARTED = (200, {"transaction": {"transaction_id": 5000, "status": "Started", "id_tag": "TAG"}})


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        running.backend.answers = {
            "/initiate-charging/": STARTED,
            "/stop-charging/": (200, {"transaction_id": running.people.transaction_id, "status": "Stopping"}),
            "/sync-station/": (200, {"station_id": running.people.station_id, "ocpp_websocket": "ws://b/1"}),
            f"/session/{running.people.transaction_id}/": (200, {"session_data": {"status": "Charging"}}),
        }
        yield running


@pytest.fixture
def client(receiver: Running) -> OCPPIntegrationClient:
    return OCPPIntegrationClient(base_url=receiver.url, auth_token=receiver.people.tokens["admin"])


Call = Callable[[OCPPIntegrationClient, Any], dict[str, Any]]
CALLS: dict[str, Call] = {
    "sync_station": lambda client, people: client.sync_station(people.place_id, vendor="ABB", model="Terra"),
    "initiate_charging": lambda client, people: client.initiate_charging(
        station_id=people.station_id,
        connector_id=2,
        user_id=people.user_ids["driver"],
        payment_transaction_id="PAY-1",
    ),
    "stop_charging": lambda client, people: client.stop_charging(people.transaction_id),
    "get_session_status": lambda client, people: client.get_session_status(people.transaction_id),
    "list_ocpp_stations": lambda client, _: client.list_ocpp_stations(),
    "get_ocpp_station": lambda client, people: client.get_ocpp_station(people.station_id),
    "list_charging_sessions": lambda client, _: client.list_charging_sessions(status="charging"),
    "get_charging_session": lambda client, people: client.get_charging_session(people.transaction_id),
    "list_logs": lambda client, people: client.list_logs(level="info", station_id=people.station_id),
}
LISTS = {"list_ocpp_stations", "list_charging_sessions", "list_logs"}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_succeeds_against_the_receiver(
    receiver: Running, client: OCPPIntegrationClient, name: str
) -> None:
    response = CALLS[name](client, receiver.people)
    assert (response["status_code"], response["success"]) == (200, True)


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_list_can_be_indexed(receiver: Running, client: OCPPIntegrationClient, name: str) -> None:
    assert CALLS[name](client, receiver.people)["data"][0]["id"]


def test_pages_are_followed_by_their_cursor(client: OCPPIntegrationClient) -> None:
    first = client.list_ocpp_stations(limit=1)
    second = client.list_ocpp_stations(limit=1, cursor=first["next_cursor"])
    assert first["data"] + second["data"] == client.list_ocpp_stations()["data"]


def test_the_last_page_has_no_cursor(client: OCPPIntegrationClient) -> None:
    assert "next_cursor" not in client.list_ocpp_stations()


def test_a_refusal_is_no_success_and_keeps_what_was_said(client: OCPPIntegrationClient) -> None:
    response = client.get_ocpp_station("STATION_NONE")
    assert (response["status_code"], response["success"], response["data"]["success"]) == (404, False, False)


def test_a_wrong_token_is_told(receiver: Running) -> None:
    assert OCPPIntegrationClient(receiver.url, "wrong").list_logs()["status_code"] == 401


def test_a_base_url_may_name_the_api_as_well(receiver: Running) -> None:
    token = receiver.people.tokens["admin"]
    assert OCPPIntegrationClient(f"{receiver.url}/api/ocpp/", token).list_ocpp_stations()["success"]


def test_a_start_repeated_with_its_key_starts_once(receiver: Running, client: OCPPIntegrationClient) -> None:
    people = receiver.people
    for _ in range(2):
        client.initiate_charging(
            people.station_id, 2, people.user_ids["driver"], "PAY-1", idempotency_key="key"
        )
    assert len(receiver.backend.asked) == 1


def test_a_webhook_is_signed_with_the_clients_secret(receiver: Running) -> None:
    client = OCPPIntegrationClient(receiver.url, webhook_secret=SECRET)
    response = client.send_webhook(
        "session_progress", {"energy_consumed_kwh": Decimal("1.5")}, station_id="S", transaction_id=7
    )
    (event,) = receiver.recorded()
    assert (response["success"], event.station_id, event.transaction_id) == (True, "S", 7)


@pytest.mark.parametrize("secret", [None, NEW_SECRET])
def test_a_webhook_without_the_right_secret_is_refused(receiver: Running, secret: str | None) -> None:
    client = OCPPIntegrationClient(receiver.url, webhook_secret=secret)
    assert client.send_webhook("station_status", {})["status_code"] == 401


def test_two_webhooks_of_the_same_content_are_two_events(receiver: Running) -> None:
    client = OCPPIntegrationClient(receiver.url, webhook_secret=SECRET)
    for _ in range(2):
        client.send_webhook("station_status", {"status": "available"}, station_id="S")
    assert len(receiver.recorded()) == 2


def test_a_response_is_printed_with_its_status_and_indented_data(client: OCPPIntegrationClient) -> None:
    printed = io.StringIO()
    client.print_response({"status_code": 200, "success": True, "data": {"a": [1]}}, printed)
    assert printed.getvalue() == 'Status: 200\n{\n  "a": [\n    1\n  ]\n}\n'


class _Failing(BaseAdapter):
    """A network that answers each request with the next of `results`."""

    def __init__(self, *results: tuple[int, Any] | Exception):
        super().__init__()
        self.results = list(results)
        self.sent: list[requests.PreparedRequest] = []
        self.headers: dict[str, str] = {}

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        self.sent.append(request)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        response = requests.Response()
        response.status_code, body = result
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        response.raw = HTTPResponse(io.BytesIO(content), preload_content=False)
        response.request, response.url = request, str(request.url)
        response.headers.update(self.headers)
        return response

    def close(self) -> None:
        pass


def _client(network: _Failing, pauses: list[float] | None = None) -> OCPPIntegrationClient:
    http = requests.Session()
    http.mount("http://", network)
    return OCPPIntegrationClient(
        "http://receiver.test",
        "token",
        http=http,
        sleep=pauses.append if pauses is not None else lambda _: None,
    )


DOWN = requests.ConnectionError("refused")


def test_a_network_failure_is_told_without_a_status() -> None:
    response = _client(_Failing(*[DOWN] * 4)).list_logs()
    assert (response["status_code"], response["success"], "error" in response["data"]) == (None, False, True)


@pytest.mark.parametrize(
    "failure", [DOWN, requests.ReadTimeout(), (429, {}), (502, {}), (503, {}), (504, b"<html>")]
)
def test_a_read_is_repeated_when_it_fails_in_passing(failure: Any) -> None:
    assert _client(_Failing(failure, failure, (200, []))).list_logs()["success"]


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_read_that_was_refused_is_not_repeated(status: int) -> None:
    network = _Failing((status, {}), (200, []))
    assert (_client(network).list_logs()["status_code"], len(network.sent)) == (status, 1)


def test_reading_ends_after_four_tries() -> None:
    network = _Failing(*[(503, {})] * 9)
    assert (_client(network).list_logs()["status_code"], len(network.sent)) == (503, 4)


def test_pauses_between_reads_stay_below_a_growing_bound() -> None:
    pauses: list[float] = []
    _client(_Failing(*[DOWN] * 4), pauses).list_logs()
    assert [pause <= bound for pause, bound in zip(pauses, (0.5, 1, 2), strict=True)] == [True] * 3


@pytest.mark.parametrize("failure", [DOWN, requests.ReadTimeout(), (503, {})])
def test_a_command_is_sent_once(failure: Any) -> None:
    network = _Failing(failure, (200, {}))
    assert (_client(network).stop_charging(7)["success"], len(network.sent)) == (False, 1)


def test_a_command_that_was_one_too_many_is_sent_again() -> None:
    network = _Failing((429, {}), (200, {}))
    assert (_client(network).stop_charging(7)["success"], len(network.sent)) == (True, 2)


@pytest.mark.parametrize("failure", [DOWN, requests.ReadTimeout(), (409, {}), (429, {}), (503, {})])
def test_a_command_with_a_key_is_sent_again_with_it(failure: Any) -> None:
    network = _Failing(failure, (200, {}))
    response = _client(network).stop_charging(7, idempotency_key="k")
    keys = [request.headers["Idempotency-Key"] for request in network.sent]
    assert (response["success"], keys) == (True, ["k", "k"])


def test_a_command_that_failed_for_good_is_not_sent_again() -> None:
    network = _Failing((502, {}), (200, {}))
    response = _client(network).stop_charging(7, idempotency_key="k")
    assert (response["status_code"], len(network.sent)) == (502, 1)


@pytest.mark.parametrize("failure", [DOWN, (503, {})])
def test_a_webhook_is_sent_again_as_the_same_event(failure: Any) -> None:
    network = _Failing(failure, (200, {}))
    _client(network).send_webhook("station_status", {})
    first, again = network.sent
    assert (first.headers["webhook-id"], first.body) == (again.headers["webhook-id"], again.body)


def test_a_sync_is_sent_again() -> None:
    assert _client(_Failing(DOWN, (200, {}))).sync_station("id")["success"]


def test_the_time_that_the_receiver_asks_for_is_waited() -> None:
    pauses: list[float] = []
    network = _Failing((429, {}), (200, []))
    network.headers = {"Retry-After": "17"}
    _client(network, pauses).list_logs()
    assert pauses == [17]


def test_a_longer_time_than_there_is_patience_for_is_told_and_not_waited() -> None:
    pauses: list[float] = []
    network = _Failing((429, {}))
    network.headers = {"Retry-After": "61"}
    response = _client(network, pauses).list_logs()
    assert (response["status_code"], response["retry_after"], pauses) == (429, 61, [])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((400, {"connector_id": ["busy"]}), client_errors.InvalidRequest),
        ((401, {"error": "no"}), client_errors.Unauthorized),
        ((404, {"error": "no"}), client_errors.NotFound),
        ((409, {"error": "no"}), client_errors.UnderWay),
        ((422, {"error": "no"}), client_errors.InvalidRequest),
        ((429, {"error": "no"}), client_errors.RateLimited),
        ((502, {"error": "no"}), client_errors.BackendFailed),
        ((503, {"error": "no"}), client_errors.Unavailable),
        ((418, ["teapot"]), ClientError),
        ((200, b"<html>"), client_errors.Unreachable),
        ((302, {}), client_errors.Unreachable),
        (DOWN, client_errors.Unreachable),
    ],
)
def test_what_did_not_succeed_is_raised_as_its_kind(answer: Any, error: type[ClientError]) -> None:
    response = _client(_Failing(*[answer] * 4)).list_logs()
    with pytest.raises(ClientError) as raised:
        raise_for(response)
    assert (type(raised.value), raised.value.status_code) == (error, response["status_code"])


def test_what_succeeded_is_its_data() -> None:
    assert raise_for(_client(_Failing((200, [1]))).list_logs()) == [1]


def test_an_invalid_request_names_its_fields(client: OCPPIntegrationClient) -> None:
    with pytest.raises(client_errors.InvalidRequest, match="transaction_id") as raised:
        raise_for(client.stop_charging(-1))
    assert list(raised.value.errors) == ["transaction_id"]


def test_a_real_answer_of_too_many_requests_tells_when_to_come_again(engine: Engine) -> None:
    with running_receiver(engine, rate_limit_per_minute=1) as receiver:
        client = OCPPIntegrationClient(receiver.url, receiver.people.tokens["admin"], patience=0)
        client.list_logs()
        with pytest.raises(client_errors.RateLimited) as raised:
            raise_for(client.list_logs())
    assert 1 <= (raised.value.retry_after or 0) <= 60


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff"])
def test_an_answer_that_is_not_json_is_no_success(body: bytes) -> None:
    response = _client(_Failing((200, body))).list_logs()
    assert (response["status_code"], response["success"], "error" in response["data"]) == (200, False, True)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n["]
)
def test_an_answer_that_drips_in_is_given_up(head: bytes) -> None:
    with running_locator() as slow:
        slow.answer(drip(slow, head))
        client = OCPPIntegrationClient(slow.url, timeout=0.3, patience=0)
        with pytest.raises(client_errors.Unreachable):
            raise_for(client.list_logs())


def test_a_redirect_is_not_followed_with_the_token() -> None:
    network = _Failing((302, {}))
    assert (_client(network).stop_charging(7)["success"], len(network.sent)) == (False, 1)


def test_a_netrc_file_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine receiver.test login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    network = _Failing((200, []))
    _client(network).list_logs()
    assert network.sent[0].headers["Authorization"] == "Token token"


def test_a_webhook_carries_no_token() -> None:
    network = _Failing((200, {}))
    _client(network).send_webhook("station_status", {})
    assert "Authorization" not in network.sent[0].headers


def test_a_station_id_is_one_part_of_the_address() -> None:
    network = _Failing((404, {}))
    _client(network).get_ocpp_station("../logs?x=1")
    assert network.sent[0].path_url == "/api/ocpp/stations/..%2Flogs%3Fx%3D1/"
