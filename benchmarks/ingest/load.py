"""The load: a backend with many events to tell, `python -m benchmarks.ingest.load < plan.json`.

It speaks HTTP by itself, because a client library would cost more than the server under test. Prints one line
of JSON: how long it took, how long answers took, and which events were acknowledged.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from benchmarks.ingest.requests import Request, batches, singles

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class Plan:
    """`count` events named after `run`, `per_request` in each request, over `connections` kept alive."""

    port: int
    path: str
    run: str
    count: int
    per_request: int = 1
    connections: int = 16
    waits: list[float] = field(default_factory=list)
    answers: list[tuple[Request, bytes, bytes]] = field(default_factory=list)

    def requests(self) -> Iterator[Request]:
        if self.per_request == 1:
            return singles(self.path, self.run, self.count)
        return batches(self.path, self.run, self.count, self.per_request)


class Connection(asyncio.Protocol):
    """Sends a request as soon as the one before is answered, until none is left."""

    def __init__(self, plan: Plan, requests: Iterator[Request]):
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plan, self._requests = plan, requests
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed a connection"))

    def send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.done.set_result(None)
            return
        self._request, self._sent_at = request, time.perf_counter()
        self._transport.write(request.wire)

    def data_received(self, data: bytes) -> None:
        self._received += data
        start = self._received.find(b"\r\n\r\n") + 4
        if start < 4:
            return
        length = _LENGTH.search(self._received, 0, start)
        if length is None or len(self._received) < start + int(length[1]):
            return
        self._plan.waits.append(time.perf_counter() - self._sent_at)
        answer = (self._request, bytes(self._received[9:12]), bytes(self._received[start:]))
        self._plan.answers.append(answer)
        self._received.clear()
        self.send()


async def run(plan: Plan) -> dict[str, object]:
    # Made now, so that while the clock runs the load costs little but its sockets.
    requests = iter(list(plan.requests()))
    gc.freeze()
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(plan, requests), "127.0.0.1", plan.port))[1]
        for _ in range(plan.connections)
    ]
    began = time.perf_counter()
    for connection in connections:
        connection.send()
    await asyncio.gather(*(connection.done for connection in connections))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "waits": plan.waits, "acknowledged": _acknowledged(plan)}


def _acknowledged(plan: Plan) -> list[str]:
    found = []
    for request, status, body in plan.answers:
        if status == b"200" and plan.per_request == 1:
            found += request.event_ids
        elif status == b"200":
            answers = zip(request.event_ids, orjson.loads(body)["answers"], strict=True)
            found += [event_id for event_id, answer in answers if answer["status_code"] == 200]
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Plan(**json.load(sys.stdin))))))
