"""What people changed, looked for in the store and on the page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from factories import add_owner, add_user
from sqlalchemy import Engine

from db import audit
from db.audit import EVERYTHING, Search
from db.engine import reading, writing
from settings import load

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def changed(engine: Engine) -> Engine:
    """In an hour each: the admin applied an event, somebody imported stations, the admin added a tariff."""
    with writing(engine) as store:
        admin = add_user(store, "admin")
        add_user(store, "selam", "owner", add_owner(store))
        for hour, (by, action, subject) in enumerate(
            (
                (admin, "retry event", "session_started <b>"),
                (None, "import stations", "50% of_all"),
                (admin, "add tariff", "Night"),
            )
        ):
            audit.record(store, by, action, subject, {"number": str(hour)}, at=NOON + timedelta(hours=hour))
    return engine


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (EVERYTHING, ["Night", "50% of_all", "session_started <b>"]),
        (Search("ADMIN"), ["Night", "session_started <b>"]),
        (Search("tariff"), ["Night"]),
        (Search("% of_"), ["50% of_all"]),
        (Search("%%"), []),
        (Search(action="retry event"), ["session_started <b>"]),
        (Search(since=NOON + timedelta(hours=1)), ["Night", "50% of_all"]),
        (Search(until=NOON + timedelta(hours=1)), ["session_started <b>"]),
    ],
)
def test_changes_are_found_by_person_action_subject_and_time(
    changed: Engine, search: Search, found: list[str]
) -> None:
    with reading(changed) as store:
        assert [entry.subject for entry in audit.newest(store, search, limit=9)] == found
        assert audit.count(store, search, 9) == len(found)


def test_a_page_of_changes_follows_the_one_before(changed: Engine) -> None:
    with reading(changed) as store:
        (entry,) = audit.newest(store, limit=1, offset=1)
        assert (entry.subject, audit.count(store, EVERYTHING, 2)) == ("50% of_all", 2)
        assert audit.actions(store) == ["add tariff", "import stations", "retry event"]


@pytest.fixture
def open_page(changed: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with opening_pages(changed, load(None), monkeypatch) as opening:
        yield opening


def test_an_admin_looks_for_what_people_changed(open_page: OpenPage) -> None:
    page = open_page("admin", "audit_log")
    listed = page.dataframe[0].value
    assert listed[["Who", "Did what", "To what", "Details"]].values.tolist() == [
        ["admin", "Add tariff", "Night", "number: 2"],
        ["Command line", "Import stations", "50% of_all", "number: 1"],
        ["admin", "Retry event", "session_started <b>", "number: 0"],
    ]
    page.text_input(key="find").set_value("night").run()
    assert page.dataframe[0].value["To what"].tolist() == ["Night"]
    page.text_input(key="find").set_value("no such thing").run()
    assert "No change matches" in text_of(page) and not page.dataframe
