"""What the units of a batch changed and the store has not been told yet: the hot path of the backend.

A meter value changes one row, adds one to the outbox and two to the log of frames. Were each a statement of
its own, most of the time would go into statements. So a transaction that runs is read once and kept as it is;
what changes in it, and the webhooks, are collected and written together before the commit. Units cannot tell
the difference: a statement that names one of these tables makes what was collected be written first.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine, Row, event

from ocpp_backend.bulk import insert_rows, update_rows
from ocpp_backend.tables import outbox, transactions

_INFO = "changes"
_COLUMNS = [column.name for column in transactions.columns]
_POSITIONS = {name: position for position, name in enumerate(_COLUMNS)}
_Transaction = namedtuple("_Transaction", _COLUMNS)  # type: ignore[misc]

WEBHOOK_COLUMNS = ("event_id", "station_id", "type", "body", "created_at", "state", "attempts")


class Changes:
    """Of the connection on which the store is written. The transactions it knows outlive a batch."""

    def __init__(self) -> None:
        # Grows with every change, so that one can tell whether a unit made any.
        self.made = 0
        self._known: dict[int, Row[Any]] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._changed: dict[int, set[str]] = {}
        self._webhooks: list[tuple[Any, ...]] = []
        self._stations: set[str] = set()
        self._is_writing = False

    def transaction(self, transaction_id: int) -> Row[Any] | None:
        """A transaction that runs, as it is now; None where it was not read before, or does not run."""
        return self._known.get(transaction_id)

    def transaction_called(self, station_id: str, ocpp_id: str) -> Row[Any] | None:
        """The same by the id that its charge point gave it."""
        number = self._ids.get((station_id, ocpp_id))
        found = None if number is None else self._known.get(number)
        return found if found is not None and found.ocpp_id == ocpp_id else None

    def know(self, transaction: Row[Any] | None) -> Row[Any] | None:
        """Keep what was just read, if it runs."""
        if transaction is not None and transaction.status != "stopped":
            return self._keep(_row(transaction))
        return transaction

    def change(self, transaction: Row[Any], values: Mapping[str, Any]) -> Row[Any]:
        """The transaction as it is now, with these columns changed."""
        self.made += 1
        columns = list(self._known.get(transaction.transaction_id, transaction))
        for name, value in values.items():
            columns[_POSITIONS[name]] = value
        changed = self._keep(_row(columns))
        self._changed.setdefault(changed.transaction_id, set()).update(values)
        return changed

    def add_webhook(self, station_id: str, row: tuple[Any, ...]) -> None:
        self.made += 1
        self._webhooks.append(row)
        self._stations.add(station_id)

    def take_stations(self) -> Iterable[str]:
        """Those with something new in the outbox since this was last asked."""
        stations, self._stations = self._stations, set()
        return stations

    def before(self, db: Connection, statement: str) -> None:
        """Called ahead of every statement: what was changed before it is what it sees."""
        if self._is_writing:
            return
        reads = statement.startswith("SELECT")
        self.made += not reads
        if transactions.name in statement:
            self._write_transactions(db)
            if not reads and not statement.startswith("INSERT"):
                self._forget_known()
        if outbox.name in statement:
            self._write_webhooks(db)

    def write(self, db: Connection) -> None:
        self._write_transactions(db)
        self._write_webhooks(db)

    def forget(self) -> None:
        """What was collected is undone."""
        self._forget_known()
        self._changed.clear()
        self._webhooks.clear()

    def _keep(self, transaction: Row[Any]) -> Row[Any]:
        self._known[transaction.transaction_id] = transaction
        if transaction.ocpp_id is not None:
            self._ids[transaction.station_id, transaction.ocpp_id] = transaction.transaction_id
        return transaction

    def _forget_known(self) -> None:
        self._known.clear()
        self._ids.clear()

    def _write_transactions(self, db: Connection) -> None:
        changed, self._changed = self._changed, {}
        by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
        for transaction_id, names in changed.items():
            row, columns = self._known[transaction_id], tuple(sorted(names))
            values = [transaction_id, *(row[_POSITIONS[name]] for name in columns)]
            by_columns.setdefault(columns, []).append(values)
            if row.status == "stopped":
                del self._known[transaction_id]
                self._ids.pop((row.station_id, row.ocpp_id), None)
        with self._writing():
            for columns, rows in by_columns.items():
                update_rows(db, transactions, "transaction_id", columns, rows)

    def _write_webhooks(self, db: Connection) -> None:
        rows, self._webhooks = self._webhooks, []
        with self._writing():
            insert_rows(db, outbox, WEBHOOK_COLUMNS, rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._is_writing = True
        try:
            yield
        finally:
            self._is_writing = False


def _row(columns: Iterable[Any]) -> Row[Any]:
    """Like a row that a SELECT gives, but many times faster to read; a message reads it some sixty times."""
    return cast("Row[Any]", _Transaction._make(columns))


@contextmanager
def collecting(db: Connection, changes: Changes) -> Iterator[None]:
    """Let `changes` collect what units do on this connection."""
    db.info[_INFO] = changes
    try:
        yield
    finally:
        # This belongs to the driver's connection, which others get after us.
        db.info.pop(_INFO, None)


def changes_of(db: Connection) -> Changes | None:
    """None on a connection that only reads, or on which every change is written at once."""
    found: Changes | None = db.info.get(_INFO)
    return found


def watch_statements(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", _before)


def _before(db: Connection, _cursor: object, statement: str, *_more: object) -> None:
    if (changes := db.info.get(_INFO)) is not None:
        changes.before(db, statement)
