"""APScheduler with our jobs. Its own store is memory: what ran when stands in the `job_runs` table."""

from __future__ import annotations

from collections.abc import Sequence

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from db.models import utc_now
from jobs.runs import Job, run_job


def make_scheduler(engine: Engine, jobs: Sequence[Job]) -> BackgroundScheduler:
    """A scheduler that runs each job at its interval, never two runs of one job at once."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(len(jobs))},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
    )
    for job in jobs:
        scheduler.add_job(
            run_job, "interval", (engine, job), seconds=job.seconds, id=job.name, next_run_time=utc_now()
        )
    return scheduler
