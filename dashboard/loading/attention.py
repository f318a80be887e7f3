"""What wants attention: of sessions, and for admins of jobs and webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard import resources
from dashboard.loading.kept import kept
from db import job_schedules
from db.analytics.attention import StuckSession, held_count, stuck_sessions
from db.analytics.scope import Scope
from db.engine import reading
from ocpp_integration.recorded_webhooks import Matching, Search

STUCK_AFTER = timedelta(hours=1)
MOST = 1_000


@dataclass(frozen=True)
class Troubles:
    """At most `MOST` of each; `held` are the sessions that are held back."""

    stuck: list[StuckSession]
    held: int


@dataclass(frozen=True)
class Upkeep:
    """The names of jobs that are late, and how many webhooks cannot be applied (at most `MOST`)."""

    late_jobs: list[str]
    dead_webhooks: int


@kept(ttl=5, most=500)
def troubles(scope: Scope) -> Troubles:
    since = datetime.now(UTC) - STUCK_AFTER
    with reading(resources.engine()) as store:
        return Troubles(stuck_sessions(store, scope, since, MOST), held_count(store, scope, MOST))


@kept(ttl=5, most=1)
def upkeep() -> Upkeep:
    """For admins; jobs and webhooks belong to nobody's stations."""
    with reading(resources.engine()) as store:
        late = [row.job for row in job_schedules.late(store, datetime.now(UTC))]
        return Upkeep(late, Matching(store, Search("dead")).count(MOST))
