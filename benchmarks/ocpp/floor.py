"""The floor: a bare central system on `ocpp` and `websockets`, `python -m benchmarks.ocpp.floor PORT`.

It validates every frame and answers it, as these libraries do by themselves, and keeps nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from ocpp import v16, v201
from ocpp.routing import on
from websockets.asyncio.server import ServerConnection, serve

_numbers = itertools.count(1)


def _now() -> str:
    return datetime.now(UTC).isoformat()


class ChargePoint16(v16.ChargePoint):  # type: ignore[misc]
    @on("BootNotification")  # type: ignore[untyped-decorator]
    def boot(self, **_: Any) -> v16.call_result.BootNotification:
        return v16.call_result.BootNotification(_now(), 300, "Accepted")

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def status(self, **_: Any) -> v16.call_result.StatusNotification:
        return v16.call_result.StatusNotification()

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    def start_transaction(self, **_: Any) -> v16.call_result.StartTransaction:
        return v16.call_result.StartTransaction(next(_numbers), {"status": "Accepted"})

    @on("MeterValues")  # type: ignore[untyped-decorator]
    def meter_values(self, **_: Any) -> v16.call_result.MeterValues:
        return v16.call_result.MeterValues()


class ChargePoint201(v201.ChargePoint):  # type: ignore[misc]
    @on("BootNotification")  # type: ignore[untyped-decorator]
    def boot(self, **_: Any) -> v201.call_result.BootNotification:
        return v201.call_result.BootNotification(_now(), 300, "Accepted")

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def status(self, **_: Any) -> v201.call_result.StatusNotification:
        return v201.call_result.StatusNotification()

    @on("TransactionEvent")  # type: ignore[untyped-decorator]
    def transaction_event(self, **_: Any) -> v201.call_result.TransactionEvent:
        return v201.call_result.TransactionEvent()


async def connected(socket: ServerConnection) -> None:
    made = ChargePoint16 if socket.subprotocol == "ocpp1.6" else ChargePoint201
    try:
        await made("floor", socket).start()
    except ConnectionError:
        return


async def run(port: int) -> None:
    async with serve(connected, "127.0.0.1", port, subprotocols=["ocpp1.6", "ocpp2.0.1"]) as server:  # type: ignore[list-item]
        await server.serve_forever()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(run(int(sys.argv[1])))
