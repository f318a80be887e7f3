"""The two server-rendered pages: sign in, and log out. They need no script and nothing of Streamlit's."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

import streamlit
from starlette.responses import HTMLResponse

from dashboard.gate import headers, rules

_HERE = Path(__file__).parent

_SIGN_IN_FIELDS = Template("""\
<input type="hidden" name="next" value="$next">
<label for="user_name">User name</label>
<input id="user_name" name="user_name" value="$user_name" autocomplete="username" autocapitalize="none"
 spellcheck="false" maxlength="255" required$focus_name>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024"
 required$focus_password>
<button>Sign in</button>""")


def sign_in_form(
    *, csrf_token: str, next_path: str, user_name: str = "", problem: str = "", status: int = 200
) -> HTMLResponse:
    fields = _SIGN_IN_FIELDS.substitute(
        next=escape(next_path),
        user_name=escape(user_name),
        focus_name="" if user_name else " autofocus",
        focus_password=" autofocus" if user_name else "",
    )
    return _page(
        status,
        title="Sign in",
        subtitle="Your charging network at a glance",
        problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
        action=rules.LOGIN,
        csrf_token=csrf_token,
        fields=fields,
        after="",
    )


def log_out_form(*, csrf_token: str) -> HTMLResponse:
    return _page(
        200,
        title="Log out",
        subtitle="This ends your session in every tab of this browser.",
        problem="",
        action=rules.LOGOUT,
        csrf_token=csrf_token,
        fields="<button>Log out</button>",
        after='<a class="back" href="/">Stay signed in</a>',
    )


def _page(status: int, **parts: str) -> HTMLResponse:
    page = Template(_text("form.html")).substitute(parts, style=_style())
    policy = headers.form_policy(_style())
    return HTMLResponse(page, status, headers={"content-security-policy": policy})


@cache
def _style() -> str:
    """The style sheet, with the font that the pages behind it use: Streamlit's, under its hashed name."""
    static = Path(streamlit.__file__).parent / "static"
    font = next((static / "static" / "media").glob("SourceSansVF-Upright*.woff2"), None)
    address = f"/{font.relative_to(static)}" if font else ""
    return _text("form.css").replace("$font", address)


@cache
def _text(name: str) -> str:
    return (_HERE / name).read_text("utf-8")
