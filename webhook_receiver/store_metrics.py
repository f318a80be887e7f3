"""What the store knows and Prometheus wants to know, read when it asks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from db.backlog import Backlog, backlog
from db.engine import reading
from db.job_health import JobHealth, health_of_jobs
from webhook_receiver.bounded import Bounded

logger = logging.getLogger(__name__)

_WITHIN_SECONDS = 2.0


@dataclass(frozen=True)
class _Reading:
    backlog: Backlog
    lag: timedelta
    jobs: list[JobHealth]


class StoreCollector(Collector):
    """Backlog and jobs, one short read for each scrape. `mengedmate_store_up` is 0 where that fails."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]):
        def read() -> _Reading:
            now = clock()
            with reading(engine) as store:
                found = backlog(store)
                return _Reading(found, found.lag(now), health_of_jobs(store, now))

        self._read = Bounded("metrics of the store", read)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would else read the store when it is made, to learn the names."""
        return ()

    def collect(self) -> Iterable[Metric]:
        try:
            found = self._read.begin().result(_WITHIN_SECONDS)
        except (SQLAlchemyError, TimeoutError) as error:
            logger.warning("the store could not be read for metrics: %s", getattr(error, "orig", error))
            yield _up(0)
            return
        yield _up(1)
        yield from _backlog(found)
        yield from _jobs(found.jobs)


def _up(value: int) -> Metric:
    return GaugeMetricFamily("mengedmate_store_up", "Whether the store could be read", value=value)


def _backlog(found: _Reading) -> Iterable[Metric]:
    events = GaugeMetricFamily(
        "mengedmate_backlog_events",
        "Recorded webhooks that are not applied, by state; counted up to 100,000",
        labels=("state",),
    )
    for state in ("received", "waiting", "dead"):
        events.add_metric((state,), getattr(found.backlog, state))
    yield events
    yield GaugeMetricFamily(
        "mengedmate_apply_lag_seconds",
        "Age of the oldest webhook that is still to be applied",
        value=found.lag.total_seconds(),
    )


def _jobs(states: Iterable[JobHealth]) -> Iterable[Metric]:
    succeeded = GaugeMetricFamily(
        "mengedmate_job_last_success_timestamp_seconds", "When a run last ended well", labels=("job",)
    )
    took = GaugeMetricFamily(
        "mengedmate_job_last_duration_seconds", "Seconds that the last good run took", labels=("job",)
    )
    failed = GaugeMetricFamily(
        "mengedmate_job_failed_runs", "Runs that failed in the last 24 hours", labels=("job",)
    )
    late = GaugeMetricFamily(
        "mengedmate_job_late", "1 where the run that was due has not begun, else 0", labels=("job",)
    )
    due = GaugeMetricFamily(
        "mengedmate_job_next_due_timestamp_seconds", "When the next run should begin", labels=("job",)
    )
    for state in states:
        late.add_metric((state.name,), int(state.is_late))
        due.add_metric((state.name,), state.next_due.timestamp())
        if state.succeeded_at is not None and state.took is not None:
            succeeded.add_metric((state.name,), state.succeeded_at.timestamp())
            took.add_metric((state.name,), state.took.total_seconds())
        failed.add_metric((state.name,), state.failed_lately)
    return (late, due, succeeded, took, failed)
