"""The server-rendered pages: sign in, log out, no such page. They need no script, nothing of Streamlit's."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import urlencode

import streamlit
from starlette.responses import HTMLResponse

from dashboard.gate import headers, rules
from languages import LANGUAGES, _, current

_HERE = Path(__file__).parent

_SIGN_IN_FIELDS = Template("""\
<input type="hidden" name="next" value="$next">
<input type="hidden" name="language" value="$language">
<label for="user_name">$name_label</label>
<input id="user_name" name="user_name" value="$user_name" autocomplete="username" autocapitalize="none"
 spellcheck="false" maxlength="255" required$focus_name>
<label for="password">$password_label</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024"
 required$focus_password>
<button>$button</button>""")


def sign_in_form(
    *,
    csrf_token: str,
    next_path: str,
    provider: str = "",
    user_name: str = "",
    problem: str = "",
    status: int = 200,
    language: str = "",
) -> HTMLResponse:
    """`provider` is what signing in elsewhere is called; empty where that is not set up.

    `language` is what the form has just been told to speak, which is kept with who signs in by it.
    """
    fields = _SIGN_IN_FIELDS.substitute(
        next=escape(next_path),
        language=language,
        name_label=escape(_("User name")),
        password_label=escape(_("Password")),
        button=escape(_("Sign in")),
        user_name=escape(user_name),
        focus_name="" if user_name else " autofocus",
        focus_password=" autofocus" if user_name else "",
    )
    return _page(
        status,
        title=_("Sign in"),
        subtitle=_("Your charging network at a glance"),
        problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
        form=_form(rules.LOGIN, csrf_token, fields),
        after=_elsewhere(provider, next_path) if provider else "",
        switch=_switch(next_path),
    )


def log_out_form(*, csrf_token: str) -> HTMLResponse:
    return _page(
        200,
        title=_("Log out"),
        subtitle=_("Here, in every tab of this browser, or on every device on which you are signed in."),
        problem="",
        form=_form(rules.LOGOUT, csrf_token, _log_out_buttons()),
        after=f'<a class="back" href="/">{escape(_("Stay signed in"))}</a>',
        switch="",
    )


def _switch(next_path: str) -> str:
    """Links to the form in the other languages, each in its own."""
    others = {key: name for key, name in LANGUAGES.items() if key != current()}
    asked = {key: urlencode({"language": key, "next": next_path}) for key in others}
    return "".join(
        f'<a class="back" href="{rules.LOGIN}?{escape(asked[key])}" lang="{key}">{escape(name)}</a>'
        for key, name in others.items()
    )


def _log_out_buttons() -> str:
    return (
        f"<button>{escape(_('Log out here'))}</button>"
        f'<button class="other" name="everywhere" value="1">{escape(_("Log out everywhere"))}</button>'
    )


def message_page(title: str, sentence: str, *, status: int, after: str = "") -> HTMLResponse:
    """Something to know instead of a form, and the way back to it. `after` is HTML."""
    back = f'<a class="back" href="{rules.LOGIN}">{escape(_("Back to the sign-in form"))}</a>'
    return _page(status, title=title, subtitle=sentence, problem="", form="", after=after + back, switch="")


def no_such_page() -> HTMLResponse:
    """For who is signed in and asks for an address that leads nowhere."""
    return _page(
        404,
        title=_("There is no such page"),
        subtitle=_("The address is not quite right, or the page is not for you."),
        problem="",
        form="",
        after=f'<a class="button" href="/">{escape(_("Go to the overview"))}</a>',
        switch="",
    )


def _form(action: str, csrf_token: str, fields: str) -> str:
    return (
        f'<form method="post" action="{action}">'
        f'<input type="hidden" name="csrf_token" value="{csrf_token}">{fields}</form>'
    )


def _elsewhere(provider: str, next_path: str) -> str:
    where = f"{rules.OIDC_BEGIN}?{urlencode({'next': next_path})}"
    label = escape(_("Sign in with {provider}", provider=provider))
    link = f'<a class="button other" href="{escape(where)}">{label}</a>'
    return f'<div class="or">{escape(_("or"))}</div>{link}'


def _page(status: int, **parts: str) -> HTMLResponse:
    page = Template(_text("form.html")).substitute(parts, style=_style(), language=current())
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
