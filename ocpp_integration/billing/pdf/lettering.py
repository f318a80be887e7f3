"""Text in a PDF file: Latin and Ethiopic letters of the fonts beside this module, measured, cut and drawn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

_FONTS = Path(__file__).with_name("fonts")
_NAMES = {
    (is_ethiopic, is_bold): f"NotoSans{'Ethiopic' if is_ethiopic else ''}-{'Bold' if is_bold else 'Regular'}"
    for is_ethiopic in (False, True)
    for is_bold in (False, True)
}


@cache
def register() -> None:
    """Have the fonts at hand. They are part of each file, those letters of them that it uses."""
    for name in _NAMES.values():
        registerFont(TTFont(name, str(_FONTS / f"{name}.ttf")))


def width(text: str, size: float, *, bold: bool = False) -> float:
    return float(sum(stringWidth(part, font, size) for font, part in _runs(text, bold)))


def fitting(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """As much of it as has room, with dots where that is not all."""
    if width(text, size, bold=bold) <= room:
        return text
    while text and width(f"{text}…", size, bold=bold) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: str, room: float, size: float, *, bold: bool = False) -> list[str]:
    """Lines of whole words; a word that is too long for a line goes on in the next."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, size, bold=bold) <= room:
            lines[-1] = longer
        else:
            lines += _broken(word, room, size, bold)
    return lines


def _broken(word: str, room: float, size: float, bold: bool) -> Iterator[str]:
    while width(word, size, bold=bold) > room and len(word) > 1:
        fits = next(
            n for n in range(len(word) - 1, 0, -1) if n == 1 or width(word[:n], size, bold=bold) <= room
        )
        yield word[:fits]
        word = word[fits:]
    yield word


def draw(canvas: Canvas, x: float, y: float, text: str, size: float, *, bold: bool = False) -> None:
    for font, part in _runs(text, bold):
        canvas.setFont(font, size)
        canvas.drawString(x, y, part)
        x += stringWidth(part, font, size)


def _runs(text: str, bold: bool) -> Iterator[tuple[str, str]]:
    """The text in parts of one font each; a space has that of the letter before it."""
    register()
    is_ethiopic, marked = False, []
    for letter in text:
        if letter != " ":
            is_ethiopic = "\u1200" <= letter <= "\u137f"
        marked.append((is_ethiopic, letter))
    for is_ethiopic, letters in groupby(marked, key=itemgetter(0)):
        yield _NAMES[is_ethiopic, bold], "".join(letter for _, letter in letters)
