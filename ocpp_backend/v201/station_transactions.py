"""Transactions that their charge point names, from its events: in any order, repeated, some missing.

What an event leaves out is what an earlier one said. Neither seqNo nor the offline flag decides anything,
since charge points count and flag as they like; the transaction's id and the times do.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from ocpp_backend import endings, measuring, orders, running, session_data, transactions
from ocpp_backend import transaction_rows as rows
from ocpp_backend.endings import Stop
from ocpp_backend.samples import Sample, readings, register_wh
from ocpp_backend.transactions import Start
from ocpp_backend.v201 import connector_states, correlation, fields
from ocpp_backend.v201.event import TransactionEvent
from ocpp_integration.events import MAX_SESSION_WH

_log = logging.getLogger(__name__)

# What a trigger says of the end where the reason is left out, which should mean Local.
_REASONS = {
    "Deauthorized": "DeAuthorized",
    "EnergyLimitReached": "EnergyLimitReached",
    "EVCommunicationLost": "EVDisconnected",
    "EVConnectTimeout": "Timeout",
    "EVDeparted": "EVDisconnected",
    "RemoteStop": "Remote",
    "TimeLimitReached": "TimeLimitReached",
}


def take(db: Connection, event: TransactionEvent, now: datetime) -> Row[Any] | None:
    """The transaction after `event`; None where it is one that we have not let begin."""
    transaction = rows.by_ocpp_id(db, event.station_id, event.ocpp_id)
    if transaction is not None and _is_another(transaction, event):
        rows.change(db, transaction, ocpp_id=None)
        transaction = None
    before = _state(transaction)
    transaction = _begin(db, event, now) if transaction is None else _complete(db, transaction, event, now)
    if transaction.start_time is None:
        return None
    transaction = running.measure(db, transaction, event.samples, now)
    transaction = _note_state(db, transaction, event, now)
    if event.kind == "Ended":
        transaction = _end(db, transaction, event, now)
    if _state(transaction) != before:
        connector_states.follow(db, transaction, event.time, now)
    return transaction


def _state(transaction: Row[Any] | None) -> object:
    return transaction and (transaction.status, transaction.charging_state)


def _is_another(known: Row[Any], event: TransactionEvent) -> bool:
    """Whether an id is used again, as by charge points that count from 1 after every reset."""
    if event.kind != "Started" or known.status != "stopped":
        return False
    start_key = event.start(0, None).key
    return known.start_key not in (None, start_key) and event.time > known.stop_time


def _begin(db: Connection, event: TransactionEvent, now: datetime) -> Row[Any]:
    number = _connector(db, event)
    asked_for = correlation.asked_for(db, event, number)
    if asked_for is not None and orders.came_too_late(asked_for, event.time):
        return _turn_away(db, event, asked_for, now)
    begun = _started_at(event, number or (asked_for.connector_id if asked_for is not None else 0))
    return transactions.begin(
        db,
        begun,
        asked_for,
        now,
        told=event.has_user or asked_for is not None,
        start_key=begun.key if event.kind == "Started" else None,
    )


def _started_at(event: TransactionEvent, connector_id: int) -> Start:
    """The start by the first event heard of; without the real one, by the first thing that was measured."""
    if event.kind == "Started":
        return event.start(connector_id, _register(event.samples))
    begun = event.start(connector_id, None)
    _log.warning("%s: the start of transaction %s is missing so far", event.station_id, event.ocpp_id)
    earliest = min((sample.timestamp for sample in event.samples), default=event.time)
    if earliest >= event.time:
        return begun
    return Start(**{**vars(begun), "time": earliest, "reported": earliest})


def _connector(db: Connection, event: TransactionEvent) -> int:
    """Our number of the connector; 0 where the event does not say."""
    return 0 if event.evse is None else fields.connector(db, event.station_id, event.evse)


def _turn_away(db: Connection, event: TransactionEvent, asked_for: Row[Any], now: datetime) -> Row[Any]:
    """Remember, and tell nobody, that this one was not accepted: its further events are no session."""
    _log.warning("%s starts transaction %s after it ended", event.station_id, asked_for.transaction_id)
    return rows.insert_new(
        db,
        station_id=event.station_id,
        connector_id=asked_for.connector_id,
        id_tag=event.id_token,
        ocpp_id=event.ocpp_id,
        status="stopped",
        stop_time=now,
        stop_reason="DeAuthorized",
        initiated_at=now,
        told=False,
    )


def _complete(db: Connection, known: Row[Any], event: TransactionEvent, now: datetime) -> Row[Any]:
    """The transaction with what this event says and no earlier one did."""
    news: dict[str, Any] = {}
    if event.id_token and not known.id_tag:
        news["id_tag"] = event.id_token
    if not known.connector_id and (number := _connector(db, event)):
        is_over = known.status == "stopped"
        begun = event.start(number, known.meter_start)
        if is_over or transactions.make_room(db, begun, known, now) is None:
            news["connector_id"] = number
    if event.kind == "Started" and known.start_key is None and known.start_time is not None:
        news |= _late_start(known, event)
    if event.has_user and not known.told and known.start_time is not None:
        return running.tell(db, rows.change(db, known, **news, told=True), now)
    if not news:
        return known
    changed = rows.change(db, known, **news)
    if changed.told:
        session_data.session_started(db, changed, now)
        if changed.status == "stopped":
            session_data.session_stopped(db, changed, now)
    return changed


def _late_start(known: Row[Any], event: TransactionEvent) -> dict[str, Any]:
    """The columns of a transaction whose start arrives after other events: it was measured from here."""
    news: dict[str, Any] = {
        "start_key": event.start(0, None).key,
        "start_time": min(known.start_time, event.time),
        "clock_ahead": known.clock_ahead or event.time != event.reported,
    }
    register = _register(event.samples)
    if register is None:
        return news
    if known.meter_start is None:
        return news | {"meter_start": register, "register_wh": register}
    before = known.meter_start - register
    if 0 <= before <= MAX_SESSION_WH:
        news |= {"meter_start": register, "energy_wh": known.energy_wh + before}
    return news


def _note_state(db: Connection, transaction: Row[Any], event: TransactionEvent, now: datetime) -> Row[Any]:
    state, at = event.charging_state, event.newest
    if transaction.status == "stopped" or (transaction.last_time is not None and at < transaction.last_time):
        return transaction
    if state == "preparing" and transaction.energy_wh > 0:
        state = "finishing"  # the car is still connected, and has been charged
    news: dict[str, Any] = {"heard_at": now, "last_time": at}
    if state is not None:
        news |= {"charging_state": state} | running.status_columns(transaction, state)
    if running.shows_life(transaction, at, now):
        news |= running.NO_DOUBT
    news = {name: value for name, value in news.items() if getattr(transaction, name) != value}
    changed = rows.change(db, transaction, **news) if news else transaction
    if state == "charging" and not changed.told:
        return running.tell(db, changed, now)
    return changed


def _end(db: Connection, transaction: Row[Any], event: TransactionEvent, now: datetime) -> Row[Any]:
    ended = Stop(
        station_id=event.station_id,
        transaction_id=transaction.transaction_id,
        meter_stop=_stop_register(transaction, event.samples),
        time=event.time,
        reason=event.stopped_reason or _REASONS.get(event.trigger),
        clock_ahead=event.time != event.reported,
    )
    endings.stop(db, ended, now)
    return rows.get(db, transaction.transaction_id) or transaction


def _register(samples: Sequence[Sample]) -> int | None:
    """The register of a start: the first that its values tell."""
    registers = (reading.register for reading in readings(samples) if reading.register is not None)
    first = next(registers, None)
    return None if first is None else register_wh(first)


def _stop_register(transaction: Row[Any], samples: Sequence[Sample]) -> int | None:
    found = [measuring.stop_register(transaction, reading) for reading in readings(samples)]
    return next((wh for wh in reversed(found) if wh is not None), None)
