"""The inbox's promises, against a real store."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import factories
import pytest
from sqlalchemy import Engine, event, select

from db.engine import reading
from db.inbox import Inbox, InboxUnavailable, Outcome, RecordedEvent
from db.models import WebhookEvent

NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = factories.make_store(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def inbox(engine: Engine) -> Iterator[Inbox]:
    inbox = Inbox(engine)
    yield inbox
    inbox.close()


def _event(key: str, digest: str = "sha256:a") -> RecordedEvent:
    return RecordedEvent(
        event_key=key, body_digest=digest, type="station_status", body=b"{}", received_at=NOW
    )


def _keys(engine: Engine) -> list[str]:
    with reading(engine) as store:
        return list(store.scalars(select(WebhookEvent.event_key).order_by(WebhookEvent.id)))


def test_a_new_event_is_recorded(inbox: Inbox) -> None:
    assert inbox.record(_event("1")) is Outcome.RECORDED


def test_a_known_event_is_a_duplicate(inbox: Inbox) -> None:
    inbox.record(_event("1"))
    assert inbox.record(_event("1")) is Outcome.DUPLICATE


def test_another_body_under_a_known_key_is_a_conflict(inbox: Inbox) -> None:
    inbox.record(_event("1"))
    assert inbox.record(_event("1", "sha256:b")) is Outcome.CONFLICT


def test_a_conflict_that_is_sent_again_is_kept_once(inbox: Inbox, engine: Engine) -> None:
    for digest in ("sha256:a", "sha256:b", "sha256:b"):
        inbox.record(_event("1", digest))
    assert len(_keys(engine)) == 2


def test_an_event_is_committed_before_its_outcome_is_told(inbox: Inbox, tmp_path: Path) -> None:
    inbox.record(_event("1"))
    with sqlite3.connect(tmp_path / "store.db") as other:
        assert other.execute("SELECT count(*) FROM webhook_events").fetchone() == (1,)


def test_of_many_at_once_exactly_one_is_recorded(inbox: Inbox) -> None:
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: inbox.record(_event("1")), range(64)))
    assert (outcomes.count(Outcome.RECORDED), outcomes.count(Outcome.DUPLICATE)) == (1, 63)


def test_events_of_one_sender_are_numbered_in_the_order_they_came(inbox: Inbox, engine: Engine) -> None:
    sent = [str(number) for number in range(50)]
    for key in sent:
        inbox.record(_event(key))
    assert _keys(engine) == sent


def test_events_that_wait_together_share_a_commit(inbox: Inbox, engine: Engine, tmp_path: Path) -> None:
    commits = []
    event.listen(engine, "commit", commits.append)
    lock = sqlite3.connect(tmp_path / "store.db", isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    began = threading.Barrier(21)

    def record(number: int) -> Outcome:
        began.wait()
        return inbox.record(_event(str(number)))

    with ThreadPoolExecutor(20) as pool:
        outcomes = [pool.submit(record, number) for number in range(20)]
        began.wait()
        _wait_until(lambda: inbox._waiting.qsize() >= 10)
        lock.rollback()
        assert all(outcome.result() is Outcome.RECORDED for outcome in outcomes)
    lock.close()
    assert len(commits) < 20


def test_a_store_without_its_tables_refuses_the_event(tmp_path: Path) -> None:
    engine = factories.make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    inbox = Inbox(engine)
    with pytest.raises(InboxUnavailable):
        inbox.record(_event("1"))
    inbox.close()
    engine.dispose()


def test_a_full_store_refuses_the_event_and_takes_it_when_there_is_room(engine: Engine) -> None:
    inbox = Inbox(engine)
    pages = {"limit": 1}

    @event.listens_for(engine, "begin")
    def limit_size(connection: object) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages['limit']}")  # type: ignore[attr-defined]

    large = RecordedEvent(
        event_key="1", body_digest="sha256:a", type="x", body=b"x" * 60_000, received_at=NOW
    )
    with pytest.raises(InboxUnavailable):
        inbox.record(large)
    pages["limit"] = 1_000_000
    assert inbox.record(large) is Outcome.RECORDED
    inbox.close()


def test_an_event_that_the_store_cannot_hold_refuses_no_other(inbox: Inbox) -> None:
    impossible = RecordedEvent(
        event_key="bad", body_digest="a", type="x", body=b"", received_at=NOW, transaction_id=2**70
    )
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(inbox.record, _event(str(number))) for number in range(4)]
        refused = pool.submit(inbox.record, impossible)
        futures += [pool.submit(inbox.record, _event(str(number))) for number in range(4, 8)]
        outcomes = {future.result() for future in futures}
        assert isinstance(refused.exception(), InboxUnavailable)
    assert outcomes == {Outcome.RECORDED}


def test_who_waits_too_long_is_refused(engine: Engine, tmp_path: Path) -> None:
    inbox = Inbox(engine, wait_seconds=0.05)
    lock = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(InboxUnavailable):
        inbox.record(_event("1"))
    lock.rollback()
    lock.close()
    inbox.close()


def test_closing_commits_what_waits(engine: Engine) -> None:
    inbox = Inbox(engine)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(inbox.record, _event(str(number))) for number in range(8)]
        _wait_until(lambda: any(future.done() for future in futures))
        inbox.close()
        recorded = sum(future.exception() is None for future in futures)
    assert len(_keys(engine)) == recorded


def test_a_closed_inbox_refuses_events(inbox: Inbox) -> None:
    inbox.close()
    with pytest.raises(InboxUnavailable):
        inbox.record(_event("1"))


def _wait_until(condition: object, seconds: float = 5) -> None:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if condition():  # type: ignore[operator]
            return
        waiting.wait(0.01)
    raise AssertionError("did not come to pass in time")
