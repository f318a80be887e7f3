"""The processes under a supervisor, as an operator runs them: what is killed comes back by itself."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping

from benchmarks.stack import MODULES, Stack
from management.supervisor import Supervisor
from settings import ROOT

_STARTED = re.compile(r"(\w+) started \(pid (\d+)\)")


class Processes:
    """Each of the stack's processes under a supervisor, its output in `<name>.log` of the stack's folder."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.ids: dict[str, int] = {}
        self.starts: Counter[str] = Counter()
        self._supervisors: dict[str, tuple[Supervisor, threading.Thread]] = {}

    def start(self, name: str, command: str) -> None:
        """Begin to keep a process running."""
        supervisor = Supervisor(
            {name: command}, folder=ROOT, environment=self._stack.environment, tell=self._hear
        )
        thread = threading.Thread(target=supervisor.run, daemon=True)
        self._supervisors[name] = supervisor, thread
        thread.start()

    def end(self, *names: str) -> None:
        """End these processes for good; all of them where none is named."""
        chosen = [self._supervisors.pop(name) for name in names or tuple(self._supervisors)]
        for supervisor, _ in chosen:
            supervisor.end()
        for _, thread in chosen:
            thread.join()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Where it has just ended there is nothing to send to."""
        with contextlib.suppress(ProcessLookupError, KeyError):
            os.kill(self.ids[name], number)

    def _hear(self, name: str | None, line: str | bytes) -> None:
        text = line if isinstance(line, str) else line.decode(errors="replace").rstrip()
        if name is None and (started := _STARTED.match(text)):
            self.ids[started[1]] = int(started[2])
            self.starts[started[1]] += 1
        with (self._stack.folder / f"{name or 'supervisor'}.log").open("a", encoding="utf-8") as file:
            print(f"{time.time():.1f} {text}" if name is None else text, file=file)


def command(name: str, environment: Mapping[str, str], *arguments: str) -> str:
    """For the supervisor's shell."""
    variables = [f"{key}={value}" for key, value in environment.items()]
    return shlex.join(["env", *variables, sys.executable, "-m", MODULES.get(name, name), *arguments])
