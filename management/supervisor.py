"""Keeps processes running: one that ends is started again, and none takes the others with it."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LONGEST_PAUSE = 30.0
# One that ran for so many seconds is well: its next end is the first again.
WELL_AFTER = 60.0
KILL_AFTER = 15.0
# What a process waits for at its first start may never come: it is started all the same.
START_WITHIN = 20.0
_NAP = 0.2

# Told of each line: of which process, or of none where the supervisor itself says it.
Tell = Callable[[str | None, str | bytes], None]


@dataclass
class _Kept:
    """A command, its process while that runs, how often it ended soon; `began` and `due` are monotonic."""

    command: str
    process: subprocess.Popen[bytes] | None = None
    began: float = 0
    failures: int = 0
    due: float | None = 0


def pause_after(failures: int) -> float:
    """Seconds until what ended soon so many times is started again."""
    return min(LONGEST_PAUSE, 2.0 ** min(failures - 1, 10))


class Supervisor:
    """`commands` by name, for a shell, run in `folder` until `end` is called, as any thread or signal may.

    A process with a question in `after` is started once that is answered with yes.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        tell: Tell,
        after: Mapping[str, Callable[[], bool]] | None = None,
        pause: Callable[[int], float] = pause_after,
    ) -> None:
        self._kept = {name: _Kept(command) for name, command in commands.items()}
        self._after = after or {}
        self._ready: set[str] = set()
        self._folder = folder
        self._environment = dict(environment)
        self._tell = tell
        self._pause = pause
        # A line of a process, None for its end; without a name it only wakes the loop. It may be put into by
        # a signal's handler.
        self._heard: queue.SimpleQueue[tuple[str | None, bytes | None]] = queue.SimpleQueue()
        self._is_ending = False

    def end(self) -> None:
        self._is_ending = True
        self._heard.put((None, None))

    def run(self) -> None:
        for name in self._after.keys() & self._kept.keys():
            self._kept[name].due = time.monotonic() + START_WITHIN
            threading.Thread(target=self._wait, args=(name,), daemon=True).start()
        while not self._is_ending:
            self._start_what_is_due()
            self._listen(self._next_due())
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + KILL_AFTER
        while self._running() and time.monotonic() < deadline:
            self._listen(deadline)
        self._send(signal.SIGKILL)
        while self._running():
            self._listen(None)

    def _running(self) -> list[str]:
        return [name for name, kept in self._kept.items() if kept.process is not None]

    def _next_due(self) -> float | None:
        return min((kept.due for kept in self._kept.values() if kept.due is not None), default=None)

    def _wait(self, name: str) -> None:
        """Ask what a process waits for at its first start, until that is so or it was started without."""
        while not (self._is_ending or self._kept[name].began):
            if self._after[name]():
                self._ready.add(name)
                return
            time.sleep(_NAP)

    def _start_what_is_due(self) -> None:
        for name, kept in self._kept.items():
            is_ready = name in self._ready and not kept.began
            if kept.due is not None and (is_ready or kept.due <= time.monotonic()):
                self._start(name, kept)

    def _start(self, name: str, kept: _Kept) -> None:
        # Without a shell in between, signals and the exit code are the process's own; in a session of its
        # own it does not hear Ctrl-C before we do.
        kept.process = subprocess.Popen(  # noqa: S602 - the Procfile is ours, its format the shell's
            f"exec {kept.command}",
            shell=True,
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        kept.began, kept.due = time.monotonic(), None
        self._tell(None, f"{name} started (pid {kept.process.pid})")
        threading.Thread(target=self._follow, args=(name, kept.process), daemon=True).start()

    def _follow(self, name: str, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            for line in process.stdout:
                self._heard.put((name, line))
            process.stdout.close()
        process.wait()
        self._heard.put((name, None))

    def _listen(self, until: float | None) -> None:
        """Take one thing that was heard, waiting for it at most `until` (monotonic), and not for long."""
        try:
            # Python's handler of a signal runs only where this thread wakes: it never sleeps for long.
            left = _NAP if until is None else min(_NAP, max(0, until - time.monotonic()))
            name, line = self._heard.get(timeout=left)
        except queue.Empty:
            return
        if line is not None:
            self._tell(name, line)
        elif name is not None:
            self._ended(name, self._kept[name])

    def _ended(self, name: str, kept: _Kept) -> None:
        code = kept.process.returncode if kept.process else None
        kept.process = None
        if self._is_ending:
            self._tell(None, f"{name} ended (exit code {code})")
            return
        now = time.monotonic()
        kept.failures = 1 if now - kept.began > WELL_AFTER else kept.failures + 1
        pause = self._pause(kept.failures)
        kept.due = now + pause
        self._tell(None, f"{name} ended by itself (exit code {code}); it starts again in {pause:g} s")

    def _send(self, number: signal.Signals) -> None:
        for name in self._running():
            if process := self._kept[name].process:
                self._tell(None, f"sending {number.name} to {name} (pid {process.pid})")
                process.send_signal(number)
