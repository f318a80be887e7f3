"""The processes of this benchmark: on which core they run, and what they cost."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from settings import ROOT

_TICKS = os.sysconf("SC_CLK_TCK")
_ANSWERS_WITHIN = 20.0


@contextlib.contextmanager
def on_core(number: int) -> Iterator[None]:
    """What is started in here stays on this core, where the machine has more than one."""
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        os.sched_setaffinity(0, {sorted(before)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def module(name: str, port: int, *, core: int) -> Iterator[int]:
    """Run a module that listens on `port`; gives its process id once it does."""
    with on_core(core):
        process = subprocess.Popen([sys.executable, "-m", name, str(port)], cwd=ROOT)
    try:
        _wait_until_listening(port)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def load(
    plan: Mapping[str, Any], server: int, *, core: int, count: Callable[[], int] = lambda: 0
) -> dict[str, Any]:
    """Run the load to its end; its figures, and what the process `server` spent on it meanwhile.

    `cpu` is its share of a core, `rss_mb` its memory in the end and `counted` by how much `count` grew.
    """
    figures: dict[str, Any] = {}
    with on_core(core):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ocpp.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin as plan_file:
        json.dump(plan, plan_file)
        plan_file.close()
        spent, began, counted = 0.0, 0.0, 0
        for line in process.stdout:
            said = json.loads(line)
            if said["step"] == "begun":
                counted = count()
                spent, began = cpu_seconds(server), time.monotonic()
            if said["step"] == "ended":
                share = (cpu_seconds(server) - spent) / (time.monotonic() - began)
                figures |= {"cpu": round(share, 3), "rss_mb": rss_mb(server), "counted": count() - counted}
            figures[said.pop("step")] = said
    if process.returncode != 0:
        raise RuntimeError(f"the load failed after {sorted(figures)}")
    return figures


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat", encoding="utf-8") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_mb(process: int) -> float:
    with open(f"/proc/{process}/status", encoding="utf-8") as file:  # noqa: PTH123
        line = next(line for line in file if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + _ANSWERS_WITHIN
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
