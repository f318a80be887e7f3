"""The inbox's promises, against a real store."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import factories
import pytest
from receiver_app import committing_statements
from sqlalchemy import Connection, Engine, event, func, select

from db.engine import reading
from db.inbox import POSTGRESQL_WRITERS, Inbox, InboxUnavailable, Outcome, RecordedEvent
from db.models import WebhookEvent

NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)


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


def test_an_event_is_committed_before_its_outcome_is_told(inbox: Inbox, engine: Engine) -> None:
    inbox.record(_event("1"))
    with engine.connect() as other:
        assert other.scalar(select(func.count()).select_from(WebhookEvent)) == 1


def test_events_of_one_request_get_their_outcomes_in_order(inbox: Inbox) -> None:
    inbox.record(_event("known"))
    told = [_event("known"), _event("new"), _event("known", "sha256:b"), _event("new"), _event("last")]
    assert inbox.record_all(told) == [
        Outcome.DUPLICATE,
        Outcome.RECORDED,
        Outcome.CONFLICT,
        Outcome.DUPLICATE,
        Outcome.RECORDED,
    ]


def test_events_of_one_request_share_a_commit(inbox: Inbox, engine: Engine) -> None:
    with committing_statements() as statements:
        inbox.record_all([_event(str(number)) for number in range(1000)])
    assert (statements, len(_keys(engine))) == ([1000], 1000)


def test_a_request_of_no_events_has_no_outcomes(inbox: Inbox) -> None:
    assert inbox.record_all([]) == []


def test_of_many_at_once_exactly_one_is_recorded(inbox: Inbox) -> None:
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda _: inbox.record(_event("1")), range(64)))
    assert (outcomes.count(Outcome.RECORDED), outcomes.count(Outcome.DUPLICATE)) == (1, 63)


def test_events_of_one_sender_are_numbered_in_the_order_they_came(inbox: Inbox, engine: Engine) -> None:
    sent = [str(number) for number in range(50)]
    for key in sent:
        inbox.record(_event(key))
    assert _keys(engine) == sent


def test_events_that_wait_together_share_a_commit(inbox: Inbox, engine: Engine) -> None:
    released = threading.Event()
    writers = 1 if engine.dialect.name == "sqlite" else POSTGRESQL_WRITERS
    with committing_statements(released.wait) as statements, ThreadPoolExecutor(writers + 20) as pool:
        for number in range(writers):
            pool.submit(inbox.record, _event(f"first {number}"))
            _wait_until(lambda number=number: len(statements) > number)
        for number in range(20):
            pool.submit(inbox.record, _event(str(number)))
        _wait_until(lambda: inbox._waiting.qsize() == 20)
        released.set()
    # Each writer finished what it held, and those that found something took all there was.
    assert (len(_keys(engine)), len(statements) <= 2 * writers) == (writers + 20, True)


def test_a_store_without_its_tables_refuses_the_event(tmp_path: Path) -> None:
    engine = factories.make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    inbox = Inbox(engine)
    with pytest.raises(InboxUnavailable):
        inbox.record(_event("1"))
    inbox.close()
    engine.dispose()


def test_a_full_store_refuses_the_event_and_takes_it_when_there_is_room(sqlite: Engine) -> None:
    inbox = Inbox(sqlite)
    pages = {"limit": 1}

    @event.listens_for(sqlite, "engine_connect")
    def limit_size(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages['limit']}")
        connection.commit()

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


def test_who_waits_too_long_is_refused(engine: Engine) -> None:
    inbox = Inbox(engine, wait_seconds=0.05)
    released = threading.Event()
    with committing_statements(released.wait):
        with pytest.raises(InboxUnavailable):
            inbox.record(_event("1"))
        released.set()
    inbox.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_ended_is_replaced(inbox: Inbox, engine: Engine) -> None:
    inbox.record(_event("before"))
    with engine.connect() as other:
        other.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
    for number in range(2 * POSTGRESQL_WRITERS):
        with suppress(InboxUnavailable):
            inbox.record(_event(str(number)))
    assert inbox.record(_event("after")) is Outcome.RECORDED


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


def _wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come to pass in time"
        time.sleep(0.01)
