"""What a KPI's value and the rows behind it say to people, and the file of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from dashboard import formats
from dashboard.formats import NO_DATA, Amount
from db.analytics import error_codes
from db.analytics.definitions import COLUMNS, Kpi, Number, Value
from db.analytics.definitions.columns import Kind
from languages import _, dates, told
from ocpp_integration.exports import table
from ocpp_integration.exports.table import Table

_MOST = 3

_AMOUNTS: dict[str, Callable[[Any], Amount]] = {
    "count": lambda number: Amount(formats.count(round(number))),
    "energy": lambda wh: formats.energy(round(wh)),
    "power": lambda watts: formats.power(round(watts)),
    "time": lambda seconds: Amount(formats.duration(round(seconds))),
    "share": lambda share: formats.percent(float(share)),
    "carbon": lambda kg: _carbon(Decimal(kg)),
}


def _carbon(kg: Decimal) -> Amount:
    return Amount(f"{kg / 1000:,.1f}", "t CO₂e") if kg >= 1000 else Amount(f"{kg:,.1f}", "kg CO₂e")


@dataclass(frozen=True)
class Said:
    """A value in words: the figure, and what it is made of where it is several."""

    figure: Amount | None
    parts: Sequence[tuple[str, str]] = ()


def said(kpi: Kpi, value: Value) -> Said:
    if isinstance(value, Mapping):
        return _several(kpi, value)
    return Said(None if value is None else _AMOUNTS[kpi.unit](value))


def _several(kpi: Kpi, values: Mapping[tuple[Any, ...], Number]) -> Said:
    """Money by currency, as different things are never added up; of others the sum and the greatest."""
    if kpi.unit == "money":
        amounts = [(currency, amount) for (currency,), amount in sorted(values.items())]
        if not amounts:
            return Said(None)
        greatest = max(amounts, key=lambda each: each[1])
        others = [(unit, formats.exact_money(Decimal(amount), unit)) for unit, amount in amounts]
        return Said(formats.money(Decimal(greatest[1]), greatest[0]), others if len(others) > 1 else ())
    if not values:
        return Said(None)
    most = sorted(values.items(), key=lambda item: item[1], reverse=True)[:_MOST]
    amount = _AMOUNTS[kpi.unit]
    total = None if kpi.unit == "share" else amount(sum(values.values()))
    return Said(total, [(_name(kpi, key), str(amount(number))) for key, number in most])


def _name(kpi: Kpi, key: tuple[Any, ...]) -> str:
    if kpi.per == ("weekday", "hour"):
        return f"{dates.weekday(key[0])} {key[1]:02}:00 – {key[1]:02}:59"
    if kpi.per == ("error_code", "vendor_error_code"):
        return told(error_codes.in_words(*key)).capitalize()
    return " · ".join(str(part) for part in key)


Row = Mapping[str, Any]


def shown(kpi: Kpi, rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    """The rows as columns for a page, by their titles. Clocks and currencies stand in what they are of."""
    named = [dict(zip(kpi.columns, row, strict=True)) for row in rows]
    return {
        _(COLUMNS[name].title): [_SHOWN[COLUMNS[name].kind](row[name], row) for row in named]
        for name in kpi.columns
        if name not in ("timezone", "currency")
    }


def _time(at: datetime | None, row: Row) -> str:
    return "" if at is None else formats.local_time(at, row["timezone"])


def _money(amount: Decimal | None, row: Row) -> str:
    return "" if amount is None else formats.exact_money(Decimal(amount), row["currency"])


_SHOWN: dict[Kind, Callable[[Any, Row], Any]] = {
    "text": lambda value, _row: "" if value is None else str(value),
    "time": _time,
    "energy": lambda wh, _row: NO_DATA if wh is None else formats.exact_energy(wh),
    "power": lambda watts, _row: NO_DATA if watts is None else str(formats.power(watts)),
    "length": lambda seconds, _row: NO_DATA if seconds is None else formats.duration(seconds),
    "money": _money,
    "number": lambda value, _row: "" if value is None else f"{value:,}",
    "weekday": lambda day, _row: dates.weekday(day),
    "share": lambda share, _row: NO_DATA if share is None else str(formats.percent(share)),
    "flag": lambda value, _row: _("yes") if value else _("no"),
}


def file(kpi: Kpi, rows: Iterable[Sequence[Any]]) -> Table[Any]:
    """The rows as a file, with the names and units that the SQL over them speaks of."""
    return Table([_column(name, n) for n, name in enumerate(kpi.columns)], rows)


def _column(name: str, position: int) -> table.Column[Any]:
    def value(row: Sequence[Any]) -> Any:
        return row[position]

    match COLUMNS[name].kind:
        case "time":
            return table.Column(name, table.Kind.TIME, value)
        case "money":
            return table.Column(name, table.Kind.DECIMAL, value)
        case "flag":
            return table.Column(name, table.Kind.FLAG, lambda row: bool(row[position]))
        case "text":
            # A spreadsheet is told of long numbers that they are names.
            return table.Column(name, table.Kind.TEXT, lambda row: _text(row[position]))
        case _:
            return table.Column(name, table.Kind.INTEGER, value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
