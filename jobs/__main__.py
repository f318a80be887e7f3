"""`python -m jobs`: applies recorded webhooks, keeps the backend in step, and looks after the store."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from sqlalchemy import Engine

import log
import settings as configuration
from db.engine import make_engine
from jobs import metrics
from jobs.runs import Job, Runner
from jobs.scheduler import LOOK_EVERY, WallClock, announce, make_scheduler, plan_anew
from jobs.work import all_jobs
from ocpp_integration.backend import BackendClient
from ocpp_integration.backend_state import StoredState
from ocpp_integration.metrics import BackendMetrics

# A batch of webhooks makes many objects that live as long as it: to look for cycles among them time and again
# cost a fifth of applying it. What was there at the start stays.
_COLLECT_AFTER = (100_000, 50, 100)
# Whoever ends the process kills it after five or ten seconds.
STOP_WITHIN = 4.0


def main() -> int:
    try:
        settings = configuration.load()
    except configuration.ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    log.configure(settings.log_level, settings.log_format, settings.secrets)
    engine = make_engine(settings.database_url)
    registry = CollectorRegistry()
    backend = BackendClient(settings, watcher=StoredState(engine), observe=BackendMetrics(registry).observe)
    jobs = all_jobs(settings, engine, backend)
    if settings.jobs_metrics_port:
        ProcessCollector(registry=registry)
        try:
            metrics.serve(settings, registry)
        except configuration.ConfigurationError as error:
            print(error, file=sys.stderr)
            return 2
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    run_until(threading.Event(), engine, Runner(engine), jobs)
    return 0


def run_until(stop: threading.Event, engine: Engine, runner: Runner, jobs: Sequence[Job]) -> None:
    """Run `jobs` when they are due, until `stop` or a signal; what is under way then is cancelled."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with runner:
        scheduler = make_scheduler(runner, jobs)
        announce(engine, jobs)
        scheduler.start()
        told = ", ".join(f"{job.name} ({job.schedule})" for job in jobs)
        log_of_jobs = logging.getLogger("jobs")
        log_of_jobs.info("jobs run: %s", told)
        clock = WallClock()
        while not stop.wait(LOOK_EVERY):
            if clock.was_set_back():
                log_of_jobs.warning("the clock was set back: all jobs are planned anew")
                plan_anew(scheduler)
        runner.stop()
        scheduler.shutdown(wait=False)
        if not runner.wait(STOP_WITHIN):
            # Threads that hang on a network cannot be ended. What they had under way is rolled back.
            logging.shutdown()
            os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
