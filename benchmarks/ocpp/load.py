"""The load: many charge points in one process, `python -m benchmarks.ocpp.load < plan.json`.

It speaks WebSocket by itself, because a client library would cost more than the server under test. Prints a
line of JSON at each step: `connected`, `begun`, and `ended` with the figures.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import random
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.ocpp.frames import script, with_transaction

_PATIENCE_SECONDS = 60.0
_TEXT, _CLOSE, _PING, _PONG = 0x81, 0x88, 0x89, 0x8A
# Connecting all at once overflows the queue of connections that the kernel keeps for the server.
_AT_ONCE = 100
_NO_MASK = b"\0\0\0\0"


@dataclass
class Plan:
    """`stations`: (name, subprotocol, key). `every` 0 sends each value once the one before is answered."""

    port: int
    path: str
    stations: list[list[str]]
    warm_up: float
    seconds: float
    every: float = 0.0
    boot_only: bool = False
    begun: float = 0.0
    ends: float = float("inf")
    delays: list[float] = field(default_factory=list)
    sent: int = 0


class ChargePoint(asyncio.Protocol):
    """A station: connects, boots, starts a transaction, then measures until the plan ends."""

    def __init__(self, plan: Plan, name: str, subprotocol: str, key: str):
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._plan = plan
        self._name, self._subprotocol, self._key = name, subprotocol, key
        self._script = script(subprotocol, name)
        self._steps = deque([self._script.boot])
        if not plan.boot_only:
            self._steps += [self._script.status, self._script.start]
        self._value = self._script.value
        self._received = b""
        self._open = False
        self._number = 0
        self._sent_at = 0.0
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        credentials = base64.b64encode(f"{self._name}:{self._key}".encode()).decode()
        headers = (
            f"GET {self._plan.path}{self._name} HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(random.randbytes(16)).decode()}",
            f"Sec-WebSocket-Protocol: {self._subprotocol}",
            f"Authorization: Basic {credentials}",
        )
        transport.write("\r\n".join([*headers, "", ""]).encode())

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.ready, self.done):
            if not future.done():
                future.set_exception(error or ConnectionError(f"{self._name} was disconnected"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._open and not self._handshake():
            return
        while (frame := self._next_frame()) is not None:
            self._take(*frame)

    def begin(self) -> None:
        """Send the first value; where the plan says `every`, spread over that time."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + random.uniform(0, self._plan.every)
        loop.call_at(self._due, self._measure)

    def close(self) -> None:
        self.done.cancel()
        self._transport.abort()

    def _handshake(self) -> bool:
        head, end, self._received = self._received.partition(b"\r\n\r\n")
        if not end:
            self._received = head
            return False
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(f"{self._name}: {head!r}")
        self._open = True
        self._step()
        return True

    def _next_frame(self) -> tuple[int, bytes] | None:
        received = self._received
        if len(received) < 2:
            return None
        size, start = received[1], 2
        if size == 126:
            if len(received) < 4:
                return None
            size, start = struct.unpack_from("!H", received, 2)[0], 4
        if len(received) < start + size:
            return None
        self._received = received[start + size :]
        return received[0], received[start : start + size]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            self._write(_PONG, payload)
        elif kind == _CLOSE:
            self._transport.close()
        elif payload.startswith(b"[3,"):
            self._answered(payload)
        elif payload.startswith(b"[4,"):
            raise RuntimeError(f"{self._name}: {payload!r}")

    def _answered(self, payload: bytes) -> None:
        if self.ready.done():
            self._measured()
            return
        if b"transactionId" in payload:
            self._value = with_transaction(self._value, json.loads(payload)[2]["transactionId"])
        self._step()

    def _step(self) -> None:
        if self._steps:
            self._send(self._steps.popleft())
        else:
            self.ready.set_result(None)

    def _measure(self) -> None:
        self._sent_at = time.perf_counter()
        if self._sent_at >= self._plan.ends:
            if not self.done.done():
                self.done.set_result(None)
            return
        self._plan.sent += 1
        self._send(self._value)

    def _measured(self) -> None:
        now = time.perf_counter()
        if self._plan.begun <= now < self._plan.ends:
            self._plan.delays.append(now - self._sent_at)
        if self._plan.every:
            self._due += self._plan.every
            asyncio.get_running_loop().call_at(self._due, self._measure)
        else:
            self._measure()

    def _send(self, frame: bytes) -> None:
        self._number += 1
        now = datetime.now(UTC).isoformat().encode()
        self._write(_TEXT, self._script.filled(frame, self._number, now))

    def _write(self, kind: int, payload: bytes) -> None:
        # A mask of zeros is one: the server unmasks as always, and nothing is spent here.
        size = len(payload)
        head = bytes((kind, 0x80 | size)) if size < 126 else struct.pack("!BBH", kind, 0xFE, size)
        self._transport.write(head + _NO_MASK + payload)


async def run(plan: Plan) -> None:
    gc.freeze()
    began = time.perf_counter()
    points = await _connect(plan)
    _say("connected", seconds=round(time.perf_counter() - began, 3))
    if plan.boot_only:
        for point in points:
            point.close()
        return
    plan.begun = time.perf_counter() + plan.warm_up
    plan.ends = plan.begun + plan.seconds
    for point in points:
        point.begin()
    await asyncio.sleep(plan.warm_up)
    _say("begun")
    await asyncio.sleep(plan.seconds)
    _say("ended", messages=len(plan.delays), p99_ms=_p99_ms(plan.delays))
    await asyncio.wait_for(asyncio.gather(*(point.done for point in points)), _PATIENCE_SECONDS + plan.every)
    _say("answered", messages=plan.sent)


async def _connect(plan: Plan) -> list[ChargePoint]:
    """All of them booted: at once where only that is measured, else a hundred at a time."""
    gate = asyncio.Semaphore(len(plan.stations) if plan.boot_only else _AT_ONCE)

    async def one(name: str, subprotocol: str, key: str) -> ChargePoint:
        loop = asyncio.get_running_loop()
        async with gate:
            _, point = await loop.create_connection(
                lambda: ChargePoint(plan, name, subprotocol, key), "127.0.0.1", plan.port
            )
            await asyncio.wait_for(asyncio.shield(point.ready), _PATIENCE_SECONDS)
        return point

    return await asyncio.gather(*(one(*station) for station in plan.stations))


def _p99_ms(delays: list[float]) -> float | None:
    return round(sorted(delays)[int(len(delays) * 0.99)] * 1000, 1) if delays else None


def _say(step: str, **figures: Any) -> None:
    print(json.dumps({"step": step, **figures}), flush=True)


if __name__ == "__main__":
    asyncio.run(run(Plan(**json.load(sys.stdin))))
