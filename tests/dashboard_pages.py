"""Pages of the dashboard run for a given user over a given store, without a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from factories import PASSWORD
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from dashboard import loading, resources, visitor
from dashboard.commands import orders
from dashboard.gate.signins import SignIns
from settings import Settings

SCRIPT = Path(__file__).resolve().parent.parent / "dashboard" / "main.py"
_TAGS = re.compile(r"<(style|script).*?</\1>|<[^>]+>", re.DOTALL)

OpenPage = Callable[..., AppTest]


@contextmanager
def opening_pages(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Opens a page as a user, by its name: `open_page("admin", "sessions", period="7d")`."""
    monkeypatch.setattr(resources, "engine", lambda: engine)
    monkeypatch.setattr(resources, "settings", lambda: settings)
    monkeypatch.setattr(resources, "cookie_secret", lambda: "secret")
    forget_backend()
    loading.forget()
    sign_ins = SignIns(engine=engine, secret="secret", lasting=timedelta(hours=1))

    def opening(user_name: str | None, page: str = "", **query: str) -> AppTest:
        cookie = sign_ins.sign_in(user_name, PASSWORD, "test") if user_name else ""
        monkeypatch.setattr(visitor, "session_cookie", lambda: cookie)
        test = AppTest.from_file(str(SCRIPT), default_timeout=20)
        for name, value in query.items():
            test.query_params[name] = value
        test.run()
        if page:
            test.switch_page(f"views/{page}.py").run()
        assert not test.exception, test.exception
        return test

    yield opening
    loading.forget()
    forget_backend()


def forget_backend() -> None:
    resources.backend.cache_clear()
    orders._service.cache_clear()


def text_of(page: AppTest) -> str:
    """Everything that the page says, as a reader sees it."""
    found = [element.proto.body for element in page.get("html")]
    found += [
        str(getattr(element, "value", ""))
        for kind in ("markdown", "caption", "error")
        for element in page.get(kind)
    ]
    return " ".join(unescape(_TAGS.sub(" ", " ".join(found))).replace("\u00a0", " ").split())


def everything_on(page: AppTest) -> str:
    """What is sent to a browser: texts, choices, charts and tables, as far as it can be read."""
    tables = " ".join(table.value.to_csv() for table in page.dataframe)
    return " ".join(str(each.proto) for each in page._tree if getattr(each, "proto", None)) + tables
