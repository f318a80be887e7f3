"""A platform MengedMate over a real socket, with the lists it is told to have, and stations for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from locator import Answer, Locator, reply

import settings as configuration
from ocpp_integration.platform import MengedMate
from ocpp_integration.platform.http import PlatformHttp
from settings import Settings

TOKEN = "a token of the platform"
OWN = "/api/stations/"
PUBLIC = "/api/public/stations/"


@dataclass
class Platform:
    """`answers` by path (with its query), of several one after the other; `requests` are (path, token)."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def lists(self, *stations: dict[str, Any], public: list[dict[str, Any]] | None = None) -> None:
        """The own stations with their connectors; the public ones without, which their details have."""
        self.answer(OWN, reply(200, list(stations)))
        self.answer(PUBLIC, reply(200, [_without_connectors(each) for each in public or []]))
        for each in public or []:
            self.answer(f"{PUBLIC}{each['id']}/", reply(200, each))

    def settings(self, **changes: Any) -> Settings:
        known = {"mengedmate_url": self.url, "mengedmate_token": TOKEN}
        return configuration.load(None, **known | changes)

    def source(self, *, seconds: float = 5, **changes: Any) -> MengedMate:
        http = PlatformHttp(self.url, TOKEN, seconds=seconds, sleep=lambda _: None)
        return MengedMate(self.settings(**changes), http=http)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def as_locator(self) -> Locator:
        """For the answers that last until the test is over."""
        return Locator(released=self.released)


@contextmanager
def running_platform() -> Iterator[Platform]:
    platform = Platform()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            platform.requests.append((self.path, self.headers.get("Authorization", "")))
            answers = platform.answers.get(self.path) or [reply(404, {"detail": "Not found."})]
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    platform.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield platform
    finally:
        platform.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def station_id(number: int) -> UUID:
    return UUID(int=0xABC0000 + number)


def station(number: int = 1, *connectors: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A station as the platform tells it, with two connectors unless others are given."""
    told: dict[str, Any] = {
        "id": str(station_id(number)),
        "name": f"Station {number}",
        "address": "Africa Avenue",
        "city": "Addis Ababa",
        "state": "AA",
        "zip_code": "1000",
        "country": "Ethiopia",
        "latitude": "8.980603",
        "longitude": "38.757761",
        "is_active": True,
        "is_public": True,
        "status": "operational",
        "price_range": "10-12",
        "owner_name": "Addis Charge",
        "connectors": list(connectors) or [connector(1), connector(2, connector_type="type2", power_kw="22")],
        "rating": 4.5,
    }
    return told | changes


def connector(id: int | str | None = 1, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": id,
        "connector_type": "ccs2",
        "power_kw": "60.00",
        "quantity": 1,
        "available_quantity": 1,
        "price_per_kwh": "10.00",
        "is_available": True,
        "status": "available",
        "qr_code_token": f"qr-{id}",
    }
    return told | changes


def paged(platform: Platform, path: str, *pages: list[dict[str, Any]], absolute: bool = True) -> None:
    """The list in pages, each an object with `results` and `next`."""
    for position, rows in enumerate(pages, start=1):
        here = path if position == 1 else f"{path}?page={position}"
        following = f"{path}?page={position + 1}" if position < len(pages) else None
        if following and absolute:
            following = platform.url + following
        platform.answer(here, reply(200, {"count": 9, "next": following, "results": rows}))


def _without_connectors(station: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in station.items() if name != "connectors"}
