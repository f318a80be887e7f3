"""The pages for phones: what a code leads to, and the charge that was paid there.

One file each with its style and script within, so that a phone with a slow line asks once; nothing comes from
anywhere else, and the policy lets nothing else in.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from flask import Response, request
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from db.engine import reading
from ocpp_integration.errors import NotFound as Missing
from ocpp_integration.payments import attempts
from ocpp_integration.payments.tokens import connector_by
from webhook_receiver import payments
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound
from webhook_receiver.parameters import OnePayment, OneToken
from webhook_receiver.phone_words import words

_FOLDER = Path(__file__).with_name("templates")


def pay(*, path: OneToken) -> Response:
    return _asked_for(lambda: _know_code(path.token))


def follow(*, path: OnePayment) -> Response:
    return _asked_for(lambda: _know_payment(path.session_token))


def _asked_for(know: Callable[[], None]) -> Response:
    """The page, for a browser also where what it asks for is not there: a person is told so in words."""
    try:
        payments.provider()
        know()
    except NotFound:
        # Programs do not name it; the browsers of people always do.
        if "text/html" not in request.headers.get("Accept", ""):
            raise
        return page("pay", status=404)
    return page("pay")


def _know_code(token: str) -> None:
    with reading(receiver().engine) as store:
        if connector_by(store, token) is None:
            raise NotFound("there is no such code")


def _know_payment(reference: str) -> None:
    try:
        attempts.find(receiver().engine, reference)
    except Missing as error:
        raise NotFound("there is no such payment") from error


def page(name: str, *, status: int = 200) -> Response:
    """The page `name`, the same for everybody: its script asks for what it shows."""
    html, policy = _made(name)
    headers = {"Content-Security-Policy": policy}
    return Response(html, status, headers=headers, content_type="text/html; charset=utf-8")


@cache
def _made(name: str) -> tuple[str, str]:
    style, script = ((_FOLDER / file).read_text("utf-8") for file in ("phone.css", f"{name}.js"))
    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True)
    html = environment.get_template("phone.html").render(
        style=Markup(style),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        words=Markup(json.dumps(words(), ensure_ascii=False).replace("<", "\\u003c")),  # noqa: S704 - ours
    )
    policy = (
        f"default-src 'none'; style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return html, policy


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
