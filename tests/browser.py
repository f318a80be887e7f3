"""A real browser for tests: the system's Chromium, or the one that playwright has installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factories import PASSWORD
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def find_chromium(installed: str) -> str | None:
    """The path of a Chromium: one on the PATH, else `installed` (playwright's own) where it is there."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    return installed if Path(installed).exists() else None


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window. Raises `LookupError` where the machine has none."""
    with sync_playwright() as playwright:
        executable = find_chromium(playwright.chromium.executable_path)
        if executable is None:
            raise LookupError("no Chromium here; install one, or run: playwright install chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def fill_in_sign_in(context: BrowserContext, url: str, path: str = "/", user_name: str = "selam") -> Page:
    """A page of the dashboard as somebody who came for `path` sees it after signing in."""
    page = context.new_page()
    page.goto(url + path)
    page.get_by_label("User name").fill(user_name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page
