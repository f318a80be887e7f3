"""The dashboard as a process of its own, on a free port, for tests that speak HTTP to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import requests
from factories import PASSWORD
from ports import free_port
from sqlalchemy import Engine

from dashboard.gate.signing import SESSION_COOKIE

ROOT = Path(__file__).resolve().parent.parent
_CSRF = re.compile(r'name="csrf_token" value="([0-9a-f]+)"')


@contextmanager
def serving(engine: Engine, **environment: str) -> Iterator[str]:
    """The address of a dashboard over this store. `environment` adds to its settings."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    # A pipe that nobody reads is full after some pages, and then the dashboard waits.
    with tempfile.TemporaryFile(mode="w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard"],
            cwd=ROOT,
            env=os.environ
            | {
                "DASHBOARD_PORT": str(port),
                "DATABASE_URL": engine.url.render_as_string(hide_password=False),
                "COOKIE_SECRET": "a secret of the tests",
            }
            | environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            _wait_until_healthy(url, process, said)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_healthy(url: str, process: subprocess.Popen[str], said: IO[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said.seek(0)
            raise RuntimeError(f"the dashboard ended by itself: {said.read()}")
        try:
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError("the dashboard did not become healthy")


def csrf_token(page: str) -> str:
    found = _CSRF.search(page)
    assert found, "the page has no form"
    return found.group(1)


def sign_in(
    url: str, user_name: str, password: str = PASSWORD, *, next_path: str = "/", **headers: str
) -> tuple[requests.Session, requests.Response]:
    """Fill in the sign-in form as a browser would. `headers` by their names with underscores."""
    browser = requests.Session()
    form = browser.get(f"{url}/login", timeout=10)
    answer = browser.post(
        f"{url}/login",
        data={
            "csrf_token": csrf_token(form.text),
            "user_name": user_name,
            "password": password,
            "next": next_path,
        },
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        allow_redirects=False,
        timeout=20,
    )
    return browser, answer


def session_cookie(browser: requests.Session) -> str:
    return browser.cookies[SESSION_COOKIE]
