"""Recorded webhooks: looked for, looked at, and applied after all where they are held and somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import factories
import orjson
import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from sqlalchemy import Engine, select
from webhooks import STATION, at, record, started, stopped, webhook

import manage
from db.engine import reading, writing
from db.inbox import Inbox
from db.models import AuditEntry, User, WebhookEvent
from management.commands import events as commands
from ocpp_integration import inbox, recorded_webhooks
from ocpp_integration.errors import NotFound
from ocpp_integration.recorded_webhooks import CannotRetry, Matching, RecordedWebhook, Search
from settings import load
from webhook_receiver.intake import judge

NOW = at(3600)


@pytest.fixture
def store(engine: Engine) -> Engine:
    """With a station, an admin and an owner."""
    with writing(engine) as store:
        owner = factories.add_owner(store)
        factories.add_station(store, owner, station_id=STATION)
        factories.add_user(store, "admin")
        factories.add_user(store, "selam", "owner", owner)
    return engine


def _take_in(engine: Engine, *bodies: bytes, event_id: str | None = None) -> None:
    taking = Inbox(engine)
    try:
        taking.record_all([judge(body, NOW, event_id).event for body in bodies])
    finally:
        taking.close()


def _held(engine: Engine, state: str = "dead") -> list[RecordedWebhook]:
    with reading(engine) as store:
        return Matching(store, Search(state)).newest(limit=10)


def _retry(engine: Engine, event_id: int, by: str | None = None) -> None:
    with writing(engine) as store:
        user = store.scalars(select(User).where(User.user_name == by)).one() if by else None
        recorded_webhooks.retry(store, user, event_id)


def _apply(engine: Engine) -> None:
    while inbox.apply_batch(engine, now=NOW).taken:
        pass


def _states(engine: Engine) -> list[str]:
    with reading(engine) as store:
        return list(store.scalars(select(WebhookEvent.state).order_by(WebhookEvent.id)))


def _refused(engine: Engine) -> RecordedWebhook:
    """An event that its receiver could not read."""
    _take_in(engine, b'{"data": {}}')
    return _held(engine)[0]


def _conflicting(engine: Engine) -> RecordedWebhook:
    """A stop that came under the id of the start before it."""
    _take_in(engine, orjson.dumps(started(0)), event_id="evt")
    _take_in(engine, orjson.dumps(stopped(600)), event_id="evt")
    return _held(engine)[0]


def test_what_is_held_is_told_with_its_reason_the_newest_first(store: Engine) -> None:
    refused, conflict = _refused(store), _conflicting(store)
    assert _held(store) == [conflict, refused]
    assert "another body" in (conflict.error or "") and conflict.station_id == STATION
    assert "type" in (refused.error or "")


def test_what_waits_is_told_apart_from_what_is_dead(store: Engine) -> None:
    record(store, started(0) | {"station_id": "UNKNOWN"})
    _apply(store)
    assert [event.station_id for event in _held(store, "waiting")] == ["UNKNOWN"]
    assert _held(store, "dead") == []


def test_a_conflicting_event_is_applied_where_somebody_asks(store: Engine) -> None:
    event = _conflicting(store)
    _apply(store)
    _retry(store, event.id)
    _apply(store)
    assert (_states(store), _held(store)) == (["applied", "applied"], [])


def test_a_retry_is_told_with_who_asked(store: Engine) -> None:
    event = _conflicting(store)
    _retry(store, event.id, by="admin")
    with reading(store) as rows:
        (entry,) = rows.scalars(select(AuditEntry))
    assert (entry.user_name, entry.action, entry.subject, entry.details) == (
        "admin",
        "retry event",
        f"session_stopped {event.event_key}",
        {"event": str(event.id)},
    )


def test_an_event_that_cannot_be_read_is_not_tried_again(store: Engine) -> None:
    event = _refused(store)
    with pytest.raises(CannotRetry, match="cannot be read"):
        _retry(store, event.id)
    with reading(store) as rows:
        assert rows.scalars(select(AuditEntry)).all() == []
    assert _held(store) == [event]


def test_an_event_that_only_an_earlier_version_could_not_read_is_applied_with_what_it_says(
    store: Engine,
) -> None:
    body = orjson.dumps(started(0))
    kept = replace(judge(b"{}", NOW).event, body=body, event_key="refused:1", type="unknown", station_id=None)
    taking = Inbox(store)
    taking.record(kept)
    taking.close()
    _retry(store, _held(store)[0].id)
    _apply(store)
    with reading(store) as rows:
        (event,) = rows.scalars(select(WebhookEvent))
    assert (event.state, event.type, event.station_id, event.transaction_id) == (
        "applied",
        "session_started",
        STATION,
        1,
    )


def test_an_applied_event_is_not_tried_again(store: Engine) -> None:
    record(store, started(0))
    _apply(store)
    with reading(store) as rows:
        (event_id,) = rows.scalars(select(WebhookEvent.id))
    with pytest.raises(NotFound):
        _retry(store, event_id)


@pytest.mark.parametrize(
    ("text", "types"),
    [
        (STATION, ["session_stopped", "session_started"]),
        ("bole", ["session_stopped", "session_started"]),
        ("1", ["session_stopped", "session_started"]),
        ("2", ["session_started"]),
        ("session_started", ["session_started", "session_started"]),
        ("no%such", []),
        ("99999999999999999999", []),
    ],
)
def test_any_webhook_is_found_by_its_station_transaction_or_type(
    store: Engine, text: str, types: list[str]
) -> None:
    record(store, started(0), stopped(600), started(0) | {"station_id": "UNKNOWN", "transaction_id": 2})
    _apply(store)
    with reading(store) as rows:
        matching = Matching(rows, Search(text=text))
        found = matching.newest(limit=10)
        assert [event.type for event in found] == types
        assert matching.count(10) == len(types)


def test_a_webhook_is_found_by_its_own_id(store: Engine) -> None:
    _take_in(store, orjson.dumps(started(0)), event_id="evt")
    _take_in(store, orjson.dumps(stopped(600)), event_id="other")
    with reading(store) as rows:
        (key, _other) = rows.scalars(select(WebhookEvent.event_key).order_by(WebhookEvent.id))
        (found,) = Matching(rows, Search(text=key)).newest(limit=10)
    assert found.type == "session_started"


# At the command line


@pytest.fixture
def commanded(store: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(commands, "load", lambda: load(None))
    monkeypatch.setattr(commands, "engine_of", lambda _settings: store)
    return store


def test_events_are_listed_and_retried_by_their_number(
    commanded: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    event = _conflicting(commanded)
    assert manage.main(["list-events"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(f"{event.id}  ") and STATION in listed and "another body" in listed
    assert manage.main(["retry-event", str(event.id)]) == 0
    capsys.readouterr()
    assert manage.main(["list-events"]) == 0
    assert capsys.readouterr().out == "No event is dead.\n"


def test_the_list_says_where_it_ends(commanded: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    record(commanded, *(webhook("session_stopped", n, station="UNKNOWN") for n in range(3)))
    _apply(commanded)
    assert manage.main(["list-events", "--limit", "2"]) == 0
    assert "There are more" in capsys.readouterr().out


def test_what_cannot_be_retried_is_refused_in_one_line(
    commanded: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    event = _refused(commanded)
    assert manage.main(["retry-event", str(event.id)]) == 1
    assert manage.main(["retry-event", "4711"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and "cannot be read" in told[0] and "4711" in told[1]


# On the page


@pytest.fixture
def open_page(store: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(store, load(None), monkeypatch) as opening:
        yield opening


def test_the_page_shows_what_is_held_with_its_body_and_applies_it_once_asked(
    store: Engine, open_page: OpenPage
) -> None:
    event = _conflicting(store)
    page = open_page("admin", "webhooks")
    assert f"session_stopped {STATION} · another body" in text_of(page)
    assert page.code == []
    page.button(key=f"open-{event.id}").click().run()
    assert '"meter_stop": 9000' in page.code[0].value and _states(store)[1] == "dead"
    page.button(key="event-retry").click().run()
    assert (_states(store)[1], "Nothing failed" in text_of(page)) == ("received", True)


def test_the_page_finds_one_that_was_applied_and_offers_no_second_time(
    store: Engine, open_page: OpenPage
) -> None:
    record(store, started(0))
    _apply(store)
    page = open_page("admin", "webhooks")
    page.text_input(key="find").set_value(STATION).run()
    assert "No webhook matches" in text_of(page)
    page.button_group(key="state").set_value("all").run()
    assert "session_started" in text_of(page) and "Applied" in text_of(page)
    (opener,) = [button for button in page.button if (button.key or "").startswith("open-")]
    opener.click().run()
    assert '"meter_start"' in page.code[0].value
    assert "event-retry" not in [button.key for button in page.button]


def test_the_page_applies_nothing_that_cannot_be_read(store: Engine, open_page: OpenPage) -> None:
    event = _refused(store)
    page = open_page("admin", "webhooks")
    page.button(key=f"open-{event.id}").click().run()
    assert page.button(key="event-retry").disabled
    assert "cannot be read" in page.info[0].value


def test_an_event_that_was_taken_up_meanwhile_is_told(store: Engine, open_page: OpenPage) -> None:
    event = _conflicting(store)
    page = open_page("admin", "webhooks")
    page.button(key=f"open-{event.id}").click().run()
    _retry(store, event.id)
    page.button(key="event-retry").click().run()
    assert not page.exception
    with reading(store) as rows:
        assert len(rows.scalars(select(AuditEntry)).all()) == 1


def test_a_body_cannot_break_the_page(store: Engine, open_page: OpenPage) -> None:
    _take_in(store, b'{"type": "<script>alert(1)</script>"}', b"\xff<b>", b"[" * 5000, b'["\\ud800"]')
    page = open_page("admin", "webhooks")
    for event in _held(store):
        page.button(key=f"open-{event.id}").click().run()
        assert not page.exception
        page.button(key="event-close").click().run()


def test_owners_have_no_such_page(open_page: OpenPage) -> None:
    with pytest.raises(Exception, match="webhooks"):
        open_page("selam", "webhooks")
