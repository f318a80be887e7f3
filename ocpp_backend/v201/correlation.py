"""Which order of the platform a charge point's transaction carries out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from ocpp_backend import transaction_rows as rows
from ocpp_backend.clock import MAX_AHEAD
from ocpp_backend.tables import transactions
from ocpp_backend.v201.event import AUTHORISED, TransactionEvent

_t = transactions.c


def asked_for(db: Connection, event: TransactionEvent, number: int) -> Row[Any] | None:
    """What the platform asked for: by our number, else by our token, else by the connector."""
    if event.remote_start_id is not None:
        named = rows.get(db, event.remote_start_id)
        if named is not None and named.station_id == event.station_id and named.remote:
            return named
    if event.id_token:
        named = rows.asked_for_by_tag(db, event.station_id, event.id_token)
        if named is not None or event.trigger != "RemoteStart":
            return named
    if event.kind != "Started" and event.trigger not in AUTHORISED:
        return None
    return _pending_on(db, event, number)


def _pending_on(db: Connection, event: TransactionEvent, number: int) -> Row[Any] | None:
    """The order that waits for a start on this connector, or the only one where no connector is named."""
    asked_before = _t.initiated_at <= event.time + MAX_AHEAD
    waiting = [_t.station_id == event.station_id, _t.status == "pending", asked_before]
    if number:
        waiting.append(_t.connector_id == number)
    pending = rows.all_where(db, *waiting)
    return pending[0] if len(pending) == 1 else None
