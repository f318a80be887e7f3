"""`docs/kpis.md`, made of the table of KPIs: `python manage.py kpis > docs/kpis.md`."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from db.analytics.definitions import COLUMNS, GROUPS, Kpi

_WIDTH = 108

_HEAD = """# KPIs

What every figure is, by whose definition, and how the rows behind it add up to it. On the dashboard the
question mark of a card opens the same, with the value for the stations and the period that are chosen,
the value of the period before, and the rows, page by page or as a CSV file. With that file as a table
named `rows`, the SQL told here gives the value.

This page is made by `python manage.py kpis` of the table in `db/analytics/definitions/`.

- A period is whole days by the clock of each station. A session counts in the period in which it ended;
  time and the energy of an hour count when they passed.
- Sums are exact. A rate of several stations is the rate of their sums, never an average of rates.
- Nothing to take a share of is no value (`NULL`), which is not zero.
"""

_HELD = {
    "energy": ", in Wh",
    "power": ", in W",
    "length": ", in seconds",
    "money": ", in the row's `currency`",
    "time": ", in UTC",
    "weekday": ", 0 is Monday",
}

_UNITS = {
    "count": "a number",
    "energy": "Wh",
    "power": "W",
    "time": "seconds",
    "money": "money in a currency",
    "share": "a share, 0 to 1",
    "carbon": "kg of CO₂e",
}


def document() -> str:
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD
    for title, kpis in GROUPS.items():
        yield f"## {title}\n"
        for kpi in kpis:
            yield from _section(kpi)
    yield "## Columns of the rows\n\n| column | on pages |\n|---|---|"
    for name, column in COLUMNS.items():
        yield f"| `{name}` | {column.title}{_HELD.get(column.kind, '')} |"
    yield ""


def _section(kpi: Kpi) -> Iterator[str]:
    columns = ", ".join(f"`{name}`" for name in kpi.columns)
    each = " and ".join(f"`{name}`" for name in kpi.per)
    yield f"### {kpi.name}\n"
    yield fill(kpi.formula, _WIDTH) + "\n"
    yield f"- Value: `{kpi.key}`, {_UNITS[kpi.unit]}" + (f" for each {each}" if each else "")
    yield f"- Definition: {kpi.source}"
    yield fill(f"- Rows: {columns}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False) + "\n"
    yield f"```sql\n{kpi.sql}\n```\n"
