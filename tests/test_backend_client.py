"""HTTP to the OCPP backend, which may answer anything."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from locator import KEY, Answer, Locator, cut, drip, html, refusal, reply, running_locator, silence

from ocpp_integration.backend import BackendClient
from ocpp_integration.errors import BackendDown, BackendError, BackendRefused, BackendSilent
from ocpp_integration.transport import MAX_ANSWER_BYTES

Call = Callable[[BackendClient], dict[str, Any]]

READS: dict[str, Call] = {
    "session": lambda client: client.session(7),
    "sync_station": lambda client: client.sync_station({"station_id": "S"}),
}
COMMANDS: dict[str, Call] = {
    "initiate_charging": lambda client: client.initiate_charging({"station_id": "S"}),
    "stop_charging": lambda client: client.stop_charging({"transaction_id": 7}),
}
HEAD = b"HTTP/1.1 200 OK\r\n"

# What is no answer, though some of it looks like one.
UNUSABLE: dict[str, Answer] = {
    "HTML": html(),
    "an empty body": reply(200, b""),
    "a JSON list": reply(200, b"[]"),
    "a JSON null": reply(200, b"null"),
    "NaN": reply(200, b'{"a": NaN}'),
    "half a body": cut(HEAD + b'Content-Length: 100\r\n\r\n{"a"'),
    "a whole object, and bytes that are missing": cut(HEAD + b"Content-Length: 100\r\n\r\n{}"),
    "a connection cut in the headers": cut(HEAD + b"Content-Le"),
    "a connection cut in the status line": cut(b"HTTP/1.1 2"),
    "a connection closed at once": cut(b""),
    "a chunk that is cut": cut(HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{}"),
    "gzip that is none": reply(200, b"{}", Content_Encoding="gzip"),
    "too much": reply(200, b" " * (MAX_ANSWER_BYTES + 1)),
    "too much once unpacked": reply(
        200, gzip.compress(b" " * (MAX_ANSWER_BYTES * 4)), Content_Encoding="gzip"
    ),
}


@pytest.fixture
def locator() -> Iterator[Locator]:
    with running_locator() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(locator: Locator, pauses: list[float]) -> BackendClient:
    """A client with two further tries that notes its pauses instead of making them, each the longest."""
    settings = locator.settings(ocpp_retry_attempts=2)
    return BackendClient(settings, sleep=pauses.append, jitter=lambda _least, longest: longest)


@pytest.fixture(params=[*READS, *COMMANDS])
def call(request: pytest.FixtureRequest) -> Call:
    return {**READS, **COMMANDS}[request.param]


@pytest.fixture(params=READS)
def read(request: pytest.FixtureRequest) -> Call:
    return READS[request.param]


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> Call:
    return COMMANDS[request.param]


def test_an_answer_is_its_json_object(locator: Locator, client: BackendClient, call: Call) -> None:
    locator.answer(reply(200, {"a": 1}))
    assert call(client) == {"a": 1}


def test_each_request_carries_the_key(locator: Locator, client: BackendClient, call: Call) -> None:
    locator.answer(reply())
    call(client)
    assert locator.requests[0].headers["Authorization"] == f"Bearer {KEY}"


def test_requests_go_to_the_locator_api(locator: Locator, client: BackendClient) -> None:
    locator.answer(reply())
    for one in {**READS, **COMMANDS}.values():
        one(client)
    assert [(request.method, request.path) for request in locator.requests] == [
        ("GET", "/api/locator/session/7/"),
        ("POST", "/api/locator/sync-station/"),
        ("POST", "/api/locator/initiate-charging/"),
        ("POST", "/api/locator/stop-charging/"),
    ]


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_answer_is_not_taken_for_one(
    locator: Locator, client: BackendClient, answer: Answer
) -> None:
    locator.answer(answer)
    with pytest.raises(BackendSilent):
        client.initiate_charging({})


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_command_without_a_usable_answer_is_not_sent_again(
    locator: Locator, client: BackendClient, answer: Answer
) -> None:
    locator.answer(answer, reply())
    with pytest.raises(BackendSilent):
        client.initiate_charging({})
    assert len(locator.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 502, 503, 504])
def test_a_refused_command_is_not_sent_again(
    locator: Locator, client: BackendClient, command: Call, status: int
) -> None:
    locator.answer(html(status), reply())
    with pytest.raises(BackendRefused):
        command(client)
    assert len(locator.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_repeated_until_it_is_answered(
    locator: Locator, client: BackendClient, read: Call, status: int
) -> None:
    locator.answer(html(status), html(status), reply(200, {"a": 1}))
    assert read(client) == {"a": 1}


def test_a_read_is_given_up_after_the_tries_that_are_set(
    locator: Locator, client: BackendClient, read: Call
) -> None:
    locator.answer(html(503))
    with pytest.raises(BackendRefused):
        read(client)
    assert len(locator.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
def test_a_final_refusal_is_not_asked_for_again(
    locator: Locator, client: BackendClient, read: Call, status: int
) -> None:
    locator.answer(refusal(status, "no"), reply())
    with pytest.raises(BackendRefused):
        read(client)
    assert len(locator.requests) == 1


def test_a_read_whose_connection_was_cut_is_repeated(
    locator: Locator, client: BackendClient, read: Call
) -> None:
    locator.answer(cut(b""), cut(HEAD + b'Content-Length: 9\r\n\r\n{"a"'), reply(200, {"a": 1}))
    assert read(client) == {"a": 1}


def test_pauses_grow(locator: Locator, client: BackendClient, pauses: list[float]) -> None:
    locator.answer(html(503))
    with pytest.raises(BackendRefused):
        client.session(7)
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("86400", 60), ("9" * 400, 60)])
def test_a_backend_that_asks_for_a_pause_gets_it_up_to_a_minute(
    locator: Locator, client: BackendClient, pauses: list[float], asked: str, waited: float
) -> None:
    locator.answer(reply(503, b"", Retry_After=asked), reply())
    client.session(7)
    assert pauses == [waited]


@pytest.mark.parametrize("asked", ["-5", "nan", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "٣"])
def test_a_pause_that_is_none_is_not_kept(
    locator: Locator, client: BackendClient, pauses: list[float], asked: str
) -> None:
    locator.answer(reply(503, b"", Retry_After=asked.encode().decode("latin-1")), reply())
    client.session(7)
    assert pauses == [0.5]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(locator: Locator, client: BackendClient, status: int) -> None:
    locator.answer(reply(status, b"", Location=f"{locator.url}/elsewhere"), reply())
    with pytest.raises(BackendRefused):
        client.stop_charging({})
    assert locator.paths() == ["/api/locator/stop-charging/"]


def test_a_refusal_says_what_the_backend_said(locator: Locator, client: BackendClient, call: Call) -> None:
    locator.answer(refusal(409, "connector_busy", "The connector has a transaction."))
    with pytest.raises(BackendRefused) as caught:
        call(client)
    refused = caught.value
    assert (str(refused), refused.status, refused.backend_code) == (
        "The connector has a transaction.",
        409,
        "connector_busy",
    )


def test_a_refusal_in_html_is_told_by_its_status(locator: Locator, client: BackendClient) -> None:
    locator.answer(html(400))
    with pytest.raises(BackendRefused, match="answered 400"):
        client.session(7)


def test_a_refusal_is_kept_as_every_store_takes_it(locator: Locator, client: BackendClient) -> None:
    locator.answer(reply(400, b'{"error": "no\\u0000 %s"}' % (b"x" * 9_000)))
    with pytest.raises(BackendRefused) as refusal:
        client.session(7)
    assert str(refusal.value).startswith("no x") and len(str(refusal.value)) == 500


def test_a_backend_that_nobody_listens_for_is_down(locator: Locator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    client = BackendClient(locator.settings(ocpp_base_url=url), sleep=lambda _: None)
    with pytest.raises(BackendDown):
        client.initiate_charging({})


def test_a_backend_whose_name_nobody_knows_is_down(locator: Locator) -> None:
    settings = locator.settings(ocpp_base_url="http://backend.invalid")
    with pytest.raises(BackendDown):
        BackendClient(settings, sleep=lambda _: None).initiate_charging({})


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Content-Length: 1000000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
        HEAD + b"Connection: close\r\n\r\n",
        HEAD + b"X-Slow: ",
    ],
    ids=["length", "chunked", "until the end", "headers"],
)
def test_an_answer_that_drips_in_is_given_up_at_the_timeout(locator: Locator, head: bytes) -> None:
    locator.answer(drip(locator, head))
    client = BackendClient(locator.settings(ocpp_timeout=0.4))
    begun = time.monotonic()
    with pytest.raises(BackendError):
        client.initiate_charging({})
    assert time.monotonic() - begun < 30


def test_no_answer_is_given_up_at_the_timeout(locator: Locator) -> None:
    locator.answer(silence(locator))
    with pytest.raises(BackendSilent):
        BackendClient(locator.settings(ocpp_timeout=0.2)).initiate_charging({})
