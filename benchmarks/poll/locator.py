"""A backend that answers every question about a session after some latency.

`python -m benchmarks.poll.locator PORT MILLISECONDS ENERGY_KWH`
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

_NUMBER = re.compile(rb"GET /api/locator/session/(\d+)/ ")


def _session(number: int, energy_kwh: float) -> bytes:
    told = {
        "transaction_id": number,
        "status": "Charging",
        "connector_id": 1,
        "id_tag": "BENCH",
        "start_time": "2026-03-10T12:00:00Z",
        "meter_start": 1000,
        "duration_seconds": 1800,
        "energy_consumed_kwh": energy_kwh,
        "current_power_kw": 22.0,
        "estimated_cost": 72.5,
        "soc_percent": 55.0,
        "meter_values": [],
    }
    body = json.dumps({"session_data": told}).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Locator(asyncio.Protocol):
    latency = 0.0
    energy_kwh = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        # One request at a time comes over a connection, in one piece.
        found = _NUMBER.match(data)
        answer = _session(int(found[1]) if found else 0, self.energy_kwh)
        asyncio.get_running_loop().call_later(self.latency, self._transport.write, answer)


async def run(port: int, latency: float, energy_kwh: float) -> None:
    Locator.latency, Locator.energy_kwh = latency, energy_kwh
    server = await asyncio.get_running_loop().create_server(Locator, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), float(sys.argv[2]) / 1000, float(sys.argv[3])))
