"""A network in which everything goes wrong, and whether every watt-hour of it is accounted for.

The demo's fleet is played for an hour (60 times as fast) with many times the usual cars and outages.
Meanwhile the backend is killed, as a power cut would, at random moments, and charge points are reset,
unlocked, taken out of service and started from afar. In the end the simulator's diary, the backend's store
and the product's store must hold the same energy for each transaction, and nothing that the diary closed may
be open.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from benchmarks import books
from benchmarks.books import Held, Key
from benchmarks.stack import Stack
from benchmarks.targets import Target
from management import demo
from simulator.fleet import load_fleet

_LAST_KILL_AT = 0.85
# The simulator may end before everything was answered; it remembers, as charge points do.
_MOST_RUNS_TO_DELIVER = 5
_RUN_TO_DELIVER_SECONDS = 5.0

_COMMAND_EVERY_SECONDS = 1.5
_ORDER = {"connector_id": 1, "user_id": "1", "payment_transaction_id": "1", "payment_method": "qr_code"}
_COMMANDS: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("initiate-charging", _ORDER),
    ("initiate-charging", _ORDER),
    ("reset", {"type": "soft"}),
    ("reset", {"type": "hard"}),
    ("unlock-connector", {"connector_id": 1}),
    ("trigger-message", {"message": "MeterValues", "connector_id": 1}),
    ("trigger-message", {"message": "StatusNotification"}),
    ("change-availability", {"connector_id": 1, "operative": False}),
    ("change-availability", {"connector_id": 1, "operative": True}),
)

TARGETS = (
    Target("transactions that differ", "differences", at_most=0),
    Target("transactions still open", "open", at_most=0),
)
QUICK = ("--minutes", "15", "--kills", "1")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="of simulated time")
    parser.add_argument("--speed", type=float, default=60)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--traffic", type=float, default=20, help="so many times the cars")
    parser.add_argument("--trouble", type=float, default=60, help="so many times the outages")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), _settings(options)) as stack:
        return run(stack, options)


def _settings(options: argparse.Namespace) -> dict[str, str]:
    return {
        "SIMULATOR_SPEED": str(options.speed),
        "SIMULATOR_HOURS": str(options.minutes / 60),
        "TIMEZONE": _where_it_is_noon(),
        "METER_INTERVAL": "30",
        "SYNC_SCHEDULE": "2",
    }


def _where_it_is_noon() -> str:
    """A time zone in which cars come now, whenever this runs."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


def run(stack: Stack, options: argparse.Namespace) -> dict[str, Any]:
    """Play, kill, settle, compare. The figures of the last."""
    demo.create(stack.engine, stack.settings, days=0)
    stack.start("backend", "receiver", "jobs")
    books.until("the stations are synced", lambda: books.known_stations(stack) == _stations(stack))
    diary = stack.folder / "diary.jsonl"
    stack.start("simulator", arguments=_simulator(stack, diary, options))
    kills = _disturb(stack, options)
    stack.stop("simulator")
    for _ in range(_MOST_RUNS_TO_DELIVER):
        if books.undelivered(diary):
            idle = (*_simulator(stack, diary, options), "--idle")
            stack.start("simulator", arguments=idle, SIMULATOR_SPEED="1", SIMULATOR_HOURS="0")
            time.sleep(_RUN_TO_DELIVER_SECONDS)
            stack.stop("simulator")
    books.until("everything is applied", lambda: books.is_settled(stack))
    return _compare(stack, books.diary(diary)) | {"kills": kills}


def _simulator(stack: Stack, diary: Path, options: argparse.Namespace) -> tuple[str, ...]:
    values = {
        "--diary": diary,
        "--memory": stack.folder / "memory",
        "--seed": options.seed,
        "--traffic": options.traffic,
        "--trouble": options.trouble,
    }
    return tuple(str(part) for pair in values.items() for part in pair)


def _disturb(stack: Stack, options: argparse.Namespace) -> int:
    """Kill the backend at random moments, send commands in between, until simulated time is the real one."""
    seconds = 60 * options.minutes / max(1, options.speed - 1)
    rng = random.Random(options.seed)
    kills = [(rng.uniform(0.1, _LAST_KILL_AT) * seconds, _kill) for _ in range(options.kills)]
    commands = [(moment, _command) for moment in _every(_COMMAND_EVERY_SECONDS, seconds)]
    begun = time.monotonic()
    for moment, happens in sorted([*kills, *commands], key=itemgetter(0)):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        happens(stack, rng)
    time.sleep(max(0.0, begun + seconds - time.monotonic()))
    return len(kills)


def _every(step: float, end: float) -> list[float]:
    return [number * step for number in range(1, int(end / step))]


def _kill(stack: Stack, _rng: random.Random) -> None:
    stack.kill("backend")
    stack.start("backend")


def _command(stack: Stack, rng: random.Random) -> None:
    """A command to a charge point; one that cannot take it says so, and that is well."""
    station = rng.choice(sorted(_stations(stack)))
    name, body = rng.choice(_COMMANDS)
    path = f"/api/locator/stations/{station}/commands/{name}/"
    if name == "initiate-charging":
        path, body = "/api/locator/initiate-charging/", {**body, "station_id": station}
    books.ask(stack, path, body)


def _compare(stack: Stack, diary: Mapping[Key, Mapping[str, Any]]) -> dict[str, Any]:
    backend, numbers = books.backend(stack)
    kept = books.product(stack)
    product = {key: kept[number] for key, number in numbers.items() if number in kept}
    wanted = {key: Held(entry["energy_wh"], is_open=False) for key, entry in diary.items()}
    different = [key for key in wanted.keys() | backend.keys() if not _agree(key, wanted, backend, product)]
    for key in different:
        print(f"{key}: {wanted.get(key)}, backend {backend.get(key)}, product {product.get(key)}")
    return {
        "transactions": len(wanted),
        "diary_wh": _sum(wanted),
        "backend_wh": _sum(backend),
        "product_wh": _sum(product),
        "differences": len(different),
        "open": sum(held.is_open for held in [*backend.values(), *product.values()]),
    }


def _agree(key: Key, *stores: Mapping[Key, Held]) -> bool:
    return len({store[key].energy_wh if key in store else None for store in stores}) == 1


def _sum(held: Mapping[Key, Held]) -> int:
    return sum(one.energy_wh or 0 for one in held.values())


def _stations(stack: Stack) -> set[str]:
    return {station.station_id for station in load_fleet(stack.settings.simulator_fleet).stations}
