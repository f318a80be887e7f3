"""A backend's locator API over a real socket, which answers as it is told: well, badly or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

import settings as configuration
from settings import Settings

Answer = Callable[[BaseHTTPRequestHandler], None]
KEY = "a key of the backend"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Locator:
    """`answers` are given one after the other, the last one again and again; `requests` is what came."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, *answers: Answer) -> None:
        self.answers[:] = answers

    def settings(self, **changes: Any) -> Settings:
        known = {"ocpp_base_url": self.url, "ocpp_api_key": KEY, "ocpp_timeout": 2}
        return configuration.load(None, **known | changes)

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def running_locator() -> Iterator[Locator]:
    locator = Locator()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told = orjson.loads(body) if body else None
            locator.requests.append(Request(self.command, self.path, dict(self.headers), told))
            answers = locator.answers
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_GET = do_POST = handle_one

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    locator.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield locator
    finally:
        locator.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def reply(status: int = 200, body: Any = None, **headers: str) -> Answer:
    """A well-formed answer; `body` is sent as JSON, bytes as they are."""
    raw = body if isinstance(body, bytes) else orjson.dumps({} if body is None else body)

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(raw)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(raw)

    return send


def refusal(status: int, code: str, sentence: str = "No.", **more: Any) -> Answer:
    return reply(status, {"error": sentence, "code": code, **more})


def html(status: int = 200) -> Answer:
    return reply(status, b"<html><body>Bad gateway</body></html>", Content_Type="text/html")


def cut(raw: bytes) -> Answer:
    """These bytes, then the end of the connection."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(raw)
        handler.close_connection = True

    return send


def drip(locator: Locator, head: bytes) -> Answer:
    """`head`, then a byte every now and then until the test is over."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        handler.close_connection = True
        while not locator.released.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    return send


def silence(locator: Locator) -> Answer:
    """No answer until the test is over."""

    def wait(handler: BaseHTTPRequestHandler) -> None:
        locator.released.wait()
        handler.close_connection = True

    return wait


ACCEPTED = {"transaction": {"transaction_id": 501, "status": "Started", "id_tag": "TAG", "start_time": None}}
