"""Logging: one line per record, in two formats, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import log
from settings import load

SECRETS: dict[str, Any] = {
    "ocpp_api_key": "an-api-key-of-the-backend",
    "webhook_secret": "whsec_bmV3c2VjcmV0bmV3 whsec_b2xkc2VjcmV0b2xk",
    "cookie_secret": 'a cookie "secret" of ours',
    "demo_password": "correct horse",
    "metrics_token": "scrape-me-not",
    "database_url": "postgresql+psycopg://app:p%40ssw0rd@db.internal/store",
}
VALUES = (
    "an-api-key-of-the-backend",
    "bmV3c2VjcmV0bmV3",
    "b2xkc2VjcmV0b2xk",
    'a cookie "secret" of ours',
    "correct horse",
    "scrape-me-not",
    "p%40ssw0rd",
    "p@ssw0rd",
)
# What nobody told us is a secret, but looks like one.
UNTOLD = (
    "Authorization: Bearer eyJhbGciOi.abc",
    "{'Authorization': 'Token nqXkQ2w8u_-uPq'}",
    "Authorization: Basic dXNlcjpwYXNz",
    "bad header Token 8fJ2kL0pQ7wZx3vB9nM1aS5dF6gH4jKl",
    "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    "connecting to postgresql://someone:swordfish@host/db",
    "https://example.org/?token=abcdef&x=1",
    '{"password": "swordfish"}',
    "NEW_USER_PASSWORD=swordfish",
    "whsec_c3dvcmRmaXNoc3dvcmRmaXNo",
)
HIDDEN = (
    "eyJhbGciOi",
    "nqXkQ2w8u",
    "dXNlcjpwYXNz",
    "8fJ2kL0p",
    "K5oZfzN95",
    "swordfish",
    "abcdef",
    "c3dvcmRm",
)

Lines = Callable[[], list[str]]


@pytest.fixture(params=["text", "json"])
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    """Logging configured in each format; called, the lines so far."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    written = io.StringIO()
    log.configure("INFO", request.param, load(None, **SECRETS).secrets, stream=written)
    yield lambda: written.getvalue().splitlines()
    root.handlers[:], (sys.excepthook, threading.excepthook) = handlers, hooks
    root.setLevel(level)
    logging.captureWarnings(False)


def _fail(message: str) -> None:
    raise RuntimeError(message)


@pytest.mark.parametrize("value", VALUES)
def test_a_secret_of_the_settings_is_in_no_line(lines: Lines, value: str) -> None:
    logger = logging.getLogger("test")
    logger.info("it is %s", value)
    try:
        _fail(f"cannot use {value}")
    except RuntimeError:
        logger.exception("failed with %r", {"key": value})
    logger.info("fields", extra={"fields": {"told": value}})
    text = "\n".join(lines())
    assert (log.MASK in text, value in text, json.dumps(value)[1:-1] in text) == (True, False, False)


@pytest.mark.parametrize("message", UNTOLD)
def test_what_looks_like_a_secret_is_masked(lines: Lines, message: str) -> None:
    logging.getLogger("test").info(message)
    try:
        _fail(message)
    except RuntimeError:
        logging.getLogger("test").exception("failed")
    text = "\n".join(lines())
    assert [hidden for hidden in HIDDEN if hidden in text] == []


def test_an_ordinary_line_stays_as_it_is(lines: Lines) -> None:
    logging.getLogger("test").info("the use of token 5 could not be marked: database is locked")
    assert "the use of token 5 could not be marked: database is locked" in lines()[0]


def test_a_message_cannot_begin_a_line_of_its_own(lines: Lines) -> None:
    logging.getLogger("test").info("one\nERROR two\r\nthree")
    assert len(lines()) == 1


def test_a_thread_that_ends_by_an_error_is_logged_without_its_secrets(lines: Lines) -> None:
    thread = threading.Thread(target=_fail, args=("no luck with scrape-me-not",))
    thread.start()
    thread.join()
    text = "\n".join(lines())
    assert ("RuntimeError" in text, "scrape-me-not" in text) == (True, False)


def test_a_process_that_ends_by_an_error_logs_it_without_its_secrets(lines: Lines) -> None:
    error = RuntimeError("no luck with scrape-me-not")
    sys.excepthook(RuntimeError, error, None)
    text = "\n".join(lines())
    assert ("RuntimeError" in text, "scrape-me-not" in text) == (True, False)


def test_the_request_id_is_in_every_line_of_its_context(lines: Lines) -> None:
    token = log.request_id.set("request-1")
    logging.getLogger("a").info("one")
    logging.getLogger("b").warning("two")
    log.request_id.reset(token)
    logging.getLogger("b").warning("three")
    assert ["request-1" in line for line in lines()] == [True, True, False]


def test_a_library_with_handlers_of_its_own_is_adopted(lines: Lines) -> None:
    library = logging.getLogger("stranger.part")
    library.addHandler(logging.StreamHandler(sys.stderr))
    library.propagate = False
    log.adopt("stranger")
    library.error("scrape-me-not")
    (line,) = lines()
    assert "scrape-me-not" not in line


def test_a_line_that_cannot_be_written_is_told_without_its_secrets(
    lines: Lines, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest would raise what its own handlers cannot format.
    monkeypatch.setattr(logging.root, "handlers", logging.root.handlers[:1])
    logging.getLogger("test").info("%d is scrape-me-not", "scrape-me-not")
    told = capsys.readouterr().err
    assert ("was not logged" in told, "scrape-me-not" in told, lines()) == (True, False, [])
