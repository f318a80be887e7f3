"""What a charge point keeps while it has no power: its registers and what it still has to tell."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from simulator.messages import Metered, Reading, Started, Stopped, Transaction, TransactionMessage

log = logging.getLogger(__name__)


@dataclass
class Snapshot:
    """`registers` in Wh by connector; `running` are transactions with the last reading of their meter."""

    registers: dict[int, int] = field(default_factory=dict)
    running: list[tuple[Transaction, Reading]] = field(default_factory=list)
    waiting: list[TransactionMessage] = field(default_factory=list)


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
        Stopped(transaction, reading.time, reading.register_wh, "PowerLoss")
        for transaction, reading in snapshot.running
    ]
    return [*snapshot.waiting, *stops]


def _share_transactions(snapshot: Snapshot) -> Snapshot:
    """Make messages of one transaction refer to one object again, so that its number reaches all of them."""
    known: dict[str, Transaction] = {}

    def shared(transaction: Transaction) -> Transaction:
        return known.setdefault(transaction.key, transaction)

    waiting: list[TransactionMessage] = []
    for message in snapshot.waiting:
        transaction = shared(message.transaction)
        match message:
            case Started():
                waiting.append(Started(transaction))
            case Metered(reading=reading):
                waiting.append(Metered(transaction, reading))
            case Stopped(time=time, meter_stop=meter_stop, reason=reason):
                waiting.append(Stopped(transaction, time, meter_stop, reason))
    running = [(shared(transaction), reading) for transaction, reading in snapshot.running]
    return Snapshot(snapshot.registers, running, waiting)
