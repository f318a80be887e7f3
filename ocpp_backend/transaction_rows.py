"""Transactions as rows of the store: finding, changing, numbering them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, update

from ocpp_backend.changes import changes_of
from ocpp_backend.tables import connectors, counters, transactions

_log = logging.getLogger(__name__)
_t = transactions.c
# Begun and not over. Named one by one, the few of them among all that ever were are found by the index of the
# status.
_RUNNING = ("started", "charging", "suspended", "stopping")


def get(db: Connection, transaction_id: int) -> Row[Any] | None:
    if not 0 < transaction_id < 2**63:
        return None  # no store could even be asked for it
    changes = changes_of(db)
    if changes is not None and (known := changes.transaction(transaction_id)) is not None:
        return known
    found = db.execute(select(transactions).where(_t.transaction_id == transaction_id)).one_or_none()
    return found if changes is None else changes.know(found)


def open_on(db: Connection, station_id: str, connector_id: int) -> Row[Any] | None:
    """The transaction that is not over on a connector; there is at most one."""
    return db.execute(
        select(transactions).where(
            _t.station_id == station_id, _t.connector_id == connector_id, _t.status != "stopped"
        )
    ).one_or_none()


def asked_for_by_tag(db: Connection, station_id: str, id_tag: str) -> Row[Any] | None:
    """The transaction that the platform asked for under this id tag, in whichever state it is."""
    return first_where(db, _t.station_id == station_id, _t.id_tag == id_tag.upper(), _t.remote.is_(True))


def by_ocpp_id(db: Connection, station_id: str, ocpp_id: str) -> Row[Any] | None:
    """The transaction that a charge point calls so."""
    changes = changes_of(db)
    if changes is not None and (known := changes.transaction_called(station_id, ocpp_id)) is not None:
        return known
    one = select(transactions).where(_t.station_id == station_id, _t.ocpp_id == ocpp_id)
    found = db.execute(one).one_or_none()
    return found if changes is None else changes.know(found)


def of_station(db: Connection, station_id: str, transaction_id: int) -> Row[Any] | None:
    transaction = get(db, transaction_id)
    if transaction is None or transaction.station_id != station_id:
        _log.warning("%s speaks of transaction %s, which is not its own", station_id, transaction_id)
        return None
    return transaction


def first_where(db: Connection, *conditions: ColumnElement[bool]) -> Row[Any] | None:
    newest_first = _t.transaction_id.desc()
    return db.execute(select(transactions).where(*conditions).order_by(newest_first).limit(1)).one_or_none()


def all_where(db: Connection, *conditions: ColumnElement[bool]) -> Sequence[Row[Any]]:
    return db.execute(select(transactions).where(*conditions).order_by(_t.transaction_id)).all()


def running_where(db: Connection, *conditions: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Of those that have begun and are not over."""
    return all_where(db, _t.status.in_(_RUNNING), *conditions)


def change(db: Connection, transaction: Row[Any], **values: Any) -> Row[Any]:
    if (changes := changes_of(db)) is not None:
        return changes.change(transaction, values)
    changed = update(transactions).where(_t.transaction_id == transaction.transaction_id)
    return db.execute(changed.values(**values).returning(transactions)).one()


def insert_new(db: Connection, **values: Any) -> Row[Any]:
    number = (
        update(counters)
        .where(counters.c.name == "transaction_id")
        .values(value=counters.c.value + 1)
        .returning(counters.c.value)
    )
    price = db.execute(
        select(connectors.c.price_per_kwh, connectors.c.currency).where(
            and_(
                connectors.c.station_id == values["station_id"],
                connectors.c.connector_id == values["connector_id"],
            )
        )
    ).one_or_none()
    if price is not None:
        values |= {"price_per_kwh": price.price_per_kwh, "currency": price.currency}
    new = insert(transactions).values(transaction_id=db.scalar(number), **values)
    return db.execute(new.returning(transactions)).one()
