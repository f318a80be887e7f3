"""`make soak`: the whole product under trouble for twenty minutes, and whether its books still agree.

The demo's fleet is played 60 times as fast, with many times the usual cars and outages, against every process
under the supervisor. One of them is killed (-9) every 30 s, in turn; beside that the stores are locked, their
disk is full, backend and receiver answer nothing, and the clock of one process is a quarter of an hour wrong.
In the end the simulator's diary, the backend's store, the product's, its statistics and an exported CSV must
agree to the Wh and the minor unit, nothing may be open, and no process may have grown.

The last line is JSON; the exit code is 1 where anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, update
from sqlalchemy.exc import SQLAlchemyError

from benchmarks import books
from benchmarks.soak import troubles
from benchmarks.soak.clocks import Clocks
from benchmarks.soak.comparison import Comparison, compare
from benchmarks.soak.disk import Disk
from benchmarks.soak.memory import Growth, Sizes
from benchmarks.soak.processes import Processes, command
from benchmarks.soak.troubles import TROUBLES, Scene, why_not
from benchmarks.stack import Stack
from db.engine import writing
from db.models import Tariff, TariffAssignment
from management import demo
from simulator.fleet import load_fleet

SERVERS = ("backend", "receiver", "jobs", "dashboard")
KILLED = ("backend", "receiver", "simulator", "jobs", "dashboard")
_STEPPED = ("backend", "receiver", "jobs")
_SAMPLE_EVERY = 2.0
# More than any clock of the fleet is ahead by, in hours.
_LEFT_IN_THE_END = 0.25
_RUNS_TO_DELIVER, _RUN_SECONDS = 8, 8.0
_SHOWN = 40


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="soak") as made:
        folder = options.keep or Path(made)
        folder.mkdir(exist_ok=True)
        disk = Disk(folder / "disk")
        try:
            with Stack(folder, _settings(options, disk)) as stack:
                return _soak(stack, disk, options)
        finally:
            if options.keep:
                shutil.copytree(disk.folder, folder / "stores", dirs_exist_ok=True)
            disk.close()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="of real time")
    parser.add_argument("--speed", type=float, default=60, help="of simulated time")
    parser.add_argument("--traffic", type=float, default=20, help="so many times the cars")
    parser.add_argument("--trouble", type=float, default=20, help="so many times the outages")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a new folder for stores, logs and diary, which stays")
    return parser.parse_args(arguments)


def _settings(options: argparse.Namespace, disk: Disk) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{disk.folder / 'store.db'}",
        "OCPP_BACKEND_DATABASE_URL": f"sqlite:///{disk.folder / 'backend.db'}",
        "SIMULATOR_SPEED": str(options.speed),
        "SIMULATOR_HOURS": str(_hours(options)),
        "METER_INTERVAL": "60",
        "SYNC_SCHEDULE": "5",
        "ROLLUP_SCHEDULE": "60",
    }


def _hours(options: argparse.Namespace) -> float:
    """Simulated time comes close to now and does not reach it, while time runs `speed` times as fast.

    To a backend that dates by the arrival what is ahead of it, a clock that is some minutes ahead would seem
    to stand still then, as no real one does: what is charged in those minutes took no time, and is held back.
    """
    return float((options.speed - 1) * options.minutes / 60) + _LEFT_IN_THE_END


def _soak(stack: Stack, disk: Disk, options: argparse.Namespace) -> int:
    fleet = load_fleet(stack.settings.simulator_fleet)
    _make_network(stack, options)
    scene = Scene(stack, Processes(stack), disk, Clocks(stack.folder, _STEPPED))
    for name in SERVERS:
        scene.processes.start(name, command(name, scene.clocks.environment(name)))
    try:
        stations = {station.station_id for station in fleet.stations}
        books.until(
            "the stations are synced", _if_it_answers(lambda: books.known_stations(stack) == stations)
        )
        sizes = _play(scene, options)
        _deliver(stack, options)
        books.until("everything is applied", _if_it_answers(lambda: books.is_settled(stack)))
    finally:
        scene.processes.end()
    found = compare(stack, _diary(stack), fleet)
    return _report(options, found, sizes.growth(60 * options.minutes), scene.processes.starts)


def _if_it_answers(holds: Callable[[], bool]) -> Callable[[], bool]:
    """False while a process is not up (again), or a store not to be had."""

    def answered() -> bool:
        try:
            return holds()
        except (OSError, ValueError, SQLAlchemyError):
            return False

    return answered


def _make_network(stack: Stack, options: argparse.Namespace) -> None:
    """The demo's, whose prices per kWh hold all the time that is played."""
    demo.create(stack.engine, stack.settings, days=0)
    before = datetime.now(UTC) - timedelta(hours=_hours(options) + 48)
    with writing(stack.engine) as store:
        store.execute(delete(TariffAssignment))
        store.execute(update(Tariff).values(valid_from=before))


def _diary(stack: Stack) -> Path:
    return stack.folder / "diary.jsonl"


def _files(stack: Stack) -> tuple[str, ...]:
    return ("--diary", str(_diary(stack)), "--memory", str(stack.folder / "memory"))


def _play(scene: Scene, options: argparse.Namespace) -> Sizes:
    """Cars, kills and troubles for as long as asked for; how large the processes were meanwhile."""
    rates = ("--traffic", str(options.traffic), "--trouble", str(options.trouble))
    arguments = (str(time.time()), str(options.seed), *_files(scene.stack), *rates)
    scene.processes.start("simulator", command("benchmarks.soak.charge_points", {}, *arguments))
    sizes, begun, seconds = Sizes(), time.monotonic(), 60 * options.minutes
    disturbing = threading.Thread(target=_disturb, args=(scene, options, begun), daemon=True)
    disturbing.start()
    while (second := time.monotonic() - begun) < seconds:
        sizes.read(second, scene.processes.ids)
        time.sleep(_SAMPLE_EVERY)
    disturbing.join()
    scene.processes.end("simulator")
    return sizes


def _disturb(scene: Scene, options: argparse.Namespace, begun: float) -> None:
    def tell(what: str) -> None:
        print(f"{time.monotonic() - begun:7.1f} s  {what}", flush=True)

    for name in TROUBLES:
        if reason := why_not(scene, name):
            print(f"left out: {name}: {reason}", flush=True)
    possible = tuple(name for name in TROUBLES if not why_not(scene, name))
    planned = troubles.plan(60 * options.minutes, KILLED, possible, options.seed)
    with ThreadPoolExecutor() as happening:
        for each in planned:
            time.sleep(max(0.0, begun + each.begin - time.monotonic()))
            happening.submit(troubles.make, scene, each, begun, tell).add_done_callback(_raise)


def _raise(trouble: Future[None]) -> None:
    if error := trouble.exception():
        print(f"a trouble could not be made: {error!r}", flush=True)


def _deliver(stack: Stack, options: argparse.Namespace) -> None:
    """Charge points whose messages wait, as something was away, come back until all are answered."""
    for _ in range(_RUNS_TO_DELIVER):
        if not books.undelivered(_diary(stack)):
            return
        arguments = (*_files(stack), "--seed", str(options.seed), "--idle")
        stack.start("simulator", arguments=arguments, SIMULATOR_SPEED="1", SIMULATOR_HOURS="0")
        time.sleep(_RUN_SECONDS)
        stack.stop("simulator")


def _report(
    options: argparse.Namespace, found: Comparison, growth: Mapping[str, Growth], starts: Mapping[str, int]
) -> int:
    print(f"\n{found.transactions} transactions")
    for name, account in found.books.items():
        money = "" if account.minor is None else f"{account.minor / 100:>14,.2f}"
        print(f"  {name:<11}{account.energy_wh / 1000:>14,.3f} kWh {money}")
    for name, size in growth.items():
        told = f"{size.second_mb} MB in the second quarter, {size.last_mb} MB in the last"
        print(f"  {name:<11}{told}{'' if size.is_flat else ': IT GREW'}; started {starts[name]} times")
    for heading, lines in (("Books differ", found.differences), ("Still open", found.open)):
        if lines:
            print(f"{heading}: {len(lines)}", *lines[:_SHOWN], sep="\n  ")
    grown = [name for name, size in growth.items() if not size.is_flat]
    figures = {
        "minutes": options.minutes,
        "seed": options.seed,
        "transactions": found.transactions,
        "books": {name: asdict(account) for name, account in found.books.items()},
        "differences": len(found.differences),
        "open": len(found.open),
        "grown": grown,
        "memory_mb": {name: asdict(size) for name, size in growth.items()},
        "starts": dict(starts),
    }
    print(json.dumps({"benchmark": "soak", **figures}))
    return int(bool(found.differences or found.open or grown or not found.transactions))


if __name__ == "__main__":
    sys.exit(main())
