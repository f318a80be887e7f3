"""What the central system does to a charge point from afar, whatever version it says it in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from simulator.configuration import Configuration
from simulator.connector import RemoteStart, VirtualConnector
from simulator.fleet import StopReason
from simulator.peer import Availability
from simulator.visits import Visit


class RemoteControl:
    """Implements `peer.Commands`. `visit_for` draws the car that a remote start finds plugged in.

    `reboot` takes the charge point off the line and lets it boot anew; `spawn` runs work beside everything.
    """

    def __init__(
        self,
        *,
        configuration: Configuration,
        visit_for: Callable[[str, VirtualConnector], Visit],
        reboot: Callable[[StopReason], Coroutine[Any, Any, None]],
        tell_status: Callable[[int | None], None],
        clear_cache: Callable[[], None],
        use_new_key: Callable[[], Coroutine[Any, Any, None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self.configuration = configuration
        self.connectors: Sequence[VirtualConnector] = ()
        self.tell_status = tell_status
        self.clear_cache = clear_cache
        self.in_background = spawn
        self._visit_for = visit_for
        self._reboot = reboot
        self._use_new_key = use_new_key
        self._starts: dict[str, tuple[VirtualConnector, RemoteStart]] = {}
        self._is_resetting = False

    def may_start(self, id_tag: str, connector_id: int | None, remote_start_id: int | None = None) -> bool:
        free = [c for c in self._chosen(connector_id) if c.is_free]
        if not free or id_tag in self._starts or self._is_resetting:
            return False
        free[0].claim()
        self._starts[id_tag] = free[0], RemoteStart(remote_start_id)
        return True

    def start(self, id_tag: str) -> None:
        if id_tag in self._starts:
            connector, remote = self._starts.pop(id_tag)
            self.in_background(connector.serve(self._visit_for(id_tag, connector), remote))

    def forget_starts(self) -> None:
        """The answers to these never left: nobody waits for the cars."""
        for connector, _ in self._starts.values():
            connector.release()
        self._starts.clear()

    def may_stop(self, transaction_id: int | str) -> bool:
        return self._running(transaction_id) is not None

    def stop(self, transaction_id: int | str) -> None:
        connector = self._running(transaction_id)
        if connector is not None:
            connector.request_stop("Remote")

    def has(self, connector_id: int) -> bool:
        return bool(connector_id and self._chosen(connector_id))

    def is_charging(self, connector_id: int | None) -> bool:
        return any(connector.running for connector in self._chosen(connector_id))

    def reset(self, reason: StopReason) -> None:
        if not self._is_resetting:
            self._is_resetting = True
            self.in_background(self._reset(reason))

    def reset_when_idle(self) -> None:
        if not self._is_resetting:
            self._is_resetting = True  # no car comes in between
            self.in_background(self._reset_when_idle())

    def unlock(self, connector_id: int) -> None:
        """In OCPP 1.6 a charge under way ends with it."""
        for connector in self._chosen(connector_id):
            connector.request_stop("UnlockCommand")

    def availability_answer(self, connector_id: int | None, operative: bool) -> Availability:
        chosen = self._chosen(connector_id)
        if not chosen:
            return "Rejected"
        return "Scheduled" if not operative and any(c.running for c in chosen) else "Accepted"

    def change_availability(self, connector_id: int | None, operative: bool) -> None:
        for connector in self._chosen(connector_id):
            connector.set_operative(operative)

    def apply_changes(self) -> None:
        self.in_background(self._use_new_key())

    def tell_meter(self, connector_id: int | None) -> None:
        for connector in self._chosen(connector_id):
            connector.show_meter()

    def tell_transaction(self, connector_id: int | None) -> None:
        for connector in self._chosen(connector_id):
            connector.sample_now()

    def _chosen(self, connector_id: int | None) -> list[VirtualConnector]:
        return [c for c in self.connectors if connector_id in (None, c.number)]

    def _running(self, transaction_id: int | str) -> VirtualConnector | None:
        for connector in self.connectors:
            if connector.running and connector.running.transaction.transaction_id == transaction_id:
                return connector
        return None

    async def _reset(self, reason: StopReason) -> None:
        try:
            await self._reboot(reason)
        finally:
            self._is_resetting = False

    async def _reset_when_idle(self) -> None:
        for connector in self.connectors:
            await connector.until_left()
        await self._reset("SoftReset")
