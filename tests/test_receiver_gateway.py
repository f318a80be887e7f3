"""The gateway in front of the WSGI app: bodies first, then threads, and those by kind."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from webhook_receiver.gateway import Gateway, Lane

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Request:
    """A request as granian hands it over; `stalls` where its sender falls silent after `parts`."""

    path: str = "/"
    parts: tuple[bytes, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    stalls: bool = False
    method: str = "POST"
    query_string: str = ""
    scheme: str = "http"
    http_version: str = "1.1"
    server: str = "127.0.0.1:8080"
    client: str = "127.0.0.1:50000"
    answer: Answer | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part
        if self.stalls:
            await asyncio.Event().wait()

    async def __call__(self) -> bytes:
        return b"".join([part async for part in self])

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = (status, dict(headers), body)


def _echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1"), b":", environ["wsgi.input"].read()]


def _answer(*requests: Request, app: Any = _echo, lanes: dict[str, int] | None = None) -> list[Answer]:
    async def ask() -> list[Answer]:
        opened = {prefix: Lane(threads, 100, 10) for prefix, threads in (lanes or {"": 2}).items()}
        opened["/large"] = Lane(1, max_body_bytes=200, max_requests=1)
        gateway = Gateway(app=app, lanes=opened, body_seconds=0.05)
        gateway.__rsgi_init__(asyncio.get_running_loop())
        calls: Any = [gateway.__rsgi__(request, request) for request in requests]  # type: ignore[arg-type]
        await asyncio.gather(*calls)
        gateway.__rsgi_del__(asyncio.get_running_loop())
        return [request.answer for request in requests if request.answer is not None]

    return asyncio.run(ask())


def test_a_body_in_parts_reaches_the_app_whole() -> None:
    ((status, _, body),) = _answer(Request(parts=(b"one ", b"two")))
    assert (status, body) == (200, b"/:one two")


def test_a_path_reaches_the_app_as_its_utf_8_bytes() -> None:
    ((_, _, body),) = _answer(Request(path="/ሀ"))
    assert body == "/ሀ:".encode()


def test_a_body_of_exactly_the_limit_is_taken() -> None:
    ((status, _, _),) = _answer(Request(parts=(b"x" * 100,)))
    assert status == 200


def test_a_body_over_the_limit_is_refused_though_nothing_declared_it() -> None:
    ((status, _, _),) = _answer(Request(parts=(b"x" * 60, b"x" * 41)))
    assert status == 413


def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    ((status, _, _),) = _answer(Request(headers={"content-length": "9" * 5000}, stalls=True))
    assert status == 413


def test_a_sender_that_falls_silent_is_dismissed() -> None:
    ((status, headers, body),) = _answer(Request(parts=(b"{",), stalls=True))
    assert (status, headers["content-type"], json.loads(body)["success"]) == (408, "application/json", False)


def test_a_lane_that_is_full_keeps_no_other_waiting() -> None:
    released = threading.Event()

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            assert released.wait(10)
        else:
            released.set()
        start_response("200 OK", [])
        return [b""]

    answers = _answer(Request(path="/slow"), Request(path="/fast"), app=app, lanes={"/fast": 1, "": 1})
    assert [status for status, _, _ in answers] == [200, 200]


def test_each_lane_has_a_limit_of_its_own_for_a_body() -> None:
    taken, refused = _answer(Request(path="/large", parts=(b"x" * 200,)), Request(parts=(b"x" * 200,)))
    assert (taken[0], refused[0]) == (200, 413)


def test_a_lane_holds_no_more_requests_at_once_than_it_has_room_for() -> None:
    slow = Request(path="/large", parts=(b"x",), stalls=True)
    (_, (status, headers, _), other) = _answer(slow, Request(path="/large"), Request())
    assert (status, headers["retry-after"], other[0]) == (503, "5", 200)


def test_a_lane_has_room_again_once_a_request_is_answered() -> None:
    async def ask_twice() -> list[int]:
        gateway = Gateway(app=_echo, lanes={"": Lane(1, 100, 1)}, body_seconds=1)
        gateway.__rsgi_init__(asyncio.get_running_loop())
        requests: list[Any] = [Request(), Request()]
        for request in requests:
            await gateway.__rsgi__(request, request)
        gateway.__rsgi_del__(asyncio.get_running_loop())
        return [request.answer[0] for request in requests]

    assert asyncio.run(ask_twice()) == [200, 200]
