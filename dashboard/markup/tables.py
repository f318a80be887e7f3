"""Tables of figures with a bar in each row. On a phone a row is a block, each figure with its title."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from dashboard.markup.lists import linked


@dataclass(frozen=True)
class TableRow:
    """`values` are those of the table's columns, `part` how much of its bar is filled (0..1), if any."""

    name: str
    values: Sequence[str]
    detail: str = ""
    href: str = ""
    part: float | None = None


def table(about: str, first: str, columns: Sequence[str], rows: Sequence[TableRow]) -> str:
    """`about` says what the table is of to who cannot see it, `first` is the title of the rows' names."""
    heads = "".join(f'<th scope="col">{escape(title)}</th>' for title in (first, *columns))
    body = "".join(_row(row, columns) for row in rows)
    return (
        f'<div class="mm-table-frame"><table class="mm-table" aria-label="{escape(about)}">'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: TableRow, columns: Sequence[str]) -> str:
    detail = f"<span>{escape(row.detail)}</span>" if row.detail else ""
    bar = ""
    if row.part is not None:
        bar = f'<i class="mm-track"><span style="width:{min(max(row.part, 0), 1) * 100:.1f}%"></span></i>'
    cells = "".join(
        f'<td data-title="{escape(title)}">{escape(value)}</td>'
        for title, value in zip(columns, row.values, strict=True)
    )
    return f'<tr><th scope="row">{linked(row.name, row.href)}{detail}{bar}</th>{cells}</tr>'
