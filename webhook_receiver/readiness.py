"""Whether the receiver can do its work now: a table of checks, each with the mend where it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text, update
from sqlalchemy.exc import SQLAlchemyError

from db import migrate
from db.backlog import backlog
from db.engine import reading, writing
from db.job_health import late_jobs
from db.models import WebhookEvent
from webhook_receiver.bounded import Bounded

logger = logging.getLogger(__name__)

WITHIN_SECONDS = 2.0
# The jobs apply within a second; what waits longer than this waits for somebody to look.
MOST_LAG = timedelta(minutes=2)


@dataclass(frozen=True)
class Finding:
    """What a check found: `message` says what to do where it is not ok; `figures` are not for everybody."""

    ok: bool
    message: str
    figures: dict[str, Any] = field(default_factory=dict)


class Readiness:
    """Asks every check at once and waits for none longer than two seconds."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]):
        self._checks = {
            "store": Bounded("check store", lambda: _store(engine)),
            "migrations": Bounded("check migrations", lambda: _migrations(engine)),
            "backlog": Bounded("check backlog", lambda: _backlog(engine, clock())),
            "jobs": Bounded("check jobs", lambda: _jobs(engine, clock())),
        }

    @property
    def names(self) -> Collection[str]:
        return self._checks.keys()

    def findings(self, excluded: Collection[str] = ()) -> dict[str, Finding]:
        deadline = time.monotonic() + WITHIN_SECONDS
        runs = {name: check.begin() for name, check in self._checks.items() if name not in excluded}
        found = {}
        for name, run in runs.items():
            try:
                found[name] = run.result(max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                found[name] = Finding(False, _SILENT[name])
            except SQLAlchemyError as error:
                # The driver's words name hosts and users, and are for the log.
                logger.warning("the check of %s failed: %s", name, getattr(error, "orig", error))
                found[name] = Finding(False, _FAILED[name])
        return found


def _store(engine: Engine) -> Finding:
    """A write that changes nothing waits for the same lock as one that does, and is refused where that is."""
    with writing(engine) as store:
        store.execute(text("SELECT 1"))
        store.execute(update(WebhookEvent).where(WebhookEvent.id == 0).values(state="received"))
    return Finding(True, "reachable and writable")


def _migrations(engine: Engine) -> Finding:
    current = migrate.is_current(engine)
    mend = "the store's schema is not this version's: run `python manage.py migrate`"
    return Finding(current, "current" if current else mend)


def _backlog(engine: Engine, now: datetime) -> Finding:
    with reading(engine) as store:
        found = backlog(store)
    lag = found.lag(now)
    figures = {
        "received": found.received,
        "waiting": found.waiting,
        "dead": found.dead,
        "oldest_seconds": round(lag.total_seconds(), 1),
    }
    if lag > MOST_LAG:
        return Finding(
            False,
            "recorded events are not applied: see that `python -m jobs` runs, and what its log says",
            figures,
        )
    return Finding(True, "recorded events are applied", figures)


def _jobs(engine: Engine, now: datetime) -> Finding:
    with reading(engine) as store:
        late = late_jobs(store, now)
    if late is None:
        return Finding(False, "no scheduler was ever started: start `python -m jobs`")
    if late:
        names = ", ".join(row.job for row in late)
        due = {row.job: row.next_due.isoformat() for row in late}
        return Finding(False, f"late: {names}; start `python -m jobs`, or look at its log", {"due": due})
    return Finding(True, "every job ran when it should")


_SILENT = {
    "store": "it took no write within two seconds: something holds its lock for long, or it is overloaded",
    "migrations": "the store did not answer within two seconds",
    "backlog": "the store did not answer within two seconds",
    "jobs": "the store did not answer within two seconds",
}
_UNUSABLE = "the store cannot be used: check that it runs and DATABASE_URL is right; the log says more"
_FAILED = {
    "store": "the store takes no writes: check that it runs, is not read-only and its disk has room; "
    "the log says more",
    "migrations": _UNUSABLE,
    "backlog": _UNUSABLE,
    "jobs": _UNUSABLE,
}
