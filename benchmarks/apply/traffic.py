"""A network's webhooks in the order of their arrival, and what must be known once they are applied."""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any
from uuid import UUID

import orjson

from db.inbox import RecordedEvent
from ocpp_integration.events import digest

BEGINNING = datetime(2026, 3, 10, 6, tzinfo=UTC)
CONNECTORS = 2
# Minor units of the currency for 1,000 Wh.
PRICE_MINOR = 1250
_EVERY = timedelta(seconds=30)
_LATE = 0.02


def station_name(number: int) -> str:
    return f"BENCH{number:04}"


@dataclass(frozen=True, order=True)
class Told:
    """A webhook that arrives `at` a time; `number` keeps those of the same instant in their order."""

    at: datetime
    number: int
    body: dict[str, Any] = field(compare=False)

    def recorded(self) -> RecordedEvent:
        raw = orjson.dumps(self.body)
        return RecordedEvent(
            event_key=str(UUID(int=self.number)),
            body_digest=digest(raw),
            type=self.body["type"],
            body=raw,
            received_at=self.at,
            station_id=self.body.get("station_id"),
            transaction_id=self.body.get("transaction_id"),
        )


def traffic(events: int, stations: int, seed: int = 1) -> list[Told]:
    """So many webhooks of stations that charge without a pause; some arrive late, the stop first."""
    numbers, transactions = count(1), count(1)
    lines = [
        _connector(random.Random(seed * 1_000_003 + each), each // CONNECTORS, each % CONNECTORS + 1)
        for each in range(stations * CONNECTORS)
    ]
    merged = heapq.merge(*(_told(line, numbers, transactions, seed + n) for n, line in enumerate(lines)))
    return sorted(islice(merged, events))


def _told(
    line: Iterable[tuple[datetime, dict[str, Any]]],
    numbers: Iterator[int],
    transactions: Iterator[int],
    seed: int,
) -> Iterator[Told]:
    chance = random.Random(seed)
    transaction_id = 0
    for at, body in line:
        if body["type"] == "session_started":
            transaction_id = next(transactions)
        if body["type"].startswith("session"):
            body["transaction_id"] = transaction_id
        late = timedelta(seconds=chance.uniform(30, 120) if chance.random() < _LATE else 0.2)
        yield Told(at + late, next(numbers), body)


def _connector(chance: random.Random, station: int, number: int) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """What one connector tells, session after session."""
    at = BEGINNING + timedelta(seconds=chance.uniform(0, 1200))
    register = chance.randrange(10**6)

    def body(kind: str, **data: Any) -> tuple[datetime, dict[str, Any]]:
        told = {"type": kind, "station_id": station_name(station), "timestamp": at.isoformat()}
        return at, told | {"data": {"connector_id": number, **data}}

    yield body("station_status", status="available", is_online=True, last_heartbeat=at.isoformat())
    while True:
        start = register
        yield body("connector_status", status="Preparing", error_code="NoError")
        at += timedelta(seconds=5)
        yield body("session_started", start_time=at.isoformat(), meter_start=start, id_tag=f"TAG{number}")
        yield body("connector_status", status="Charging", error_code="NoError")
        for _ in range(chance.randint(20, 60)):
            at += _EVERY
            power_w = chance.choice([0, 7400, 11_000, 22_000])
            register += power_w // 120
            yield body("session_progress", **_measured(at, register, start, power_w))
        at += timedelta(seconds=5)
        yield body("session_stopped", stop_time=at.isoformat(), meter_stop=register, stop_reason="Local")
        yield body("connector_status", status="Finishing", error_code="NoError")
        at += timedelta(seconds=chance.uniform(20, 200))
        yield body("connector_status", status="Available", error_code="NoError")
        at += timedelta(seconds=chance.uniform(20, 600))


def _measured(at: datetime, register: int, start: int, power_w: int) -> dict[str, Any]:
    values = (
        ("Energy.Active.Import.Register", register, "Wh"),
        ("Power.Active.Import", power_w, "W"),
        ("Voltage", 230, "V"),
    )
    return {
        "energy_consumed_kwh": (register - start) / 1000,
        "current_power_kw": power_w / 1000,
        "duration_seconds": 60,
        "estimated_cost": 1,
        "meter_values": [
            {"timestamp": at.isoformat(), "measurand": measurand, "value": str(value), "unit": unit}
            for measurand, value, unit in values
        ],
    }


# status, start, stop, energy in Wh, cost in minor units, highest power in W, number of meter values
Ended = tuple[str, datetime, datetime | None, int | None, int | None, int | None, int]


def expected(events: Iterable[Told]) -> dict[int, Ended]:
    """What each session must be, by the reports alone and whatever their order."""
    told: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if "transaction_id" in event.body:
            told[event.body["transaction_id"]].append(event.body)
    return {
        number: _session(sorted(reports, key=lambda report: report["timestamp"]))
        for number, reports in told.items()
    }


def _session(reports: list[dict[str, Any]]) -> Ended:
    """From a session's reports by their own time."""
    of = {kind: [r for r in reports if r["type"] == f"session_{kind}"] for kind in _KINDS}
    registers = [of["started"][0]["data"]["meter_start"]] if of["started"] else []
    registers += [of["stopped"][0]["data"]["meter_stop"]] if of["stopped"] else []
    measured = [round(r["data"]["energy_consumed_kwh"] * 1000) for r in of["progress"]]
    energy_wh = registers[1] - registers[0] if len(registers) == 2 else max(measured, default=None)
    stop = datetime.fromisoformat(of["stopped"][0]["timestamp"]) if of["stopped"] else None
    newest = "started" if reports[-1]["type"] == "session_started" else "charging"
    if newest == "charging" and not reports[-1]["data"].get("current_power_kw"):
        newest = "suspended"
    return (
        ("completed" if energy_wh else "failed") if stop else newest,
        datetime.fromisoformat((of["started"] or reports)[0]["timestamp"]),
        stop,
        energy_wh,
        None if energy_wh is None else (energy_wh * PRICE_MINOR + 500) // 1000,
        max((round(r["data"]["current_power_kw"] * 1000) for r in of["progress"]), default=None),
        sum(len(r["data"]["meter_values"]) for r in of["progress"]),
    )


_KINDS = ("started", "progress", "stopped")
