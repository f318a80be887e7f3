"""Starting and stopping a charge from afar."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Row

from ocpp_backend import orders, stations, transaction_rows
from ocpp_backend.clock import Clock
from ocpp_backend.connection import Connection
from ocpp_backend.failures import CallError, CallTimeout, Failure
from ocpp_backend.hub import Hub
from ocpp_backend.protocol import Command
from ocpp_backend.store import Store
from ocpp_integration.events import OUT_OF_ORDER

_log = logging.getLogger(__name__)

_BUSY = {"charging", "suspended_ev", "suspended_evse", "reserved"}


@dataclass(frozen=True)
class Commands:
    """Each command commits what it is about to do before it calls the charge point; it is sent once."""

    store: Store
    hub: Hub
    clock: Clock

    async def initiate(self, station_id: str, connector_id: int, order: dict[str, Any]) -> Row[Any]:
        """The transaction that the charge point agreed to start. Raises `Failure`.

        `order` names for whom: user_id, payment_transaction_id, payment_method, owner_id, owner_name.
        """
        connection = self.hub.get(station_id)
        now = self.clock()

        def allocate(db: Database) -> Row[Any]:
            _check_startable(db, station_id, connector_id, connected=connection is not None)
            return orders.allocate(db, station_id, connector_id, order, now)

        transaction = await self.store.write(allocate)
        await self._start(_connected(connection), transaction)
        return transaction

    async def stop(self, transaction_id: int, user_id: str | None) -> Row[Any]:
        """The transaction, stopping. Raises `Failure`."""
        transaction = await self.store.read(lambda db: transaction_rows.get(db, transaction_id))
        transaction = _running(transaction, transaction_id)
        _log.info("stop of transaction %s asked for by user %s", transaction_id, user_id)
        if transaction.status == "pending":
            now = self.clock()
            cancelled = await self.store.write(lambda db: orders.cancel(db, transaction_id, now))
            if cancelled is not None:
                return cancelled
        connection = _connected(self.hub.get(transaction.station_id))
        await self._ask(connection, connection.protocol.remote_stop(transaction), transaction_id)
        stopped = await self.store.write(lambda db: orders.stopping(db, transaction_id))
        return stopped if stopped is not None else transaction

    async def _start(self, connection: Connection, transaction: Row[Any]) -> None:
        command = connection.protocol.remote_start(transaction)
        number = transaction.transaction_id
        try:
            await self._ask(connection, command, number)
        except Failure as failure:
            if failure.status == 504:
                raise  # it may still begin, or else end when its time to begin is over
            now = self.clock()
            if await self.store.write(lambda db: orders.reject(db, number, now)):
                raise
            _log.warning("transaction %s has begun although its start was refused", number)

    async def _ask(self, connection: Connection, command: Command, transaction_id: int) -> None:
        try:
            answer = await connection.call(command)
        except CallTimeout as error:
            sentence = f"The charge point did not answer {command.action}: {error.description}."
            raise Failure(504, "charge_point_timeout", sentence, transaction_id=transaction_id) from error
        except CallError as error:
            raise _rejected(command, f"it answered {error.code}", transaction_id) from error
        if answer["status"] != "Accepted":
            raise _rejected(command, f"it answered {answer['status']}", transaction_id)


def _check_startable(db: Database, station_id: str, connector_id: int, *, connected: bool) -> None:
    if stations.find(db, station_id) is None:
        raise Failure(404, "station_not_found", f"There is no station {station_id}.")
    connector = stations.connector(db, station_id, connector_id)
    if connector is None or not connector.synced:
        raise Failure(404, "connector_not_found", f"Station {station_id} has no connector {connector_id}.")
    if not connected:
        raise Failure(503, "charge_point_not_connected", "The charge point is not connected.")
    if connector.status in OUT_OF_ORDER:
        raise Failure(409, "connector_unavailable", f"The connector is {connector.status}.")
    if orders.unclaimed_on(db, station_id, connector_id) is not None:
        return  # the cable is plugged in already, and waits for a user
    if transaction_rows.open_on(db, station_id, connector_id) is not None:
        raise Failure(409, "connector_busy", "The connector has a transaction that is not over.")
    if connector.status in _BUSY:
        raise Failure(409, "connector_busy", f"The connector is {connector.status}.")


def _running(transaction: Row[Any] | None, transaction_id: int) -> Row[Any]:
    if transaction is None:
        raise Failure(404, "transaction_not_found", f"There is no transaction {transaction_id}.")
    if transaction.status == "stopped":
        raise Failure(409, "transaction_over", f"Transaction {transaction_id} is over already.")
    return transaction


def _connected(connection: Connection | None) -> Connection:
    if connection is None:
        raise Failure(503, "charge_point_not_connected", "The charge point is not connected.")
    return connection


def _rejected(command: Command, what: str, transaction_id: int) -> Failure:
    sentence = f"The charge point refused {command.action}: {what}."
    return Failure(409, "charge_point_rejected", sentence, transaction_id=transaction_id)
