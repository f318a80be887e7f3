"""What frames a page: its style, titles, notices, and what stands where there is nothing."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

from dashboard.markup.borrowed import phrases
from languages import LANGUAGES, _, current

_FOLDER = Path(__file__).parent.parent
STYLE_SHEET = _FOLDER / "style.css"
# The one script of ours. The Content-Security-Policy names its hash for each language: no other runs.
SCRIPT = _FOLDER / "browser.js"
# What Markdown reads as its own: most signs anywhere; points, colons and dashes where they could be of an
# address, an icon or a list.
_MARKS = re.compile(r"[\\`*_{}\[\]<>#|~$]|[.:](?=\S)|(?<=\d)[.)](?=\s)|(?<!\S)[-+]")


def style_sheet() -> str:
    return f"<style>{STYLE_SHEET.read_text('utf-8')}</style>"


def script() -> str:
    return f"<script>{scripts()[current()]}</script>"


def scripts() -> dict[str, str]:
    """By the language that they tell the browser the page is in."""
    script = SCRIPT.read_text("utf-8")
    return {
        language: f'{script}window.mmSpeak("{language}", {json.dumps(phrases(language))});\n'
        for language in LANGUAGES
    }


def plain(text: str) -> str:
    """Text from people for a place that reads Markdown: nothing in it is a link, an image or emphasis."""
    return _MARKS.sub(r"\\\g<0>", text)


def about(words: str, what: str) -> str:
    """A button's or a link's words, with what they are about for who does not see beside what it stands.

    The style sheet hides the emphasis from the eye.
    """
    return f"{words} *{plain(' '.join(what.split()))}*" if what.strip() else words


def title(text: str, caption: str) -> str:
    return f'<div class="mm-title"><h1>{escape(text)}</h1><p>{escape(caption)}</p></div>'


def card_title(text: str, caption: str = "") -> str:
    below = f"<p>{escape(caption)}</p>" if caption else ""
    return f'<div class="mm-card-title"><h2>{escape(text)}</h2>{below}</div>'


def notice(headline: str, sentence: str) -> str:
    """Something to know about all that a page shows, above it."""
    return (
        f'<div class="mm-card mm-notice" role="status"><b>{escape(headline)}</b>'
        f"<p>{escape(sentence)}</p></div>"
    )


def empty(headline: str, sentence: str) -> str:
    """What a place says that has nothing to show, and what to do about it."""
    return (
        f'<div class="mm-empty"><i class="mm-bolt" aria-hidden="true"></i><b>{escape(headline)}</b>'
        f"<p>{escape(sentence)}</p></div>"
    )


def user_card(name: str, role: str) -> str:
    initial = escape(name[:1].upper() or "?")
    return (
        f'<div class="mm-user"><span class="mm-avatar" aria-hidden="true">{initial}</span>'
        f'<span class="mm-who"><b>{escape(name)}</b><span>{escape(role)}</span></span>'
        '<a href="/logout">' + escape(_("Log out")) + "</a></div>"
    )
