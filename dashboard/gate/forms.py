"""The two server-rendered pages: sign in, and log out. They need no script and nothing of Streamlit's."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlencode

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


_LOG_OUT_BUTTONS = """\
<button>Log out here</button>
<button class="other" name="everywhere" value="1">Log out everywhere</button>"""


def sign_in_form(
    *,
    csrf_token: str,
    next_path: str,
    provider: str = "",
    user_name: str = "",
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    """`provider` is what signing in elsewhere is called; empty where that is not set up."""
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
        form=_form(rules.LOGIN, csrf_token, fields),
        after=_elsewhere(provider, next_path) if provider else "",
    )


def log_out_form(*, csrf_token: str) -> HTMLResponse:
    return _page(
        200,
        title="Log out",
        subtitle="Here, in every tab of this browser, or on every device on which you are signed in.",
        problem="",
        form=_form(rules.LOGOUT, csrf_token, _LOG_OUT_BUTTONS),
        after='<a class="back" href="/">Stay signed in</a>',
    )


def message_page(title: str, sentence: str, *, status: int, after: str = "") -> HTMLResponse:
    """Something to know instead of a form, and the way back to it. `after` is HTML."""
    back = f'<a class="back" href="{rules.LOGIN}">Back to the sign-in form</a>'
    return _page(status, title=title, subtitle=sentence, problem="", form="", after=after + back)


def _form(action: str, csrf_token: str, fields: str) -> str:
    return (
        f'<form method="post" action="{action}">'
        f'<input type="hidden" name="csrf_token" value="{csrf_token}">{fields}</form>'
    )


def _elsewhere(provider: str, next_path: str) -> str:
    where = f"{rules.OIDC_BEGIN}?{urlencode({'next': next_path})}"
    link = f'<a class="button other" href="{escape(where)}">Sign in with {escape(provider)}</a>'
    return f'<div class="or">or</div>{link}'


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
