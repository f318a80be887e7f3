"""How long a page takes in Chromium, from navigation to its last chart drawn."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    ViewportSize,
    sync_playwright,
)

from dashboard.gate.signing import SESSION_COOKIE

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_SCREEN: ViewportSize = {"width": 1440, "height": 1000}
_PATIENCE_MS = 60_000
# A chart is drawn when its layer of traces has something in it; asked on each frame of the browser.
_DRAWN = """charts => {
  const drawn = [...document.querySelectorAll('.js-plotly-plot')].filter(plot =>
    plot.querySelector('.cartesianlayer .trace, .cartesianlayer .hm image'));
  return drawn.length >= charts ? performance.now() : null;
}"""
# What is on the page, by what an empty page can show as many of.
_COUNTED = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  const count = selector => app.querySelectorAll(selector).length;
  return {
    charts: count('.stPlotlyChart'),
    tables: count('.stDataFrame'),
    htmls: count('.stHtml'),
    choices: count('.stButtonGroup'),
    dates: count('.stDateInput'),
    selects: count('.stSelectbox'),
    popovers: count('.stPopover'),
    expanders: count('.stExpander'),
    buttons: count('.stButton, .stDownloadButton'),
    explained: count('.stTooltipIcon button'),
    columns: count('.stVerticalBlock'),
    rows: count('.stHorizontalBlock'),
    pages: count('[data-testid="stSidebarNavLink"]'),
  };
}"""


@dataclass(frozen=True)
class Visit:
    """An address, the session's cookie, how many charts the page has, and how long they may take."""

    url: str
    cookie: str
    charts: int
    patience_ms: float = _PATIENCE_MS


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser without a window. Raises `LookupError` where the machine has none."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_executable(playwright), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def returning() -> Iterator[BrowserContext]:
    """A browser with a profile on disk, as a person's, whose cache keeps what it was told to keep."""
    with tempfile.TemporaryDirectory(prefix="profile") as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=_executable(playwright), args=list(_ARGUMENTS), viewport=_SCREEN
        )
        try:
            yield context
        finally:
            context.close()


def drawn_after(browser: Browser | BrowserContext, visit: Visit) -> float:
    """Milliseconds of one navigation; a `Browser` has nothing of the page in its cache."""
    with _visiting(browser, visit) as page:
        return _wait(page, visit)


def elements(browser: Browser | BrowserContext, visit: Visit) -> Mapping[str, int]:
    """How many elements of each kind the page has."""
    with _visiting(browser, visit) as page:
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        _wait(page, visit)
        # Tables may be drawn after the last chart.
        page.wait_for_selector('[data-testid="stSkeleton"]', state="detached")
        found: Mapping[str, int] = page.evaluate(_COUNTED)
        return found


def _executable(playwright: Playwright) -> str:
    installed = playwright.chromium.executable_path
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None and not Path(installed).exists():
        raise LookupError("no Chromium here; install one, or run: playwright install chromium")
    return executable or installed


@contextmanager
def _visiting(browser: Browser | BrowserContext, visit: Visit) -> Iterator[Page]:
    fresh = browser.new_context(viewport=_SCREEN) if isinstance(browser, Browser) else None
    context = fresh or browser
    assert isinstance(context, BrowserContext)
    try:
        context.add_cookies([{"name": SESSION_COOKIE, "value": visit.cookie, "url": visit.url}])
        page = context.new_page()
        page.goto(visit.url, wait_until="commit", timeout=_PATIENCE_MS)
        yield page
        page.close()
    finally:
        if fresh:
            fresh.close()


def _wait(page: Page, visit: Visit) -> float:
    drawn = page.wait_for_function(_DRAWN, arg=visit.charts, timeout=visit.patience_ms)
    return float(drawn.json_value())
