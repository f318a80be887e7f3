"""How many messages the backend validates, stores and answers, on one core.

500 charge points, half of OCPP 1.6 and half of 2.0.1, send a meter value each as fast as they are answered:
to a bare central system on the `ocpp` package that validates, answers and keeps nothing (the floor), then to
the backend. Server and load have a core each. Every message puts its webhook into the backend's outbox; from
there they go to a receiver that takes all of them and may lag behind: `delivered_per_s` says how fast.

Then `--reconnect` charge points come back at once (`reconnect_s`: until all are booted), and `--steady` ones
send a value every `--every` seconds (`steady_cpu`: the share of a core that this takes).
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks.ocpp.frames import SUBPROTOCOLS
from benchmarks.ocpp.process import load, module, on_core
from benchmarks.stack import Stack, free_ports
from benchmarks.targets import Target
from ocpp_backend import keys, stations
from ocpp_backend.clock import now
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.tables import outbox

_PATH = "/ws/ev-locator/"
_SERVER, _LOAD = 0, 1
_WARM_UP = 2.0


@dataclass(frozen=True)
class CentralSystem:
    """A central system under load: its port and process, and who may connect."""

    port: int
    process: int
    stations: list[tuple[str, str, str]]

    def flood(self, count: int, seconds: float, counted: Callable[[], int] = lambda: 0) -> dict[str, Any]:
        return self._run(count, counted, warm_up=_WARM_UP, seconds=seconds)

    def reconnect(self, count: int) -> dict[str, Any]:
        return self._run(count, warm_up=0, seconds=0, boot_only=True)

    def steady(self, count: int, seconds: float, every: float) -> dict[str, Any]:
        return self._run(count, warm_up=every, seconds=seconds, every=every)

    def _run(self, count: int, counted: Callable[[], int] = lambda: 0, **more: Any) -> dict[str, Any]:
        plan = {"port": self.port, "path": _PATH, "stations": self.stations[:count], **more}
        return load(plan, self.process, core=_LOAD, count=counted)


TARGETS = (
    Target("messages a second, of the floor's", "messages_per_s", ratio="ratio", at_least=2),
    Target("the same by the processor's time", "messages_per_s", ratio="ratio_by_cpu", at_least=2),
    Target("seconds until 1,000 are back", "reconnect_s", at_most=10),
    Target("share of a core that steady ones take", "steady_cpu", at_most=0.8),
)
QUICK = ("--stations", "200", "--seconds", "5", "--steady", "1000")


def main(arguments: list[str]) -> dict[str, Any]:
    options = _options(arguments)
    names = _stations(max(options.stations, options.reconnect, options.steady), options.versions)
    result = {} if options.no_floor else _floor(names, options)
    with tempfile.TemporaryDirectory() as folder, _backend(Path(folder), names, options) as (target, engine):
        result |= _flood(target, engine, options)
        if not options.no_floor:
            result |= _ratios(result)
        if options.reconnect:
            result["reconnect_s"] = target.reconnect(options.reconnect)["connected"]["seconds"]
        if options.steady:
            result |= _steady(target, options)
    return result


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks ocpp", description=__doc__)
    parser.add_argument("--stations", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=15, help="how long each part is measured")
    parser.add_argument("--versions", nargs="+", choices=SUBPROTOCOLS, default=SUBPROTOCOLS)
    parser.add_argument("--reconnect", type=int, default=1000, help="charge points that come back at once")
    parser.add_argument("--steady", type=int, default=5000, help="charge points of the steady part")
    parser.add_argument("--every", type=float, default=10, help="seconds between their values")
    parser.add_argument("--receiver-down", action="store_true", help="let webhooks wait in the outbox")
    parser.add_argument("--database", help="URL of an empty store; SQLite in a temporary folder by default")
    parser.add_argument("--no-floor", action="store_true")
    return parser.parse_args(arguments)


def _stations(count: int, subprotocols: list[str]) -> list[tuple[str, str, str]]:
    return [
        (f"BENCH{number:05}", subprotocols[number % len(subprotocols)], keys.fresh_key())
        for number in range(count)
    ]


def _floor(names: list[tuple[str, str, str]], options: argparse.Namespace) -> dict[str, Any]:
    (port,) = free_ports(1)
    with module("benchmarks.ocpp.floor", port, core=_SERVER) as process:
        figures = CentralSystem(port, process, names).flood(options.stations, options.seconds)
    return {
        "floor_messages_per_s": round(figures["ended"]["messages"] / options.seconds),
        "floor_cpu": figures["cpu"],
    }


def _flood(target: CentralSystem, engine: Engine, options: argparse.Namespace) -> dict[str, Any]:
    figures = target.flood(
        options.stations, options.seconds, lambda: _count(engine, outbox.c.state == "delivered")
    )
    stored = _count(engine, outbox.c.type == "session_progress")
    # In 2.0.1 the register of the start is a value, too.
    starts = sum(subprotocol == "ocpp2.0.1" for _, subprotocol, _ in target.stations[: options.stations])
    answered = figures["answered"]["messages"] + starts
    assert stored == answered, f"{stored} stored of {answered} answered"
    return {
        "messages_per_s": round(figures["ended"]["messages"] / options.seconds),
        "p99_ms": figures["ended"]["p99_ms"],
        "rss_mb": figures["rss_mb"],
        "cpu": figures["cpu"],
        "delivered_per_s": round(figures["counted"] / options.seconds),
    }


def _ratios(result: dict[str, Any]) -> dict[str, Any]:
    """Backend to floor, by the clock and by the time of the processor that a message took.

    The second says what the first would be if nothing else ran on the machine and its disk were idle.
    """
    by_clock = result["messages_per_s"] / result["floor_messages_per_s"]
    by_cpu = by_clock * result["floor_cpu"] / result["cpu"]
    return {"ratio": round(by_clock, 2), "ratio_by_cpu": round(by_cpu, 2)}


def _steady(target: CentralSystem, options: argparse.Namespace) -> dict[str, Any]:
    figures = target.steady(options.steady, options.seconds, options.every)
    return {
        "steady_messages_per_s": round(figures["ended"]["messages"] / options.seconds),
        "steady_p99_ms": figures["ended"]["p99_ms"],
        "steady_rss_mb": figures["rss_mb"],
        "steady_cpu": figures["cpu"],
    }


def _count(engine: Engine, condition: Any) -> int:
    with engine.connect() as db:
        return int(db.execute(select(func.count()).select_from(outbox).where(condition)).scalar_one())


@contextlib.contextmanager
def _backend(
    folder: Path, names: list[tuple[str, str, str]], options: argparse.Namespace
) -> Iterator[tuple[CentralSystem, Engine]]:
    """The backend's real process, which knows these stations and their keys."""
    (port,) = free_ports(1)
    overrides = {"OCPP_WEBHOOK_URL": f"http://127.0.0.1:{port}/", "LOG_LEVEL": "WARNING"}
    if options.database:
        overrides["OCPP_BACKEND_DATABASE_URL"] = options.database
    with contextlib.ExitStack() as running:
        if not options.receiver_down:
            running.enter_context(module("benchmarks.ocpp.sink", port, core=_LOAD))
        stack = running.enter_context(Stack(folder, overrides))
        _register(stack, names)
        with on_core(_SERVER):
            stack.start("backend")
        engine = open_engine(stack.settings.ocpp_backend_database_url)
        running.callback(engine.dispose)
        yield CentralSystem(stack.settings.ocpp_backend_port, stack.process_id("backend"), names), engine


def _register(stack: Stack, names: list[tuple[str, str, str]]) -> None:
    url = stack.settings.ocpp_backend_database_url
    engine = open_engine(url)
    create_tables(engine, now())
    connector = {"connector_id": 1, "connector_type": "ccs2", "max_power_w": 60_000}
    with engine.execution_options(writes=True).begin() as db:
        for name, _, _ in names:
            stations.sync(db, name, {"name": name}, [connector], now())
    engine.dispose()
    keys.store_keys(url, {name: key for name, _, key in names})
