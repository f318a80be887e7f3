"""What admins look after: jobs, and what the OCPP backend was told of stations."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard import resources
from dashboard.loading.kept import kept
from db.engine import reading
from db.job_states import JobState
from db.job_states import history as runs_of_job
from db.job_states import job_states as states_of_jobs
from db.models import JobRun
from ocpp_integration import sync


@kept(ttl=3, most=1)
def sync_states() -> list[sync.SyncState]:
    """Every station of the platform and how its sync stands; for admins."""
    with reading(resources.engine()) as store:
        return sync.states(store, datetime.now(UTC))


@kept(ttl=0.9, most=1)
def job_states() -> list[JobState]:
    """How each job does. For admins; jobs belong to nobody's stations."""
    with reading(resources.engine()) as store:
        return states_of_jobs(store, datetime.now(UTC))


@kept(ttl=2, most=50)
def job_history(name: str, limit: int) -> list[JobRun]:
    with reading(resources.engine()) as store:
        return list(runs_of_job(store, name, limit))
