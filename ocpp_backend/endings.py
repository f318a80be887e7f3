"""How transactions end: by their charge point's word, or without it, as estimated. All in a unit of work."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select

from ocpp_backend import measuring, running, session_data
from ocpp_backend import transaction_rows as rows
from ocpp_backend.samples import Sample
from ocpp_backend.tables import connectors, stations, transactions
from ocpp_integration.events import PLUGGED_IN

_log = logging.getLogger(__name__)
_t = transactions.c


@dataclass(frozen=True)
class Stop:
    """The charge point's word that a transaction is over. `meter_stop` in Wh, None where it was not told."""

    station_id: str
    transaction_id: int
    meter_stop: int | None
    time: datetime
    reason: str | None
    clock_ahead: bool = False
    samples: Sequence[Sample] = ()


def stop(db: Connection, ended: Stop, now: datetime) -> None:
    """End a transaction by its charge point's word. The first stop counts; an estimated end is no stop."""
    transaction = rows.of_station(db, ended.station_id, ended.transaction_id)
    if transaction is None:
        return
    transaction = running.measure(db, transaction, ended.samples, now)
    measured = transaction.status == "stopped" and not transaction.estimated
    if measured or transaction.start_time is None:
        _log.info("%s stops transaction %s again", ended.station_id, ended.transaction_id)
        return
    if transaction.initiated_at <= ended.time < transaction.start_time:
        transaction = _begin_earlier(db, transaction, now)
    end(
        db,
        transaction,
        now,
        **measuring.columns_settled(transaction, ended.meter_stop),
        meter_stop=ended.meter_stop,
        stop_time=ended.time,
        stop_reason=_reason(transaction, ended.reason),
        clock_ahead=transaction.clock_ahead or ended.clock_ahead,
        estimated=False,
    )


def _begin_earlier(db: Connection, transaction: Row[Any], now: datetime) -> Row[Any]:
    """The clock was ahead by little enough to be believed at the start, and is right, or not believed, at the
    stop, which is before it. The start was no later than when we first heard of the transaction.
    """
    began = rows.change(db, transaction, start_time=transaction.initiated_at, clock_ahead=True)
    if began.told:
        session_data.session_started(db, began, now)
    return began


def close_doubted(db: Connection, now: datetime, *, freed_since: timedelta, booted_since: timedelta) -> None:
    """End, as estimated, what got no stop although its connector has been free for `freed_since`, or its
    charge point booted `booted_since` ago and did not go on with it.
    """
    free = _t.freed_at.is_not(None) & (_t.freed_noticed_at <= now - freed_since)
    for transaction in rows.running_where(db, free | (_t.freed_noticed_at <= now - booted_since)):
        end_estimated(db, transaction, now)


def close_lost(db: Connection, now: datetime, patience: timedelta) -> None:
    """End, as estimated, what has been silent for `patience`: its charge point is gone, or its connector
    is not in use. A car that has finished charging may say nothing for days while its connector is.
    """
    since = now - patience
    silent = or_(_t.heard_at <= since, _t.heard_at.is_(None) & (_t.initiated_at <= since))
    gone = exists().where(
        stations.c.station_id == _t.station_id, stations.c.is_online.is_(False), stations.c.last_seen <= since
    )
    in_use = select(connectors.c.connector_id).where(
        connectors.c.station_id == _t.station_id,
        connectors.c.connector_id == _t.connector_id,
        connectors.c.status.in_(PLUGGED_IN),
    )
    for transaction in rows.running_where(db, silent, gone | ~in_use.exists()):
        end_estimated(db, transaction, now)


def end_unstarted(db: Connection, transaction: Row[Any], reason: str, now: datetime) -> Row[Any]:
    return end(db, transaction, now, stop_time=now, stop_reason=reason)


def end_estimated(
    db: Connection, transaction: Row[Any], now: datetime, *, next_start_wh: int | None = None
) -> Row[Any]:
    """End what got no stop. Should its stop come after all, it replaces the estimate."""
    _log.info("transaction %s got no stop and ends as estimated", transaction.transaction_id)
    return end(
        db,
        transaction,
        now,
        **measuring.columns_estimated(transaction, next_start_wh),
        stop_time=transaction.freed_at or transaction.last_time or transaction.start_time,
        stop_reason="Other",
        estimated=True,
    )


def end(db: Connection, transaction: Row[Any], now: datetime, **facts: Any) -> Row[Any]:
    ended = rows.change(db, transaction, status="stopped", power_w=0, heard_at=now, **facts)
    ended = running.tell_if_charged(db, ended, now)
    if ended.told:
        session_data.session_stopped(db, ended, now)
    return ended


def _reason(transaction: Row[Any], given: str | None) -> str:
    # Many charge points report the stop that we asked for as a local one.
    reason = given or "Local"
    return "Remote" if reason == "Local" and transaction.status == "stopping" else reason
