"""The Jobs page in a real browser, with a scheduler that does what it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from browser import fill_in_sign_in
from dashboard_server import serving
from factories import add_user, make_store
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import Engine

from db.engine import writing
from jobs.runs import Job, Outcome, Progress, Runner
from jobs.scheduler import announce, make_scheduler
from schedule import Schedule

STEPS = 30


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = make_store(tmp_path_factory.mktemp("jobs"))
    with writing(engine) as store:
        add_user(store, "admin")
    return engine


@pytest.fixture(scope="module")
def scheduler(engine: Engine) -> Iterator[list[int]]:
    """One job, due once a year, that takes three seconds; the list grows with each run."""
    ran: list[int] = []

    def work(progress: Progress) -> Outcome:
        ran.append(1)
        for step in range(STEPS if len(ran) > 1 else 1):
            progress(step, STEPS)
            time.sleep(0.1)
        return Outcome(STEPS, note=f"run {len(ran)} is over")

    jobs = [Job("yearly", work, Schedule(cron="0 0 1 1 *"), "Takes its time")]
    with Runner(engine) as runner:
        scheduler = make_scheduler(runner, jobs)
        announce(engine, jobs)
        scheduler.start()
        yield ran
        runner.stop()
        scheduler.shutdown()


@pytest.fixture
def page(
    engine: Engine,
    scheduler: list[int],  # noqa: ARG001 - it must be running
    context: BrowserContext,
) -> Iterator[Page]:
    with serving(engine) as url:
        yield fill_in_sign_in(context, url, "/jobs", "admin")


def test_a_job_is_run_from_its_button_seen_running_and_seen_over(page: Page, scheduler: list[int]) -> None:
    card = page.locator(".st-key-card-job-yearly")
    expect(card).to_contain_text("run 1 is over")
    card.get_by_role("button", name="Run now").click()
    # Two quick clicks are one intention.
    page.get_by_role("dialog").get_by_role("button", name="Run now").dblclick()
    expect(card.get_by_role("progressbar")).to_be_visible()
    expect(card.get_by_role("button", name="Run now")).to_be_disabled()
    expect(card).to_contain_text("run 2 is over")
    expect(card.get_by_role("button", name="Run now")).to_be_enabled()
    assert len(scheduler) == 2
