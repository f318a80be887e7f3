"""A real browser for tests: the system's Chromium, or the one that playwright has installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from factories import PASSWORD
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from dashboard.navigation import DashboardPage
from languages import LANGUAGES, gettext, speaking

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# A busy machine takes its time over a page.
PATIENCE = 30_000
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

_SOON = "const later = setTimeout; window.setTimeout = (work, wait) => later(work, Math.min(wait, 200));"
_SETTLED = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.dataset.testScriptState === "notRunning" && document.querySelector(".mm-title h1")
    && !document.querySelector('[data-testid="stSkeleton"]');
}"""


def find_chromium(installed: str) -> str | None:
    """The path of a Chromium: one on the PATH, else `installed` (playwright's own) where it is there."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    return installed if Path(installed).exists() else None


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window. Raises `LookupError` where the machine has none."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        executable = find_chromium(playwright.chromium.executable_path)
        if executable is None:
            raise LookupError("no Chromium here; install one, or run: playwright install chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def open_phone(browser: Browser) -> Page:
    """A page on a telephone, where what the page itself waits for takes a fifth of a second."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, locale="en-GB"
    )
    context.add_init_script(_SOON)
    return context.new_page()


def fill_in_sign_in(
    context: BrowserContext, url: str, path: str = "/", user_name: str = "selam", password: str = PASSWORD
) -> Page:
    """A page of the dashboard as somebody who came for `path` sees it after signing in, in any language."""
    page = context.new_page()
    page.goto(url + path)
    page.locator("#user_name").fill(user_name)
    page.locator("#password").fill(password)
    page.locator("#password").press("Enter")
    return page


def console_errors(context: BrowserContext) -> list[str]:
    """What the browser's console complains of from now on, such as a file that is not there; it grows."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            found.append(f"{message.text} ({message.location['url']})")

    context.on("console", hear)
    context.on("weberror", lambda raised: found.append(str(raised.error)))
    return found


def turn_to(page: Page, wanted: DashboardPage) -> None:
    """Choose a page of the navigation; what is loaded already is not loaded anew."""
    page.locator(f'[data-testid="stSidebarNavLink"][href$="/{wanted.path}"]').click()
    # Until then the page before stands there.
    expect(page.locator(".mm-title h1")).to_have_text(_in_any_language(wanted.title))
    await_all(page)


def _in_any_language(english: str) -> re.Pattern[str]:
    told = []
    for language in LANGUAGES:
        with speaking(language):
            told.append(re.escape(gettext(english)))
    return re.compile(f"^({'|'.join(told)})$")


def await_all(page: Page) -> None:
    """Once the page has said all."""
    page.wait_for_function(_SETTLED)
