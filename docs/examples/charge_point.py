"""A charge point of OCPP 1.6 with one connector: `charge_point.py ws://HOST:8000/ws/ev-locator/STATION KEY`.

It charges for ten seconds, and then whenever it is told to, until Ctrl-C.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

METER_WH = 1000.0
KW = 30.0


def now() -> str:
    return datetime.now(UTC).isoformat()


class ChargePoint:
    def __init__(self, socket: ClientConnection):
        self.socket, self.ids, self.answers = socket, count(1), asyncio.Queue[dict[str, object]]()
        self.meter, self.stop, self.charging = METER_WH, asyncio.Event(), asyncio.Lock()
        self.tasks: set[asyncio.Task[None]] = set()

    async def call(self, action: str, **payload: object) -> dict[str, object]:
        await self.socket.send(orjson.dumps([2, str(next(self.ids)), action, payload]).decode())
        return await self.answers.get()

    async def listen(self) -> None:
        with suppress(ConnectionClosed):  # of which whoever sends next hears
            async for frame in self.socket:
                await self.hear(frame)

    async def hear(self, frame: str | bytes) -> None:
        kind, message_id, *rest = orjson.loads(frame)
        if kind != 2:
            self.answers.put_nowait(rest[0] if kind == 3 else {"refused": rest})
            return
        print("told to", *rest)
        known = rest[0] in ("RemoteStartTransaction", "RemoteStopTransaction")
        answer = [3, message_id, {"status": "Accepted"}] if known else [4, message_id, "NotSupported", "", {}]
        await self.socket.send(orjson.dumps(answer).decode())
        if rest[0] == "RemoteStartTransaction":
            self.tasks.add(asyncio.create_task(self.charge(rest[1]["idTag"], 600)))
        elif rest[0] == "RemoteStopTransaction":
            self.stop.set()

    async def status(self, status: str) -> None:
        await self.call(
            "StatusNotification", connectorId=1, errorCode="NoError", status=status, timestamp=now()
        )

    async def charge(self, id_tag: str, seconds: int) -> None:
        async with self.charging:
            self.stop.clear()
            await self.status("Preparing")
            begun = await self.call(
                "StartTransaction", connectorId=1, idTag=id_tag, meterStart=int(self.meter), timestamp=now()
            )
            print("charging", begun)
            await self.status("Charging")
            for _ in range(seconds):
                if self.stop.is_set():
                    break
                await asyncio.sleep(1)
                self.meter += KW * 1000 / 3600
                values = [
                    {
                        "measurand": "Energy.Active.Import.Register",
                        "unit": "Wh",
                        "value": f"{self.meter:.1f}",
                    },
                    {"measurand": "Power.Active.Import", "unit": "W", "value": f"{KW * 1000:.0f}"},
                ]
                sample = {"timestamp": now(), "sampledValue": values}
                await self.call(
                    "MeterValues", connectorId=1, transactionId=begun["transactionId"], meterValue=[sample]
                )
            await self.call(
                "StopTransaction",
                transactionId=begun["transactionId"],
                meterStop=int(self.meter),
                timestamp=now(),
                reason="Remote" if self.stop.is_set() else "Local",
            )
            await self.status("Available")
            print("stopped at", int(self.meter), "Wh")


async def main(address: str, key: str) -> None:
    login = base64.b64encode(f"{address.rsplit('/', 1)[1]}:{key}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    async with connect(address, subprotocols=["ocpp1.6"], additional_headers=headers) as socket:  # type: ignore[list-item]
        charge_point = ChargePoint(socket)
        listening = asyncio.create_task(charge_point.listen())
        print(
            await charge_point.call("BootNotification", chargePointVendor="Example", chargePointModel="One")
        )
        await charge_point.status("Available")
        await charge_point.charge("EXAMPLE", 10)
        while not listening.done():
            await asyncio.wait([listening], timeout=60)
            await charge_point.call("Heartbeat")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:3]))
    except InvalidStatus as refused:
        sys.exit(f"refused: {refused.response.status_code} {refused.response.body.decode()}")
    except (OSError, ConnectionClosed) as gone:
        sys.exit(f"no connection: {gone}")
    except KeyboardInterrupt:
        print("gone")
