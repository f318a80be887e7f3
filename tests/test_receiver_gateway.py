"""The gateway in front of the WSGI app: bodies first, then threads, and those by kind."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# granian documents the name but does not list it as an export.
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

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
    reads: bool = True
    answer: Answer | None = None
    begun: threading.Event = field(default_factory=threading.Event)
    leaves: threading.Event = field(default_factory=threading.Event)
    reader: threading.Thread | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part
        if self.stalls:
            await asyncio.Event().wait()

    async def __call__(self) -> bytes:
        return b"".join([part async for part in self])

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = (status, dict(headers), body)

    def response_file(self, status: int, headers: list[tuple[str, str]], path: str) -> None:
        """Reads it to its end; where it does not read it takes a byte, and leaves when told."""

        def read() -> None:
            with Path(path).open("rb", buffering=0) as body:
                first = body.read(1)
                self.begun.set()
                if self.reads:
                    self.answer = (status, dict(headers), first + body.read())
                else:
                    self.leaves.wait(10)

        self.reader = threading.Thread(target=read)
        self.reader.start()


def _echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = environ["PATH_INFO"].encode("latin-1") + b":" + environ["wsgi.input"].read()
    start_response("200 OK", [("content-type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body[:1], body[1:]]


def _answer(*requests: Request, app: Any = _echo, lanes: dict[str, int] | None = None) -> list[Answer]:
    async def ask() -> list[Answer]:
        opened = {prefix: Lane(threads, 100, 10) for prefix, threads in (lanes or {"": 2}).items()}
        opened["/large"] = Lane(1, max_body_bytes=200, max_requests=1)
        gateway = Gateway(app=app, lanes=opened, body_seconds=0.05)
        gateway.__rsgi_init__(asyncio.get_running_loop())
        calls: Any = [gateway.__rsgi__(request, request) for request in requests]  # type: ignore[arg-type]
        await asyncio.gather(*calls)
        gateway.__rsgi_del__(asyncio.get_running_loop())
        for request in requests:
            if request.reader is not None:
                request.reader.join(10)
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
        start_response("200 OK", [("content-length", "0")])
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


# Answers that are made while they are sent


@dataclass
class Endless:
    """An app whose answer has no end; it counts its pieces, and knows whether it was closed."""

    pieces: int = 0
    closed: threading.Event = field(default_factory=threading.Event)
    fails_after: int | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/endless":
            return _echo(environ, start_response)
        start_response("200 OK", [("content-type", "text/csv")])
        return self._body()

    def _body(self) -> Iterator[bytes]:
        try:
            while True:
                if self.pieces == self.fails_after:
                    raise ValueError("a row that cannot be written")
                self.pieces += 1
                yield b"x" * 16_384
        finally:
            self.closed.set()


def _opened(app: Any, **more: Any) -> Gateway:
    gateway = Gateway(app=app, lanes={"": Lane(1, 100, 2)}, body_seconds=1, **more)
    gateway.__rsgi_init__(asyncio.get_running_loop())
    return gateway


async def _serve(gateway: Gateway, *requests: Any) -> None:
    for request in requests:
        await gateway.__rsgi__(request, request)
        request.leaves.set()
    gateway.__rsgi_del__(asyncio.get_running_loop())


def test_an_answer_without_a_length_is_sent_whole() -> None:
    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("content-type", "text/csv")])
        return iter([b"a,b", b"", b"c" * 200_000, b"d"])

    ((status, headers, body),) = _answer(Request(), app=app)
    assert (status, headers["content-type"], body) == (200, "text/csv", b"a,b" + b"c" * 200_000 + b"d")


def test_an_answer_without_a_length_may_be_empty() -> None:
    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return iter([])

    assert _answer(Request(), app=app) == [(200, {}, b"")]


def test_a_slow_reader_holds_no_thread_and_few_pieces() -> None:
    app, slow, other = Endless(), Request(path="/endless", reads=False), Request(path="/other")

    async def ask() -> int:
        gateway = _opened(app)
        call = asyncio.create_task(gateway.__rsgi__(slow, slow))  # type: ignore[arg-type]
        assert await asyncio.to_thread(slow.begun.wait, 10)
        # The only thread of the lane answers this one while the other is read no further.
        await gateway.__rsgi__(other, other)  # type: ignore[arg-type]
        made = app.pieces
        slow.leaves.set()
        await call
        gateway.__rsgi_del__(asyncio.get_running_loop())
        return made

    # Those in the pipe of 64 KiB, the one that was taken from it, and the one that waits.
    assert asyncio.run(ask()) <= 6
    assert other.answer is not None and other.answer[0] == 200
    assert app.closed.is_set()


def test_a_reader_that_takes_nothing_for_too_long_is_cut_off() -> None:
    app, slow = Endless(), Request(path="/endless", reads=False)

    async def ask() -> None:
        await _serve(_opened(app, patience=0.05), slow)

    asyncio.run(ask())
    assert app.closed.is_set()


def test_an_answer_that_takes_too_long_is_cut_off_however_well_it_is_read() -> None:
    app, quick = Endless(), Request(path="/endless")

    async def ask() -> None:
        await _serve(_opened(app, answer_seconds=0.2), quick)

    asyncio.run(ask())
    assert app.closed.is_set()


def test_a_piece_in_the_making_is_waited_for_before_its_maker_is_closed() -> None:
    ended: list[str] = []

    def body() -> Iterator[bytes]:
        try:
            yield b"first"
            threading.Event().wait(0.3)
            ended.append("made")
            yield b"second"
        finally:
            ended.append("closed")

    def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body()

    async def ask() -> None:
        await _serve(_opened(app, answer_seconds=0.1), Request())

    asyncio.run(ask())
    assert ended == ["made", "closed"]


def test_an_answer_that_fails_on_the_way_ends_its_connection() -> None:
    """Its reader must not take the part for the whole."""
    app = Endless(fails_after=3)

    async def ask(client: str) -> None:
        await _serve(_opened(app), Request(path="/endless", client=client))

    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        closing(socket.create_connection(server.getsockname())) as client,
        closing(server.accept()[0]),
    ):
        client.settimeout(10)
        asyncio.run(ask("{}:{}".format(*client.getsockname())))
        assert client.recv(1) == b""
    assert app.closed.is_set()


def test_an_answer_that_nobody_takes_gives_its_place_free() -> None:
    class Gone(Request):
        def response_file(self, *_: Any) -> None:
            raise ProtocolClosed

    other = Request(path="/other")

    async def ask() -> None:
        await _serve(_opened(Endless()), *(Gone(path="/endless") for _ in range(3)), other)

    asyncio.run(ask())
    assert other.answer is not None and other.answer[0] == 200
