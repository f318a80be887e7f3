"""Deleting what is old, some rows at a time: each step is a short transaction that blocks nobody for long."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, null, select, update
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session

from db.analytics.outcome import ENDED_STATUSES
from db.membership import Unindexed
from db.models import ChargingSession, OCPPLog, SessionMeterValue, SignIn, SignInFailure, WebhookEvent


def prune_webhooks(store: Session, before: datetime, limit: int) -> int:
    """Empty the bodies of up to `limit` events that were settled before then.

    The row stays, with its key and digest: the same event sent again is still known, for ever, and with
    another body still refused.
    """
    for state in ("applied", "ignored"):
        events = store.execute(
            select(WebhookEvent.id, WebhookEvent.received_at)
            .where(WebhookEvent.state == state)
            .order_by(WebhookEvent.id)
            .limit(limit)
        ).all()
        # Ids grow with time, so that where the oldest are too new there are none.
        if old := [event.id for event in events if event.received_at < before]:
            store.execute(
                update(WebhookEvent)
                .where(WebhookEvent.id.in_(old))
                .values(state="pruned", body=b"", station_id=null(), transaction_id=null(), error=null())
                .execution_options(synchronize_session=False)
            )
            return len(old)
    return 0


def prune_logs(store: Session, before: datetime, limit: int) -> int:
    return _delete(store, OCPPLog, OCPPLog.id, OCPPLog.timestamp, before, limit)


def prune_sign_in_failures(store: Session, before: datetime, limit: int) -> int:
    return _delete(store, SignInFailure, SignInFailure.id, SignInFailure.at, before, limit)


def prune_sign_ins(store: Session, before: datetime, limit: int) -> int:
    return _delete(store, SignIn, SignIn.token_hash, SignIn.expires_at, before, limit)


def prune_meter_values(
    store: Session, before: datetime, after: datetime | None, sessions: int
) -> tuple[int, datetime | None]:
    """Delete the meter values of the next `sessions` sessions that ended from `after` until before then.

    Returns how many were deleted, and when the last of these sessions ended (None where there is none):
    the `after` of the next step. The sessions and the statistics stay as they are.
    """
    query = (
        select(ChargingSession.id, ChargingSession.stop_time)
        .where(ChargingSession.stop_time < before)
        .order_by(ChargingSession.stop_time, ChargingSession.id)
    )
    if after is not None:
        query = query.where(ChargingSession.stop_time > after)
    ended = store.execute(query.limit(sessions)).all()
    if not ended:
        return 0, None
    last: datetime | None = ended[-1].stop_time
    # Those that ended in the same instant as the last go with it: the next step begins after it.
    same = store.scalars(select(ChargingSession.id).where(ChargingSession.stop_time == last))
    values = SessionMeterValue.session_id.in_({row.id for row in ended} | set(same))
    return store.connection().execute(delete(SessionMeterValue).where(values)).rowcount, last


def prune_late_meter_values(store: Session, before: datetime, passed: datetime, heard_since: datetime) -> int:
    """Delete those of sessions that had ended by `before` and by `passed`, where `prune_meter_values` is, and
    that were told of since then: their charge points were away for long, or their clocks are wrong.
    """
    late = select(ChargingSession.id).where(
        ChargingSession.status.in_(sorted(ENDED_STATUSES)),
        ChargingSession.heard_at >= heard_since,
        # It is looked for among those heard of lately, and not among all that ever ended.
        Unindexed(ChargingSession.stop_time) < before,
        Unindexed(ChargingSession.stop_time) <= passed,
    )
    values = SessionMeterValue.session_id.in_(store.scalars(late).all())
    return store.connection().execute(delete(SessionMeterValue).where(values)).rowcount


def _delete(
    store: Session,
    model: type[DeclarativeBase],
    key: InstrumentedAttribute[int] | InstrumentedAttribute[str],
    at: InstrumentedAttribute[datetime],
    before: datetime,
    limit: int,
) -> int:
    is_old: ColumnElement[bool] = at < before
    old = select(key).where(is_old).order_by(at).limit(limit)
    return store.connection().execute(delete(model).where(key.in_(old))).rowcount
