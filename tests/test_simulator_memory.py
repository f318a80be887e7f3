"""What a charge point remembers over a loss of power."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from simulator.memory import Memory, Snapshot, as_stopped_by_power_loss
from simulator.messages import Metered, Reading, Started, Stopped, Transaction

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def transaction(key: str = "a", transaction_id: int | None = None) -> Transaction:
    return Transaction(key, 1, "DRIVER-00001", 1000, AT, transaction_id)


def test_what_was_saved_is_loaded_again(tmp_path: Path) -> None:
    one = transaction()
    reading = Reading(AT, 1500, 7000, 1)
    snapshot = Snapshot(
        {1: 1500, 2: 7}, [(transaction("b", 9), reading)], [Started(one), Metered(one, reading)]
    )
    Memory(tmp_path / "new" / "cp.json").save(snapshot)
    assert Memory(tmp_path / "new" / "cp.json").load() == snapshot


def test_messages_of_one_transaction_share_it_again(tmp_path: Path) -> None:
    one = transaction()
    memory = Memory(tmp_path / "cp.json")
    memory.save(Snapshot({}, [], [Started(one), Stopped(one, AT, 2000, "Local")]))
    start, stop = memory.load().waiting
    start.transaction.transaction_id = 7
    assert stop.transaction.transaction_id == 7


def test_a_transaction_that_was_running_is_stopped_at_its_last_reading() -> None:
    running = (transaction("b", 9), Reading(AT, 1500, 7000, 1))
    assert as_stopped_by_power_loss(Snapshot(running=[running])) == [
        Stopped(running[0], AT, 1500, "PowerLoss", offline=True)
    ]


def test_a_damaged_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "cp.json").write_text("{", encoding="utf-8")
    assert Memory(tmp_path / "cp.json").load() == Snapshot()
