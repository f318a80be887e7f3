"""Signed webhooks for a receiver over connections that stay open, as fast as they are answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice, repeat

import orjson

from benchmarks.apply.traffic import Told
from ocpp_integration.events import sign


def taken_per_second(
    port: int, path: str, secrets: Sequence[str], events: Sequence[Told], *, seconds: float, connections: int
) -> float:
    """How many of these events a second the receiver took. Raises where it did not answer one with 200."""
    requests = iter([_request(path, secrets, event) for event in events])
    lock, counts = threading.Lock(), []
    ends = time.monotonic() + seconds

    def post() -> None:
        done = 0
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            while time.monotonic() < ends:
                with lock:
                    some = list(islice(requests, 20))
                for request in some:
                    connection.sendall(request)
                    _check(connection)
                done += len(some)
        counts.append(done)

    began = time.monotonic()
    threads = [threading.Thread(target=post) for _ in repeat(None, connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(counts) < connections:
        raise RuntimeError("the receiver did not answer every connection")
    return sum(counts) / (time.monotonic() - began)


def _request(path: str, secrets: Sequence[str], event: Told) -> bytes:
    body = orjson.dumps(event.body)
    headers = sign(secrets, f"taken-{event.number}", body.decode(), datetime.now(UTC))
    lines = [f"POST {path} HTTP/1.1", "host: receiver", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _check(connection: socket.socket) -> None:
    answer = b""
    while b'"status"' not in answer or not answer.rstrip().endswith(b"}"):
        if not (more := connection.recv(4096)):
            break
        answer += more
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the receiver answered {answer[:200]!r}")
