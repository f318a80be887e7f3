"""How many recorded webhooks are not applied, and for how long the oldest has waited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import WebhookEvent

# A count costs what it counts, so it stops here; by then the age says more than the number.
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class Backlog:
    """Events by state, each counted up to `MOST_COUNTED`, and since when the oldest could be applied."""

    received: int
    waiting: int
    dead: int
    oldest: datetime | None

    def lag(self, now: datetime) -> timedelta:
        """How long the oldest event could have been applied; none waits, no lag."""
        return max(now - self.oldest, timedelta()) if self.oldest else timedelta()


def backlog(store: Session) -> Backlog:
    """The backlog now, in one query that reads little more than an index."""
    # One that had to wait for its station is old news, which no worker is to blame for.
    oldest = func.coalesce(
        _first(WebhookEvent.received_at, WebhookEvent.released_at.is_(None)),
        _first(WebhookEvent.released_at),
    )
    received, waiting, dead = map(_count, ("received", "waiting", "dead"))
    row = store.execute(select(received, waiting, dead, oldest)).one()
    return Backlog(*row)


def _first(
    moment: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    *which: ColumnElement[bool],
) -> ScalarSelect[datetime | None]:
    """The moment of the first event that is to be applied."""
    to_be_applied = select(moment).where(WebhookEvent.state == "received", *which)
    return to_be_applied.order_by(WebhookEvent.id).limit(1).scalar_subquery()


def _count(state: str) -> ScalarSelect[int]:
    some = select(literal(1)).where(WebhookEvent.state == state).limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
