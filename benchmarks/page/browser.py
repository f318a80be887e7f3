"""How long a page takes in Chromium, from navigation to its last chart drawn."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from dashboard.gate.signing import SESSION_COOKIE

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
_PATIENCE_MS = 60_000
# A chart is drawn when its layer of traces has something in it; asked on each frame of the browser.
_DRAWN = """charts => {
  const drawn = [...document.querySelectorAll('.js-plotly-plot')].filter(plot =>
    plot.querySelector('.cartesianlayer .trace, .cartesianlayer .hm image'));
  return drawn.length >= charts ? performance.now() : null;
}"""
# What is on the page beside the charts, by what an empty page can show as many of.
_COUNTED = """() => {
  const page = document.querySelector('[data-testid="stMain"]');
  const count = selector => page.querySelectorAll(selector).length;
  return {
    htmls: count('.stHtml'),
    buttons: count('.stButton, .stDownloadButton'),
    tables: count('.stDataFrame'),
    choices: count('.stButtonGroup'),
    containers: count('.stVerticalBlock, .stHorizontalBlock'),
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
        installed = playwright.chromium.executable_path
        executable = next(filter(None, map(shutil.which, _NAMES)), None)
        if executable is None and not Path(installed).exists():
            raise LookupError("no Chromium here; install one, or run: playwright install chromium")
        browser = playwright.chromium.launch(executable_path=executable or installed, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def drawn_after(browser: Browser, visit: Visit) -> float:
    """Milliseconds of one navigation by a browser that has nothing of the page in its cache."""
    with _visiting(browser, visit) as page:
        return _wait(page, visit)


def elements(browser: Browser, visit: Visit) -> Mapping[str, int]:
    """How many elements of each kind the page has."""
    with _visiting(browser, visit) as page:
        _wait(page, visit)
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
        # Tables may be drawn after the last chart.
        page.wait_for_selector('[data-testid="stSkeleton"]', state="detached")
        found: Mapping[str, int] = page.evaluate(_COUNTED)
        return found


@contextmanager
def _visiting(browser: Browser, visit: Visit) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport={"width": 1440, "height": 1000})
    try:
        context.add_cookies([{"name": SESSION_COOKIE, "value": visit.cookie, "url": visit.url}])
        page = context.new_page()
        page.goto(visit.url, wait_until="commit", timeout=_PATIENCE_MS)
        yield page
    finally:
        context.close()


def _wait(page: Page, visit: Visit) -> float:
    drawn = page.wait_for_function(_DRAWN, arg=visit.charts, timeout=visit.patience_ms)
    return float(drawn.json_value())
