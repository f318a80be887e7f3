"""How many recorded webhooks are not applied, and for how long the oldest has waited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ScalarSelect, func, literal, select
from sqlalchemy.orm import Session

from db.models import WebhookEvent

# A count costs what it counts, so it stops here; by then the age says more than the number.
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class Backlog:
    """Events by state, each counted up to `MOST_COUNTED`, and when the oldest to be applied came in."""

    received: int
    waiting: int
    dead: int
    oldest: datetime | None

    def lag(self, now: datetime) -> timedelta:
        """How long the oldest event has waited to be applied; none waits, no lag."""
        return max(now - self.oldest, timedelta()) if self.oldest else timedelta()


def backlog(store: Session) -> Backlog:
    """The backlog now, in one query that reads little more than an index."""
    oldest = (
        select(WebhookEvent.received_at)
        .where(WebhookEvent.state == "received")
        .order_by(WebhookEvent.id)
        .limit(1)
    )
    received, waiting, dead = map(_count, ("received", "waiting", "dead"))
    row = store.execute(select(received, waiting, dead, oldest.scalar_subquery())).one()
    return Backlog(*row)


def _count(state: str) -> ScalarSelect[int]:
    some = select(literal(1)).where(WebhookEvent.state == state).limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
