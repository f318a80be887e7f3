"""A scheduler as a process of its own, whose one job writes down when it begins and ends.

`python scheduler_process.py DATABASE_URL JOURNAL`: slots of a second, runs of half a second, and two seconds
of silence until a holder is taken for dead.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

# As a program it has this folder on its path, and needs the one above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from db.engine import make_engine
from jobs.__main__ import run_until
from jobs.runs import Job, Outcome, Progress, Runner
from schedule import Schedule

TIMEOUT = timedelta(seconds=2)


def main(url: str, journal: Path) -> None:
    def note(word: str) -> None:
        with journal.open("a") as file:
            file.write(f"{time.monotonic()} {os.getpid()} {word}\n")

    def work(progress: Progress) -> Outcome:
        note("begin")
        for step in range(10):
            progress(step, 10)
            time.sleep(0.05)
        note("end")
        return Outcome(10)

    engine = make_engine(url)
    job = Job("count", work, Schedule(seconds=1))
    run_until(threading.Event(), engine, Runner(engine, heartbeat_timeout=TIMEOUT), [job])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
