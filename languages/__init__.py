"""The languages in which the product speaks to people: English in the code, translated when it is shown.

`_("Energy")` is a text in the language of whoever is spoken to, `_("{n} of {all}", n=3, all=5)` one with
values in it, `ngettext("{n} day", "{n} days", n)` one by a number, `pgettext("verb", "Open")` one of several
meanings. `N_("Energy")` marks a text of a table made at import, which `_` translates when it is shown.
Translations are in `<language>.po` beside this file (docs/translating.md).

Whose language it is: the one of the `with speaking(...)` around, which holds for the thread or the request;
else what a source named with `ask` answers; else English. Nothing here is a language of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from gettext import c2py
from pathlib import Path

from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
ENGLISH = "en"
# Each by its own name, in the order in which they are offered.
LANGUAGES: Mapping[str, str] = {ENGLISH: "English", "am": "አማርኛ"}

# A place for a value in a text, with its name, and perhaps how it is written: `{count:,}`.
_PLACE = re.compile(r"\{(\w+)(?::[^{}]*)?\}")
_LEAST_WORDS = 2

_spoken: ContextVar[str | None] = ContextVar("language", default=None)
_sources: list[Callable[[], str | None]] = []


@dataclass(frozen=True)
class Catalog:
    """Translations by (context or "", English); those of a text with a plural are one for each form."""

    texts: Mapping[tuple[str, str], tuple[str, ...]]
    plural: Callable[[int], int]


def current() -> str:
    """The language of whoever is spoken to: a key of `LANGUAGES`."""
    if (spoken := _spoken.get()) is not None:
        return spoken
    for source in _sources:
        if (found := source()) in LANGUAGES:
            return str(found)
    return ENGLISH


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within it this language is spoken, whatever the sources say."""
    token = _spoken.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(token)


def ask(source: Callable[[], str | None]) -> None:
    """Have `source` asked for the language wherever none is set; it answers None where it does not know."""
    if source not in _sources:
        _sources.append(source)


def preferred(accepted: str) -> str:
    """The language that suits a browser's `Accept-Language` best."""
    wishes = []
    for position, wish in enumerate(accepted.split(",")):
        name, _semicolon, parameters = wish.partition(";")
        wishes.append((-_quality(parameters), position, name.strip().split("-")[0].lower()))
    known = [name for quality, _position, name in sorted(wishes) if name in LANGUAGES and quality < 0]
    return known[0] if known else ENGLISH


def _quality(parameters: str) -> float:
    try:
        return float(parameters.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


@cache
def catalog(language: str) -> Catalog:
    """Read once for each language; English has none."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    texts = {}
    for message in found:
        english = message.id if isinstance(message.id, str) else message.id[0]
        told = message.string or ""
        forms = (told,) if isinstance(told, str) else tuple(told)
        if english and all(forms) and not message.fuzzy:
            texts[message.context or "", english] = forms
    return Catalog(texts, c2py(found.plural_expr))


def gettext(english: str, /, **values: object) -> str:
    """The text in the language that is spoken; its English where it has no translation."""
    return _filled(_translated("", english, english), values)


_ = gettext


def pgettext(context: str, english: str, /, **values: object) -> str:
    """The same for a text that means something else in other contexts."""
    return _filled(_translated(context, english, english), values)


def ngettext(one: str, many: str, n: int, /, **values: object) -> str:
    """The form for `n`, which is `{n}` in both texts."""
    return _filled(_translated("", one, one if n == 1 else many, n), {"n": n} | values)


def N_(english: str) -> str:
    """Marks a text to be translated where it is shown."""
    return english


def translated(table: Mapping[str, str]) -> Callable[[str], str]:
    """What a table of marked texts says of a key, for the choices of a widget."""
    return lambda key: gettext(table[key])


def told(text: str) -> str:
    """A sentence that was made in English, and maybe kept, in the language that is spoken.

    It is a text of the catalog, or made of one with values in it; what is neither stays as it is.
    """
    return _told(text, current())


@lru_cache(maxsize=4096)
def _told(text: str, language: str) -> str:
    if language == ENGLISH or not text.strip():
        return text
    if exact := catalog(language).texts.get(("", text)):
        return exact[0]
    for pattern, translation in _patterns(language):
        if found := pattern.fullmatch(text):
            values = {name: _told(value, language) for name, value in found.groupdict().items()}
            return translation.format(**values)
    return text


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """For each text with values what matches it, and its translation; those with the most words first."""
    found = []
    for (_context, english), forms in catalog(language).texts.items():
        words = _PLACE.sub("", english)
        # Of so few words any sentence might be made.
        if words != english and len(words.split()) >= _LEAST_WORDS:
            found.append((len(words), _pattern(english), _PLACE.sub(r"{\1}", forms[-1])))
    found.sort(key=lambda each: -each[0])
    return [(pattern, translation) for _length, pattern, translation in found]


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACE.split(english)
    seen: set[str] = set()
    pattern = ""
    # Literal parts and the names of places in turn.
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.+?)"
    return re.compile(pattern, re.DOTALL)


def _translated(context: str, english: str, otherwise: str, n: int = 1) -> str:
    language = current()
    if language == ENGLISH:
        return otherwise
    found = catalog(language)
    forms = found.texts.get((context, english))
    return forms[min(found.plural(n), len(forms) - 1)] if forms else otherwise


def _filled(text: str, values: Mapping[str, object]) -> str:
    return text.format(**values) if values else text
