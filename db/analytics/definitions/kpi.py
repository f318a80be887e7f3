"""What a KPI is: its words, the function that computes it, and the rows behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Select
from sqlalchemy.orm import Session

from db.analytics.scope import Period, Scope
from db.searching import count_up_to

Number = int | float | Decimal
# One figure (None: nothing to take it of), or one for each value of the KPI's `per`.
Value = Number | None | Mapping[tuple[Any, ...], Number]

# energy: Wh; power: W; time: seconds; money: Decimal in a currency; share: 0..1; carbon: kg of CO2e.
Unit = Literal["count", "energy", "power", "time", "money", "share", "carbon"]

Compute = Callable[[Session, Scope, Period, datetime], Value]
Rows = Callable[[Session, Scope, Period, datetime, tuple[str, ...]], Select[*tuple[Any, ...]]]


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One definition.

    `formula` is a sentence for people and `source` says whose definition it is. `value` computes it, from
    sums where there are any. `behind` selects the rows that it is made of, with `columns` (keys of
    `columns.COLUMNS`); `adds_up` is the SQL that makes the figure of them, a table called `rows`, one for
    each value of the columns `per`. `less_is_better` tells which way is good, None where neither is.
    """

    key: str
    name: str
    unit: Unit
    formula: str
    source: str
    value: Compute
    behind: Rows
    columns: tuple[str, ...]
    adds_up: str
    per: tuple[str, ...] = ()
    less_is_better: bool | None = False

    def before(self, store: Session, scope: Scope, period: Period, now: datetime) -> Value:
        """The same for the period before, which is as long."""
        return self.value(store, scope, period.previous(), now)

    def rows(self, store: Session, scope: Scope, period: Period, now: datetime) -> Select[*tuple[Any, ...]]:
        """The rows behind the value, in an order that stays: the newest first where they have a time."""
        return self.behind(store, scope, period, now, self.columns)

    @property
    def sql(self) -> str:
        """How the rows add up, as one would write it over them as a table."""
        groups = ", ".join(self.per)
        selected = ", ".join([*self.per, self.adds_up])
        return f"SELECT {selected} FROM rows" + (f" GROUP BY {groups}" if groups else "")  # noqa: S608

    def count_rows(self, store: Session, scope: Scope, period: Period, now: datetime, most: int) -> int:
        """How many rows there are; not looked further than `most`."""
        return count_up_to(store, self.rows(store, scope, period, now), most)

    def each_row(
        self,
        store: Session,
        scope: Scope,
        period: Period,
        now: datetime,
        *,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[tuple[Any, ...]]:
        """Rows with a value for each of `columns`, few of them in memory at a time."""
        query = self.rows(store, scope, period, now).limit(limit).offset(offset)
        for row in store.execute(query.execution_options(yield_per=1_000)):
            yield tuple(row)
