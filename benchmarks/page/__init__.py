"""How long pages take in Chromium, from navigation to the last chart drawn, on a store of a million sessions.

`cold_ms` is the first navigation to a fresh dashboard process by a browser that has never been there,
`warm_ms` a later one by a browser that has, as an owner's each morning; both are medians. `warm_ratio`
compares with `empty_page_ms`, measured in turn with the page: the same server, gate, theme and style sheet
with as many charts, buttons, tables, HTML elements, fields, choices, columns, rows and pages in the menu as
the page itself has, all of them constants, which is checked. `naive_ms` is a page that reads the sessions
with pandas on every run. `live` has open Live pages that refresh themselves on one process: from a panel's
request to its answer, in clients that speak Streamlit's protocol, so that no browser's drawing takes the
processors from the server.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, BrowserContext
from sqlalchemy import Engine, select

from benchmarks.analytics.fixture import ZONE, filled_store
from benchmarks.network import END
from benchmarks.page.browser import Visit, browsing, drawn_after, elements, returning
from benchmarks.page.live import refreshes
from benchmarks.stack import Stack
from benchmarks.targets import Result, Target
from dashboard.gate.signing import sign
from db import access
from db.engine import writing
from db.models import User, utc_now

_DAY = END.astimezone(ZoneInfo(ZONE)).date()
_DATES = {"from": str(_DAY - timedelta(days=29)), "to": str(_DAY)}
# The path of each page, and how many charts it has for this period.
_PAGES = {"Overview": ("", 2), "Revenue": ("revenue", 1), "Availability": ("availability", 3)}
_USER = "benchmark"
_NAIVE_PATIENCE_MS = 600_000


def _times_as_fast(result: Result) -> float | None:
    """The slowest page beside the naive one."""
    slowest: float = max(page["warm_ms"] for page in result["pages"].values())
    return None if result["naive_ms"] is None else result["naive_ms"] / slowest


TARGETS = (
    *(
        Target(
            f"ms to the last chart of {name}",
            f"pages.{name}.warm_ms",
            f"pages.{name}.warm_ratio",
            at_most=1.15,
        )
        for name in _PAGES
    ),
    Target("times as fast as a page that reads every session", _times_as_fast, at_least=10),
    Target("refreshes of 20 Live pages that took longer than their 2 s", "live.late", at_most=0),
)
QUICK = ("--sessions", "20000", "--processes", "1", "--runs", "3", "--live-seconds", "10")


def main(arguments: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="benchmarks page", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--keep", type=Path, help="a folder in which the store is kept for the next run")
    parser.add_argument("--processes", type=int, default=3, help="fresh ones, for each page's cold figure")
    parser.add_argument("--runs", type=int, default=7, help="warm navigations to each page")
    parser.add_argument("--live-pages", type=int, default=20)
    parser.add_argument("--live-seconds", type=float, default=30)
    parser.add_argument("--no-naive", action="store_true", help="leave out the naive page, which takes long")
    options = parser.parse_args(arguments)
    with (
        filled_store(options.store, options.sessions, options.keep) as (engine, _),
        tempfile.TemporaryDirectory(prefix="page") as folder,
        Stack(Path(folder), {"DATABASE_URL": engine.url.render_as_string(hide_password=False)}) as stack,
    ):
        cookie = _signed_in(engine, stack)
        with browsing() as browser:
            cold = {name: _cold(stack, browser, cookie, name, options.processes) for name in _PAGES}
        with returning() as returner:
            warm = _warm(stack, returner, cookie, options.runs)
            naive = None if options.no_naive else _naive(stack, returner, cookie)
        stack.start("dashboard")
        live = refreshes(stack.settings.dashboard_url, cookie, options.live_pages, options.live_seconds)
    return {
        "sessions": options.sessions,
        "store": options.store,
        "pages": {name: {"cold_ms": cold[name], **_compared(*warm[name])} for name in _PAGES},
        "empty_page_ms": {name: round(empty) for name, (_, empty) in warm.items()},
        "naive_ms": naive,
        "live": live,
    }


def _compared(page: float, empty: float) -> dict[str, float]:
    return {"warm_ms": round(page), "warm_ratio": round(page / empty, 3)}


def _signed_in(engine: Engine, stack: Stack) -> str:
    """The cookie of an admin's session."""
    secret = stack.settings.cookie_secret
    assert secret is not None, "a stack has fresh secrets"
    with writing(engine) as store:
        user = store.scalar(select(User).where(User.user_name == _USER)) or access.create_user(
            store, user_name=_USER, password=secret.get_secret_value(), name="Benchmark", role="admin"
        )
        store.flush()
        token = access.sign_in(store, user, utc_now(), timedelta(hours=12))
    return sign(token, secret.get_secret_value(), "session")


def _visit(stack: Stack, cookie: str, name: str) -> Visit:
    path, charts = _PAGES[name]
    return Visit(f"{stack.settings.dashboard_url}/{path}?{urlencode(_DATES)}", cookie, charts)


def _cold(stack: Stack, browser: Browser, cookie: str, name: str, processes: int) -> int:
    found = []
    for _ in range(processes):
        stack.start("dashboard")
        found.append(drawn_after(browser, _visit(stack, cookie, name)))
        stack.stop("dashboard")
    return round(statistics.median(found))


def _warm(stack: Stack, browser: BrowserContext, cookie: str, runs: int) -> dict[str, tuple[float, float]]:
    """The medians of each page and of its empty page, taken in turns: the machine is not always as fast."""
    stack.start("dashboard")
    with _serving(stack, "empty.py") as url:
        found = {}
        for name in _PAGES:
            visit = _visit(stack, cookie, name)
            empty = _as_full(browser, visit, f"{url}/{_PAGES[name][0]}")
            pairs = [(drawn_after(browser, visit), drawn_after(browser, empty)) for _ in range(runs)]
            page, other = map(statistics.median, zip(*pairs, strict=True))
            found[name] = (page, other)
    stack.stop("dashboard")
    return found


def _as_full(browser: BrowserContext, visit: Visit, url: str) -> Visit:
    """The empty page with as many elements as `visit` has, under the same path: the document is the path's.

    Raises `AssertionError` where a kind of element is not drawn as often.
    """
    page = elements(browser, visit)
    bare = elements(browser, Visit(url, visit.cookie, 0))
    counts = {kind: count - bare[kind] for kind, count in page.items()}
    empty = Visit(f"{url}?{urlencode(counts)}", visit.cookie, visit.charts)
    drawn = elements(browser, empty)
    assert drawn == page, f"the empty page has {drawn}, the page {page}"
    return empty


@contextmanager
def _serving(stack: Stack, script: str) -> Iterator[str]:
    """The address of a script of this package, over the same store and with the same sessions."""
    secret = stack.settings.cookie_secret
    assert secret is not None, "a stack has fresh secrets"
    shared = {"DATABASE_URL": stack.settings.database_url, "COOKIE_SECRET": secret.get_secret_value()}
    with (
        tempfile.TemporaryDirectory(prefix="page") as folder,
        Stack(Path(folder), shared, {"dashboard": "benchmarks.page.app"}) as other,
    ):
        other.start("dashboard", arguments=(script,))
        yield other.settings.dashboard_url


def _naive(stack: Stack, browser: BrowserContext, cookie: str) -> int:
    with _serving(stack, "naive.py") as url:
        visit = Visit(url, cookie, 2, _NAIVE_PATIENCE_MS)
        return round(statistics.median(drawn_after(browser, visit) for _ in range(2)))
