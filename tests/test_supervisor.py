"""Processes are kept running: what ends is started again, what others do is no matter of it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from management import processes
from management.supervisor import LONGEST_PAUSE, Supervisor, pause_after

_LIVES = "import time; print('alive', flush=True); time.sleep(600)"
_DIES = "print('dying', flush=True); raise SystemExit(3)"
_DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('alive', flush=True); time.sleep(600)"


class Running:
    """A supervisor in a thread, and what it tells: (process or None, line)."""

    def __init__(
        self,
        folder: Path,
        *,
        pause: float = 0.05,
        after: Mapping[str, Callable[[], bool]] | None = None,
        **programs: str,
    ) -> None:
        self.told: list[tuple[str | None, str]] = []
        self._heard = threading.Condition()
        self.supervisor = Supervisor(
            {name: shlex.join((sys.executable, "-c", program)) for name, program in programs.items()},
            folder=folder,
            environment=os.environ,
            tell=self._tell,
            after=after,
            pause=lambda _: pause,
        )
        self.thread = threading.Thread(target=self.supervisor.run)
        self.thread.start()

    def _tell(self, name: str | None, line: str | bytes) -> None:
        with self._heard:
            self.told.append((name, line.decode().strip() if isinstance(line, bytes) else line))
            self._heard.notify_all()

    def until(self, line: str, times: int = 1, of: str | None = None) -> list[str]:
        """Wait until so many lines that match were told; returns them."""
        with self._heard:
            assert self._heard.wait_for(lambda: len(self._matching(line, of)) >= times, timeout=60), self.told
            return self._matching(line, of)

    def _matching(self, line: str, of: str | None) -> list[str]:
        return [told for name, told in self.told if name == of and re.search(line, told)]

    def pid(self, name: str) -> int:
        return int(self.until(rf"^{name} started")[-1].rpartition("pid ")[2].rstrip(")"))

    def end(self) -> None:
        self.supervisor.end()
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, backend=_LIVES, dashboard=_LIVES)
    for name in ("backend", "dashboard"):
        running.until("alive", of=name)
    yield running
    running.end()


def test_a_killed_process_is_started_again_and_the_others_stay(two: Running) -> None:
    dashboard = two.pid("dashboard")
    os.kill(two.pid("backend"), signal.SIGKILL)
    two.until("alive", times=2, of="backend")
    assert two.until("backend ended") == ["backend ended by itself (exit code -9); it starts again in 0.05 s"]
    os.kill(dashboard, 0)
    assert len(two.until("^dashboard started")) == 1


def test_a_process_that_always_fails_is_tried_on_and_the_others_stay(tmp_path: Path) -> None:
    running = Running(tmp_path, backend=_DIES, dashboard=_LIVES)
    running.until("dying", times=3, of="backend")
    assert len(running.until("^dashboard started")) == 1
    running.end()


def test_what_keeps_ending_waits_longer_each_time_up_to_a_bound() -> None:
    assert [pause_after(failures) for failures in (1, 2, 3, 50)] == [1, 2, 4, LONGEST_PAUSE]


def test_the_end_ends_every_process_and_starts_none(two: Running) -> None:
    pids = [two.pid(name) for name in ("backend", "dashboard")]
    two.end()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert sorted(two.until("ended", times=2)) == [
        f"{name} ended (exit code -15)" for name in ("backend", "dashboard")
    ]


def test_a_process_that_does_not_hear_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("management.supervisor.KILL_AFTER", 0.1)
    running = Running(tmp_path, backend=_DEAF)
    running.until("alive", of="backend")
    running.end()
    assert running.until("ended") == ["backend ended (exit code -9)"]


def test_a_process_is_first_started_once_what_it_waits_for_is_there(tmp_path: Path) -> None:
    is_there = threading.Event()
    running = Running(tmp_path, after={"jobs": is_there.is_set}, jobs=_DIES, backend=_LIVES)
    running.until("alive", of="backend")
    assert not any("jobs started" in line for _, line in running.told)
    is_there.set()
    running.until("^jobs started")
    is_there.clear()
    # What ends is started again whether or not that is still there.
    running.until("dying", times=3, of="jobs")
    running.end()


def test_a_process_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("management.supervisor.START_WITHIN", 0.1)
    running = Running(tmp_path, after={"jobs": lambda: False}, jobs=_LIVES)
    running.until("alive", of="jobs")
    running.end()


def test_the_end_of_a_pause_is_not_waited_for(tmp_path: Path) -> None:
    running = Running(tmp_path, pause=3600, backend=_DIES)
    running.until("starts again in 3600 s")
    running.end()


def test_lines_carry_the_name_of_their_process(capsys: pytest.CaptureFixture[str]) -> None:
    tell = processes._printing(["backend"])
    tell("backend", b"hello\n")
    tell(None, "backend started (pid 7)")
    said = [line.partition(" ")[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["backend | hello", "system  | backend started (pid 7)"]
