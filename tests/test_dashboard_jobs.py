"""The Jobs page: what it says of each job, who sees it, and what its button does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from factories import PASSWORD, add_owner, add_user
from sqlalchemy import Engine, select, update
from streamlit.testing.v1 import AppTest
from test_dashboard_pages import text_of

from dashboard import loading, resources, visitor
from dashboard.gate.signins import SignIns
from dashboard.job_card import due
from db import job_runs, job_schedules
from db.engine import reading, writing
from db.job_runs import Ending
from db.job_schedules import Expected
from db.models import JobRun, User, utc_now
from schedule import Schedule
from settings import load

SCRIPT = Path(__file__).resolve().parent.parent / "dashboard" / "main.py"
SYNC = Expected("sync", Schedule(seconds=60), "Tells the backend which stations there are")
APPLY = Expected("apply", Schedule(seconds=0.25), "Applies webhooks", quiet=True)


@dataclass
class Page:
    engine: Engine
    open: Callable[[str], AppTest]
    # Not of when the tests were collected, which may be long ago.
    now: datetime = field(default_factory=utc_now)

    def announce(self, *, due_in: float = 30) -> None:
        with writing(self.engine) as store:
            for job in (SYNC, APPLY):
                next_due = self.now + timedelta(seconds=due_in)
                job_schedules.note_next(store, job, next_due=next_due, now=self.now)

    def begin(self) -> int:
        with writing(self.engine) as store:
            run_id = job_runs.begin(store, "sync", self.now, now=self.now)
        assert run_id
        return run_id

    def ran(self, ending: Ending) -> None:
        run_id = self.begin()
        with writing(self.engine) as store:
            job_runs.finish(store, run_id, ending, self.now + timedelta(seconds=3))

    def runs(self) -> list[JobRun]:
        with reading(self.engine) as store:
            return list(store.scalars(select(JobRun).order_by(JobRun.id)))


@pytest.fixture
def page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    with writing(engine) as store:
        add_user(store, "admin")
        add_user(store, "selam", "owner", add_owner(store))
    settings = load(None)
    sign_ins = SignIns(engine=engine, secret="s", lasting=timedelta(hours=1))
    monkeypatch.setattr(resources, "engine", lambda: engine)
    monkeypatch.setattr(resources, "settings", lambda: settings)
    monkeypatch.setattr(resources, "cookie_secret", lambda: "s")

    def opening(user_name: str) -> AppTest:
        loading.forget()
        monkeypatch.setattr(visitor, "session_cookie", lambda: sign_ins.sign_in(user_name, PASSWORD, "test"))
        test = AppTest.from_file(str(SCRIPT), default_timeout=20)
        test.run()
        test.switch_page("views/jobs.py").run()
        assert not test.exception, test.exception
        return test

    yield Page(engine, opening)
    loading.forget()


def test_a_job_says_what_it_is_for_when_it_ran_and_when_it_is_due(page: Page) -> None:
    page.announce()
    page.ran(Ending("done", 5, note="told 5"))
    said = text_of(page.open("admin"))
    assert "Tells the backend which stations there are Fine Every minute, next in" in said
    assert "5 processed, took 3 s" in said and "told 5" in said


def test_a_failed_job_says_why_and_what_to_do(page: Page) -> None:
    page.announce()
    page.ran(Ending("failed", 3, 3, "The backend <b>is</b> down.", "Start it."))
    said = text_of(page.open("admin"))
    assert "Failed" in said and "3 processed, 3 failed" in said
    assert "The backend <b>is</b> down. What to do: Start it." in said


def test_a_job_that_is_not_run_is_late(page: Page) -> None:
    page.announce(due_in=-300)
    assert "Late Every minute, was due 5 min ago" in text_of(page.open("admin"))


def test_a_running_job_says_how_far_it_has_come_and_cannot_be_asked_for(page: Page) -> None:
    page.announce()
    run_id = page.begin()
    with writing(page.engine) as store:
        job_runs.note_progress(store, run_id, 30, 120)
    test = page.open("admin")
    assert "Running" in text_of(test) and "30 of 120" in text_of(test)
    assert test.button(key="run-sync").disabled


def test_run_now_asks_once_and_leaves_one_request_for_a_scheduler(page: Page) -> None:
    page.announce()
    test = page.open("admin")
    test.button(key="run-sync").click().run()
    assert page.runs() == []
    test.button(key="job-confirm").click().run()
    (run,) = page.runs()
    assert (run.state, run.trigger, run.requested_by) == ("requested", "request", "admin")


def test_a_second_tab_that_asks_too_adds_no_second_run(page: Page) -> None:
    page.announce()
    tabs = [page.open("admin"), page.open("admin")]
    for tab in tabs:
        tab.button(key="run-sync").click().run()
    for tab in tabs:
        tab.button(key="job-confirm").click().run()
    assert [run.state for run in page.runs()] == ["requested"]


def test_a_job_that_runs_all_the_time_has_no_button(page: Page) -> None:
    page.announce()
    assert [button.key for button in page.open("admin").button] == ["run-sync"]


def test_before_any_scheduler_was_started_the_page_says_how_to(page: Page) -> None:
    assert "No scheduler was ever started" in text_of(page.open("admin"))


def test_the_history_of_a_job_is_a_table(page: Page) -> None:
    page.announce()
    page.ran(Ending("failed", 1, 1, "No.", "Look."))
    test = page.open("admin")
    test.selectbox(key="job").set_value("sync").run()
    (table,) = test.dataframe
    assert table.value[["Outcome", "Processed", "What it said"]].values.tolist() == [
        ["Failed", 1, "No. Look."]
    ]


def test_an_owner_sees_no_jobs(page: Page) -> None:
    page.announce()
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        page.open("selam")


def test_who_is_no_admin_any_more_has_nothing_run(page: Page) -> None:
    page.announce()
    test = page.open("admin")
    test.button(key="run-sync").click().run()
    with writing(page.engine) as store:
        store.execute(update(User).where(User.user_name == "admin").values(role="driver"))
    test.button(key="job-confirm").click().run()
    assert page.runs() == []


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("60", "every minute"),
        ("300", "every 5 minutes"),
        ("90", "every 90 seconds"),
        ("86400", "every day"),
        ("0.25", "every 0.25 seconds"),
        ("*/5 * * * *", "*/5 * * * * (UTC)"),
    ],
)
def test_a_schedule_is_told_in_words(schedule: str, words: str) -> None:
    assert due(schedule) == words
