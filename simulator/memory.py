"""What a charge point keeps while it has no power: its registers, settings, and what it still has to tell."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from simulator.messages import Reading, Stopped, Transaction, TransactionMessage

log = logging.getLogger(__name__)


@dataclass
class Snapshot:
    """`registers` in Wh by connector; `running` are transactions with the last reading of their meter.

    `out_of_service` are the connectors that the central system took out of service, `configuration` what it
    changed, by key.
    """

    registers: dict[int, int] = field(default_factory=dict)
    running: list[tuple[Transaction, Reading]] = field(default_factory=list)
    waiting: list[TransactionMessage] = field(default_factory=list)
    out_of_service: list[int] = field(default_factory=list)
    configuration: dict[str, str] = field(default_factory=dict)


_SNAPSHOT = TypeAdapter(Snapshot)


class Memory:
    """One charge point's snapshot in a file; without a path it forgets everything."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    def load(self) -> Snapshot:
        """The last snapshot, or an empty one where there is none or it cannot be read."""
        if self._path is None or not self._path.exists():
            return Snapshot()
        try:
            return _share_transactions(_SNAPSHOT.validate_json(self._path.read_bytes()))
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read, the registers begin anew: %s", self._path, error)
            return Snapshot()

    def save(self, snapshot: Snapshot) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_bytes(_SNAPSHOT.dump_json(snapshot))
        partial.replace(self._path)


def as_stopped_by_power_loss(snapshot: Snapshot) -> list[TransactionMessage]:
    """What waits, and a stop for each transaction that was running when the power went."""
    stops = [
        Stopped(transaction, reading.time, reading.register_wh, "PowerLoss", offline=True)
        for transaction, reading in snapshot.running
    ]
    return [*snapshot.waiting, *stops]


def _share_transactions(snapshot: Snapshot) -> Snapshot:
    """Make messages of one transaction refer to one object again, so that its number reaches all of them."""
    known: dict[str, Transaction] = {}

    def shared(transaction: Transaction) -> Transaction:
        return known.setdefault(transaction.key, transaction)

    waiting = [replace(message, transaction=shared(message.transaction)) for message in snapshot.waiting]
    running = [(shared(transaction), reading) for transaction, reading in snapshot.running]
    return replace(snapshot, waiting=waiting, running=running)
