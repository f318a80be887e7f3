"""Several schedulers on one store, as processes: one is killed in mid-run, one is asked to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import factories
import pytest
from locator import running_locator, silence
from sqlalchemy import Engine, select

from db.engine import reading, writing
from db.models import JobRun
from settings import ROOT

SCRIPT = Path(__file__).with_name("scheduler_process.py")
SECONDS = 12.0


@dataclass(frozen=True)
class Entry:
    at: float
    pid: int
    word: str


@dataclass
class Hosts:
    engine: Engine
    journal: Path
    processes: list[subprocess.Popen[bytes]]

    def start(self, count: int) -> None:
        url = self.engine.url.render_as_string(hide_password=False)
        for _ in range(count):
            self.processes.append(subprocess.Popen([sys.executable, str(SCRIPT), url, str(self.journal)]))

    def entries(self) -> list[Entry]:
        if not self.journal.exists():
            return []
        lines = (line.split() for line in self.journal.read_text().splitlines())
        return [Entry(float(at), int(pid), word) for at, pid, word in lines]

    def runs(self) -> list[JobRun]:
        with reading(self.engine) as store:
            return list(store.scalars(select(JobRun).order_by(JobRun.slot, JobRun.attempt)))

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not reached():
            assert time.monotonic() < deadline, "it did not come to that"
            time.sleep(0.01)

    def in_the_middle(self) -> int:
        """The process that is at work now, as soon as one has begun."""
        known = len(self.entries())
        self.until(lambda: len(self.entries()) > known and self.entries()[-1].word == "begin")
        return self.entries()[-1].pid

    def end(self) -> list[int]:
        """The exit codes, once all have ended by themselves."""
        for process in self.processes:
            process.terminate()
        return [process.wait(10) for process in self.processes]


@pytest.fixture
def hosts(engine: Engine, tmp_path: Path) -> Iterator[Hosts]:
    hosts = Hosts(engine, tmp_path / "journal", [])
    yield hosts
    for process in hosts.processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def _do_not_overlap(entries: list[Entry], killed: int) -> bool:
    """Whether each run ended before the next began; the killed process's last never ended."""
    words = [e.word for e in entries]
    for position, (word, entry) in enumerate(zip(words, entries, strict=True)):
        following = entries[position + 1 : position + 2]
        if word == "begin" and following and (following[0].word, following[0].pid) != ("end", entry.pid):
            cut_short = entry.pid == killed or entry.pid not in {e.pid for e in entries[position + 1 :]}
            if not cut_short:
                return False
    return True


def test_each_slot_runs_once_on_three_hosts_though_one_is_killed_in_the_middle(hosts: Hosts) -> None:
    hosts.start(3)
    hosts.until(lambda: sum(entry.word == "end" for entry in hosts.entries()) >= 3)
    killed = hosts.in_the_middle()
    os.kill(killed, signal.SIGKILL)
    hosts.until(lambda: any(run.state == "lost" for run in hosts.runs()))
    over = time.monotonic() + SECONDS
    hosts.until(lambda: time.monotonic() > over)
    codes = hosts.end()
    runs = hosts.runs()
    done = [run.slot for run in runs if run.state == "done"]
    lost = [run for run in runs if run.state == "lost"]
    assert (len(done), len(lost), done.count(lost[0].slot)) == (len(set(done)), 1, 1)
    # What ran, ran as often as the rows say; at the end one may have been cancelled.
    assert sum(entry.word == "end" for entry in hosts.entries()) == len(done)
    assert _do_not_overlap(hosts.entries(), killed)
    assert "running" not in {run.state for run in runs}
    assert sorted(codes) == [-signal.SIGKILL, 0, 0]


def test_a_host_that_is_asked_to_end_cancels_its_run_and_another_host_does_the_slot(hosts: Hosts) -> None:
    hosts.start(2)
    asked = hosts.in_the_middle()
    os.kill(asked, signal.SIGTERM)
    hosts.until(lambda: any(run.state == "cancelled" for run in hosts.runs()))
    (cancelled,) = (run for run in hosts.runs() if run.state == "cancelled")

    def is_done_by_another() -> bool:
        return any(run.slot == cancelled.slot and run.state == "done" for run in hosts.runs())

    hosts.until(is_done_by_another)
    (ended,) = (process for process in hosts.processes if process.pid == asked)
    assert ended.wait(10) == 0


def test_a_process_whose_job_hangs_on_the_network_ends_all_the_same(hosts: Hosts) -> None:
    with writing(hosts.engine) as store:
        factories.add_station(store, factories.add_owner(store))
    with running_locator() as locator:
        locator.answer(silence(locator))
        told = {
            "DATABASE_URL": hosts.engine.url.render_as_string(hide_password=False),
            "OCPP_BASE_URL": locator.url,
            "OCPP_TIMEOUT": "60",
        }
        process = subprocess.Popen([sys.executable, "-m", "jobs"], cwd=ROOT, env=os.environ | told)
        hosts.processes.append(process)
        hosts.until(lambda: "/api/locator/sync-station/" in locator.paths())
        process.terminate()
        assert process.wait(10) == 0
    (run,) = (run for run in hosts.runs() if run.job == "sync" and run.attempt == 1)
    assert (run.state, "in the middle of its work" in (run.error or "")) == ("cancelled", True)
