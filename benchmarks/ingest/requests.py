"""What the load sends: signed requests as bytes, made before the clock runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from ocpp_integration import events

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"  # noqa: S105 - of a server that lives for a minute


@dataclass(frozen=True)
class Request:
    """`event_ids` are those of the events in it, in order; `wire` is the whole of it."""

    event_ids: list[str]
    wire: bytes


def singles(path: str, run: str, count: int) -> Iterator[Request]:
    for number in range(count):
        event_id = f"{run}-{number}"
        yield Request([event_id], _wire(path, event_id, _event(event_id, number)))


def batches(path: str, run: str, count: int, size: int) -> Iterator[Request]:
    """Arrays of `size` events, `count` events in all."""
    for first in range(0, count, size):
        numbers = range(first, min(first + size, count))
        ids = [f"{run}-{number}" for number in numbers]
        body = b",".join(_event(event_id, number) for event_id, number in zip(ids, numbers, strict=True))
        yield Request(ids, _wire(path, f"{run}-batch-{first}", b"[" + body + b"]"))


def _event(event_id: str, number: int) -> bytes:
    """A `session_progress` as the embedded backend sends it, of one of 500 sessions."""
    now = datetime.now(UTC).isoformat()
    return orjson.dumps(
        {
            "type": "session_progress",
            "event_id": event_id,
            "station_id": f"STATION_{number % 500}",
            "transaction_id": 1 + number % 500,
            "timestamp": now,
            "data": {
                "energy_consumed_kwh": f"{number % 60_000 / 1000:.3f}",
                "current_power_kw": "50.000",
                "duration_seconds": number % 3600,
                "soc_percent": number % 100,
                "connector_id": 1,
                "meter_values": [
                    {
                        "timestamp": now,
                        "measurand": "energy_active_import_register",
                        "value": str(1_000_000 + number),
                        "unit": "Wh",
                        "context": "Sample.Periodic",
                    }
                ],
            },
        }
    )


def _wire(path: str, message_id: str, body: bytes) -> bytes:
    headers = events.sign([SECRET], message_id, body.decode(), datetime.now(UTC))
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
