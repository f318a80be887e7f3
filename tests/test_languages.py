"""Texts in Amharic: all of them, with the places of their values, by number, and as days and lengths."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

import languages
from dashboard import formats
from languages import FOLDER, dates, gettext, ngettext, speaking, told
from management import catalog
from settings import ROOT

_PLACES = re.compile(r"\{\w*[^{}]*\}")
_NUMBER = re.compile(r"\{n(?::[^{}]*)?\}")


@pytest.fixture(scope="module")
def template() -> Catalog:
    return catalog.template()


@pytest.fixture(scope="module")
def amharic() -> Catalog:
    with (FOLDER / "am.po").open("rb") as file:
        return read_po(file, locale="am")


def _forms(string: object) -> tuple[str, ...]:
    return tuple(map(str, string)) if isinstance(string, (tuple, list)) else (str(string or ""),)


def test_every_text_of_the_source_is_translated(template: Catalog, amharic: Catalog) -> None:
    known = {message.id: message for message in amharic if message.id and not message.fuzzy}
    assert [
        message.id
        for message in template
        if message.id and not (message.id in known and all(_forms(known[message.id].string)))
    ] == []


def test_nothing_is_translated_that_nobody_says(template: Catalog, amharic: Catalog) -> None:
    said = {message.id for message in template}
    assert [message.id for message in amharic if message.id not in said] == []


def test_a_translation_has_the_places_of_its_text(amharic: Catalog) -> None:
    def places(text: str) -> set[str]:
        return {place for place in _PLACES.findall(text) if not _NUMBER.fullmatch(place)}

    wrong = []
    for message in filter(lambda each: each.id, amharic):
        english = _forms(message.id)
        wanted = set().union(*map(places, english))
        wrong += [form for form in _forms(message.string) if places(form) != wanted]
        # One of something may be said without the number.
        wrong += [
            each
            for text, each in zip(english[1:], _forms(message.string)[1:], strict=True)
            if _NUMBER.findall(text) != _NUMBER.findall(each)
        ]
    assert wrong == []


@pytest.mark.parametrize(("number", "words"), [(0, "0 ጣቢያ"), (1, "1 ጣቢያ"), (2, "2 ጣቢያዎች"), (30, "30 ጣቢያዎች")])
def test_a_number_chooses_the_form_by_the_rule_of_its_language(number: int, words: str) -> None:
    with speaking("am"):
        assert ngettext("{n} station", "{n} stations", number) == words


def test_without_a_language_texts_are_english() -> None:
    assert (gettext("Energy"), ngettext("{n} station", "{n} stations", 0)) == ("Energy", "0 stations")


def test_a_language_ends_with_what_it_was_spoken_in() -> None:
    with speaking("am"):
        assert gettext("Energy") == "ኃይል"
        with speaking("en"):
            assert gettext("Energy") == "Energy"
        assert gettext("Energy") == "ኃይል"
    assert gettext("Energy") == "Energy"


def test_days_and_months_have_their_names() -> None:
    day = date(2026, 11, 22)
    assert (dates.told(day, "EEE d MMM y"), dates.weekday(0)) == ("Sun 22 Nov 2026", "Mon")
    with speaking("am"):
        assert dates.told(day, "EEE d MMM y") == "እሑድ 22 ኖቬም 2026"
        assert (dates.told(day, "MMMM y"), dates.weekday(0)) == ("ኖቬምበር 2026", "ሰኞ")
        assert formats.days(date(2026, 10, 30), date(2026, 11, 3)) == "30 ኦክቶ – 2 ኖቬም 2026"


def test_lengths_and_ages_are_told_in_words() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    with speaking("am"):
        assert formats.duration(3 * 3600 + 300).replace("\u00a0", " ") == "3 ሰዓት 05 ደቂቃ"
        assert formats.ago(now - timedelta(minutes=2), now).replace("\u00a0", " ") == "ከ2 ደቂቃ በፊት"


def test_numbers_are_written_alike_in_both_languages() -> None:
    number = Decimal("1234567.5")
    assert f"{number:,}" == format_decimal(number, locale="am") == format_decimal(number, locale="en")


def test_a_sentence_that_was_kept_in_english_is_told_with_its_values() -> None:
    kept = "No vehicle was plugged in within 60 s."
    assert told(kept) == kept
    with speaking("am"):
        assert told(kept) == "በ60 ሰከንድ ውስጥ ተሽከርካሪ አልተሰካም።"
        assert told("There is no session 7.") == "ቻርጅ 7 የለም።"
        assert told("Chapa cannot be reached. Whether it was made is not known.") == (
            "Chapa ማግኘት አልተቻለም። መፈጸሙ አልታወቀም።"
        )
        assert told("Nobody of ours wrote this.") == "Nobody of ours wrote this."


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("am", "am"),
        ("am-ET,en;q=0.8", "am"),
        ("en-GB,am;q=0.5", "en"),
        ("de,fr;q=0.9", "en"),
        ("", "en"),
        ("am;q=0,en", "en"),
        ("am;q=x", "en"),
    ],
)
def test_a_browser_is_spoken_to_in_what_it_prefers(accepted: str, language: str) -> None:
    assert languages.preferred(accepted) == language


# What shows its texts to people, and which of its arguments are such.
_SHOWS = {
    **dict.fromkeys(("button", "checkbox", "caption", "expander", "info", "warning", "error", "toast"), 1),
    **dict.fromkeys(("selectbox", "multiselect", "text_input", "text_area", "number_input", "date_input"), 1),
    **dict.fromkeys(("segmented_control", "pills", "download_button", "spinner", "markdown", "dialog"), 1),
    **dict.fromkeys(("card_title", "title", "empty", "notice"), 2),
    "Fact": 2,
}
_SHOWN = {"label", "help", "placeholder", "alt"}


def test_no_text_is_handed_to_a_page_untranslated() -> None:
    assert [
        f"{path.name}:{text.lineno} {text.value}"
        for path in sorted((ROOT / "dashboard").rglob("*.py"))
        for text in _literals(ast.parse(path.read_text("utf-8")))
        if re.search("[A-Z][a-z]|[a-z] [a-z]", str(text.value))
    ] == []


def _literals(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).startswith("_log."):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        shown = node.args[: _SHOWS.get(name, 0)]
        if name in _SHOWS:
            shown += [keyword.value for keyword in node.keywords if keyword.arg in _SHOWN]
        yield from (argument for argument in shown if isinstance(argument, ast.Constant))
