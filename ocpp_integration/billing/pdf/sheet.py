"""A document of A4 pages that is written from top to bottom: heads, facts, tables, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ocpp_integration.billing.pdf import lettering, words

WIDTH, HEIGHT = A4
MARGIN = 54.0
ROOM = WIDTH - 2 * MARGIN
_FOOT = 62.0
_TEXT, _QUIET, _LINE, _GROUND, _ACCENT = map(
    HexColor, ("#0f172a", "#56657a", "#dde4ea", "#f1f5f7", "#0f766e")
)


@dataclass(frozen=True)
class Column:
    """`share` of the table's width; numbers stand at its right. The title is a marked text."""

    title: str
    share: float
    align: Literal["left", "right"] = "left"


class Sheet:
    """`foot` stands at the foot of each page. The same content makes the same bytes."""

    def __init__(self, title: str, foot: str):
        self._buffer = BytesIO()
        # Without the time of day in it.
        self._canvas = Canvas(self._buffer, pagesize=A4, invariant=1)
        self._canvas.setTitle(title)
        self._foot = foot
        self._page = 1
        self._y = HEIGHT - MARGIN

    def head(self, owner: str, lines: Sequence[str], title: str, name: str) -> None:
        """Who issues at the left, what it is at the right."""
        canvas, top = self._canvas, self._y
        self._mark(top)
        half = ROOM * 0.58 - 44
        y = top - 12
        for line in lettering.wrapped(owner, half, 13, bold=True)[:2]:
            self._put(MARGIN + 44, y, line, 13, bold=True)
            y -= 16
        for line in lines:
            self._put(MARGIN + 44, y, lettering.fitting(line, half, 9), 9, colour=_QUIET)
            y -= 13
        self._put_right(top - 15, title, 20, bold=True, colour=_ACCENT)
        self._put_right(top - 32, name, 10, colour=_QUIET)
        self._y = min(y, top - 40) - 12
        canvas.setStrokeColor(_LINE)
        canvas.line(MARGIN, self._y, WIDTH - MARGIN, self._y)
        self._y -= 22

    def facts(self, found: Sequence[tuple[str, str]], columns: int = 3) -> None:
        """Names, which are marked texts, with their values below them, side by side."""
        room = ROOM / columns
        for start in range(0, len(found), columns):
            row = found[start : start + columns]
            texts = [lettering.wrapped(value, room - 12, 10)[:3] for _, value in row]
            height = 14 + 13 * max(map(len, texts)) + 8
            self._need(height)
            for place, ((name, _), lines) in enumerate(zip(row, texts, strict=True)):
                x = MARGIN + place * room
                self._put(x, self._y, lettering.fitting(words.both(name), room - 12, 8), 8, colour=_QUIET)
                for number, line in enumerate(lines):
                    self._put(x, self._y - 13 - 13 * number, line, 10)
            self._y -= height
        self._y -= 4

    def heading(self, text: str) -> None:
        self._need(60)
        self._y -= 8
        self._put(MARGIN, self._y, text, 11.5, bold=True)
        self._y -= 22

    def sentence(self, text: str) -> None:
        for line in lettering.wrapped(text, ROOM, 9):
            self._need(13)
            self._put(MARGIN, self._y, line, 9, colour=_QUIET)
            self._y -= 13
        self._y -= 8

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Its head stands on each page that it reaches."""
        self._table_head(columns)
        for row in rows:
            if self._y < _FOOT + 16:
                self._turn()
                self._table_head(columns)
            self._cells(columns, row, 9)
            self._canvas.setStrokeColor(_LINE)
            self._canvas.setLineWidth(0.5)
            self._canvas.line(MARGIN, self._y - 5, WIDTH - MARGIN, self._y - 5)
            self._y -= 17
        self._y -= 6

    def sums(self, found: Sequence[tuple[str, str]]) -> None:
        """Amounts with their names, which are marked texts, below each other, the last one in large."""
        self._need(20 * len(found) + 20)
        left = MARGIN + ROOM * 0.42
        for name, value in found[:-1]:
            self._put(left, self._y, words.both(name), 9.5, colour=_QUIET)
            self._put_right(self._y, value, 9.5)
            self._y -= 16
        name, value = found[-1]
        self._canvas.setFillColor(_ACCENT)
        self._canvas.roundRect(left - 10, self._y - 20, WIDTH - MARGIN - left + 10, 27, 5, stroke=0, fill=1)
        white = HexColor("#ffffff")
        self._put(left, self._y - 11, words.both(name), 11, bold=True, colour=white)
        self._put_right(self._y - 11, value, 12, bold=True, colour=white, inset=8)
        self._y -= 40

    def finish(self) -> bytes:
        self._foot_line()
        self._canvas.save()
        return self._buffer.getvalue()

    def _table_head(self, columns: Sequence[Column]) -> None:
        self._need(50)
        self._canvas.setFillColor(_GROUND)
        self._canvas.rect(MARGIN, self._y - 18, ROOM, 30, stroke=0, fill=1)
        self._cells(columns, [column.title for column in columns], 8, bold=True)
        self._y -= 11
        self._cells(columns, [words.amharic(column.title) for column in columns], 8, bold=True)
        self._y -= 20

    def _cells(
        self, columns: Sequence[Column], texts: Sequence[str], size: float, *, bold: bool = False
    ) -> None:
        x = MARGIN
        for column, text in zip(columns, texts, strict=True):
            room = column.share * ROOM
            shown = lettering.fitting(text, room - 10, size, bold=bold)
            left = x + 5
            if column.align == "right":
                left = x + room - 5 - lettering.width(shown, size, bold=bold)
            self._put(left, self._y, shown, size, bold=bold, colour=_QUIET if bold else _TEXT)
            x += room

    def _mark(self, top: float) -> None:
        canvas = self._canvas
        canvas.saveState()
        canvas.translate(MARGIN, top - 32)
        canvas.setFillColor(_ACCENT)
        canvas.roundRect(0, 0, 32, 32, 8, stroke=0, fill=1)
        bolt = canvas.beginPath()
        # The product's mark, whose drawing has its origin at the top.
        for number, (x, y) in enumerate(_BOLT):
            (bolt.lineTo if number else bolt.moveTo)(x * 32 / 34, (34 - y) * 32 / 34)
        bolt.close()
        canvas.setFillColor(HexColor("#ffffff"))
        canvas.drawPath(bolt, stroke=0, fill=1)
        canvas.restoreState()

    def _need(self, height: float) -> None:
        if self._y - height < _FOOT:
            self._turn()

    def _turn(self) -> None:
        self._foot_line()
        self._canvas.showPage()
        self._page += 1
        self._y = HEIGHT - MARGIN

    def _foot_line(self) -> None:
        self._put(MARGIN, 36, lettering.fitting(self._foot, ROOM - 80, 8), 8, colour=_QUIET)
        self._put_right(36, words.both("Page {count}", count=self._page), 8, colour=_QUIET)

    def _put(
        self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: HexColor = _TEXT
    ) -> None:
        self._canvas.setFillColor(colour)
        lettering.draw(self._canvas, x, y, text, size, bold=bold)

    def _put_right(
        self,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: HexColor = _TEXT,
        inset: float = 0,
    ) -> None:
        x = WIDTH - MARGIN - inset - lettering.width(text, size, bold=bold)
        self._put(x, y, text, size, bold=bold, colour=colour)


_BOLT = ((19.6, 6.5), (9.4, 19.2), (16, 19.2), (14.1, 28.5), (24.7, 15.1), (17.8, 15.1))
