"""`python -m jobs`: applies recorded webhooks, syncs stations, polls sessions, checks the statistics."""

from __future__ import annotations

import logging
import signal
import sys
import threading

from prometheus_client import CollectorRegistry, ProcessCollector

import log
import settings as configuration
from db.engine import make_engine
from db.models import utc_now
from jobs import metrics
from jobs.runs import record_start
from jobs.scheduler import make_scheduler
from jobs.work import all_jobs
from ocpp_integration.backend import BackendClient
from ocpp_integration.metrics import BackendMetrics


def main() -> int:
    try:
        settings = configuration.load()
    except configuration.ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    log.configure(settings.log_level, settings.log_format, settings.secrets)
    engine = make_engine(settings.database_url)
    registry = CollectorRegistry()
    backend = BackendClient(settings, observe=BackendMetrics(registry).observe)
    jobs = all_jobs(settings, engine, backend)
    if settings.jobs_metrics_port:
        ProcessCollector(registry=registry)
        try:
            metrics.serve(settings, registry)
        except configuration.ConfigurationError as error:
            print(error, file=sys.stderr)
            return 2
    scheduler = make_scheduler(engine, jobs)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    scheduler.start()
    record_start(engine, utc_now())
    logging.getLogger("jobs").info("jobs run: %s", ", ".join(job.name for job in jobs))
    stop.wait()
    # Lets the runs under way come to their end; each is short.
    scheduler.shutdown(wait=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
