"""Tables on the command line."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, none: str = "") -> None:
    """Print each row; an empty cell is a dash, and what is not printable is shown as its code. Without rows
    the sentence `none`, where there is one.
    """
    if none and not rows:
        print(none)
        return
    for line in aligned([heads, *([_printable(cell) for cell in row] for row in rows)]):
        print(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, with columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _printable(cell: str) -> str:
    # A name must not move the cursor of whoever lists it.
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in cell) or "-"
