"""What goes wrong during a soak: a table of troubles, each real, each over after some seconds."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from benchmarks.soak.clocks import Clocks
from benchmarks.soak.disk import Disk
from benchmarks.soak.processes import Processes
from benchmarks.stack import Stack

KILL_EVERY = 30.0
TROUBLE_EVERY = 35.0
# A charge point sends a message three times within half a minute, and gives it up then, as OCPP lets it.
_SECONDS = (8.0, 18.0)
# Beyond the five minutes by which signatures and charge points' clocks may be wrong.
_STEP_SECONDS = 900


@dataclass(frozen=True)
class Scene:
    """What troubles can be made with."""

    stack: Stack
    processes: Processes
    disk: Disk
    clocks: Clocks


Trouble = Callable[[Scene], AbstractContextManager[None]]


def _locked(database: str) -> Trouble:
    @contextmanager
    def locked(scene: Scene) -> Iterator[None]:
        store = sqlite3.connect(scene.disk.folder / database, timeout=30, isolation_level=None)
        try:
            store.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            store.close()

    return locked


@contextmanager
def _full(scene: Scene) -> Iterator[None]:
    scene.disk.fill()
    try:
        yield
    finally:
        scene.disk.empty()


def _frozen(name: str) -> Trouble:
    """It takes connections and answers nothing."""

    @contextmanager
    def frozen(scene: Scene) -> Iterator[None]:
        scene.processes.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            scene.processes.signal(name, signal.SIGCONT)

    return frozen


def _stepped(name: str, seconds: int) -> Trouble:
    @contextmanager
    def stepped(scene: Scene) -> Iterator[None]:
        scene.clocks.set(name, seconds)
        try:
            yield
        finally:
            scene.clocks.set(name, 0)

    return stepped


TROUBLES: Mapping[str, Trouble] = {
    "product's store locked": _locked("store.db"),
    "disk full": _full,
    "backend unreachable": _frozen("backend"),
    "receiver's clock ahead": _stepped("receiver", _STEP_SECONDS),
    "backend's store locked": _locked("backend.db"),
    "receiver unreachable": _frozen("receiver"),
    "jobs' clock ahead": _stepped("jobs", _STEP_SECONDS),
    "jobs' clock behind": _stepped("jobs", -_STEP_SECONDS),
    "backend's clock behind": _stepped("backend", -_STEP_SECONDS),
    "backend's clock ahead": _stepped("backend", _STEP_SECONDS),
}


def why_not(scene: Scene, name: str) -> str:
    """Why this trouble cannot be made here; nothing where it can."""
    if name == "disk full":
        return scene.disk.why_not
    return scene.clocks.why_not if "clock" in name else ""


@dataclass(frozen=True)
class Planned:
    """From `begin` to `end`, in seconds since the start. Of a kill, `name` is the process."""

    begin: float
    end: float
    name: str
    is_kill: bool = False


def plan(seconds: float, processes: tuple[str, ...], troubles: tuple[str, ...], seed: int) -> list[Planned]:
    """A process killed every 30 s in turn, and other troubles in turn beside, none at the very end: charge
    points that are killed there would not come back to end what runs.
    """
    rng = random.Random(seed)
    kills = [
        Planned(moment, moment, processes[number % len(processes)], is_kill=True)
        for number, moment in enumerate(_every(KILL_EVERY, seconds - KILL_EVERY / 2))
    ]
    others = [
        Planned(moment - TROUBLE_EVERY / 2, moment - TROUBLE_EVERY / 2 + rng.uniform(*_SECONDS), name)
        for moment, name in zip(_every(TROUBLE_EVERY, seconds), _in_turn(troubles), strict=False)
    ]
    return sorted([*kills, *others], key=lambda planned: planned.begin)


def _every(step: float, end: float) -> list[float]:
    return [number * step for number in range(1, int(end / step) + 1)]


def _in_turn(names: tuple[str, ...]) -> Iterator[str]:
    while names:
        yield from names


def make(scene: Scene, planned: Planned, begun: float, tell: Callable[[str], None]) -> None:
    """Have it happen, from now to its end by the monotonic clock that was `begun` at the start."""
    tell(f"{'kill -9 ' if planned.is_kill else ''}{planned.name}")
    if planned.is_kill:
        scene.processes.signal(planned.name, signal.SIGKILL)
        return
    with TROUBLES[planned.name](scene):
        time.sleep(max(0.0, begun + planned.end - time.monotonic()))
    tell(f"{planned.name}: over")
