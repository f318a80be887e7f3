"""What the dashboard adds where it is asked over TLS, by itself or through a proxy that says so."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import create_engine
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message

from dashboard.gate import cookies
from dashboard.gate.middleware import Gate
from dashboard.gate.signins import SignIns

SCHEMES = ["https", "http"]


def _scope(scheme: str) -> dict[str, object]:
    return {
        "type": "http",
        "method": "GET",
        "path": "/static/x",
        "headers": [],
        "scheme": scheme,
        "server": ("x", 1),
    }


async def _hear() -> Message:
    return {"type": "http.disconnect"}


def _headers(scheme: str) -> Headers:
    """Those of an answer to which nobody's session and no store is needed."""
    sign_ins = SignIns(engine=create_engine("sqlite://"), secret="s", lasting=timedelta(hours=1))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    gate = Gate(
        PlainTextResponse("ok"),
        sign_ins=sign_ins,
        policy="default-src 'self'",
        has_page=lambda _found, _path: True,
    )
    asyncio.run(gate(_scope(scheme), _hear, send))
    return Headers(raw=sent[0]["headers"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_browsers_are_told_to_stay_with_tls(scheme: str) -> None:
    assert ("strict-transport-security" in _headers(scheme)) is (scheme == "https")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_referrers_go_to_no_other_site(scheme: str) -> None:
    assert _headers(scheme)["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_cookies_of_a_page_over_tls_are_never_sent_without(scheme: str) -> None:
    assert cookies.flags(Request(_scope(scheme)))["secure"] is (scheme == "https")
