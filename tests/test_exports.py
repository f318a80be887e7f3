"""Tables as files: what a spreadsheet, an analyst and a program read from them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zipfile import ZipFile

import factories
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from db.analytics.scope import Scope
from db.analytics.sessions import SessionFilter
from db.engine import reading, writing
from ocpp_integration.exports import sessions
from ocpp_integration.exports.files import FORMATS, to_csv, to_json, to_parquet, to_xlsx
from ocpp_integration.exports.table import Column, Kind, Objects, Table, decimal, flag, integer, text, time

NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
COLUMNS = (
    text("name", lambda row: row[0]),
    integer("duration", lambda row: row[1], "s"),
    decimal("energy", lambda row: row[2], "kWh", 3),
    time("start", lambda row: row[3]),
    Column("day", Kind.DATE, lambda row: row[4]),
    flag("estimated", lambda row: row[5]),
)
ROW = ("Bole", 3600, Decimal("12.5"), NOON, date(2025, 6, 10), True)


def _table(*rows: tuple[Any, ...]) -> Table[Any]:
    return Table(COLUMNS, rows)


def _csv(table: Table[Any]) -> list[list[str]]:
    text = b"".join(to_csv(table)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def _sheet(table: Table[Any]) -> str:
    with ZipFile(io.BytesIO(b"".join(to_xlsx(table)))) as book:
        return book.read("xl/worksheets/sheet1.xml").decode()


def test_a_csv_has_units_in_its_header_and_values_that_programs_read() -> None:
    assert _csv(_table(ROW)) == [
        ["name", "duration (s)", "energy (kWh)", "start (UTC)", "day", "estimated"],
        ["Bole", "3600", "12.500", "2025-06-10T12:00:00Z", "2025-06-10", "true"],
    ]


def test_what_is_not_known_is_empty_and_not_zero() -> None:
    assert _csv(_table((None,) * 6))[1] == [""] * 6


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_name_that_looks_like_a_formula_stays_a_name(sign: str) -> None:
    name = f"{sign}HYPERLINK(0)"
    assert _csv(_table((name, *ROW[1:])))[1][0] == f"'{name}"
    sheet = _sheet(_table((name, *ROW[1:])))
    assert "<f>" not in sheet
    assert "HYPERLINK(0)" in sheet


def test_a_negative_number_is_a_number() -> None:
    assert _csv(_table(("Bole", -5, Decimal("-0.5"), *ROW[3:])))[1][1:3] == ["-5", "-0.500"]


def test_a_workbook_holds_numbers_as_numbers() -> None:
    sheet = _sheet(_table(ROW))
    assert "<v>12.5</v>" in sheet
    assert "<v>3600</v>" in sheet


def test_a_parquet_file_has_types() -> None:
    read = pq.read_table(io.BytesIO(b"".join(to_parquet(_table(ROW, (None,) * 6)))))
    assert read.column_names == ["name", "duration (s)", "energy (kWh)", "start (UTC)", "day", "estimated"]
    assert read.to_pylist()[0] == {
        "name": "Bole",
        "duration (s)": 3600,
        "energy (kWh)": Decimal("12.500"),
        "start (UTC)": NOON,
        "day": date(2025, 6, 10),
        "estimated": True,
    }
    assert set(read.to_pylist()[1].values()) == {None}


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_table_without_rows_is_a_file_with_a_header(ending: str) -> None:
    assert b"".join(FORMATS[ending].write(_table()))


def test_a_table_for_programs_has_no_mark_before_its_first_header() -> None:
    assert b"".join(to_csv(Table(COLUMNS, [], for_people=False))).startswith(b"name,")


@pytest.mark.parametrize("rows", [0, 1, 1000, 1001, 2500])
def test_every_row_is_in_the_file_once(rows: int) -> None:
    numbered = [(str(number), *ROW[1:]) for number in range(rows)]
    assert [row[0] for row in _csv(_table(*numbered))[1:]] == [row[0] for row in numbered]
    objects = json.loads(b"".join(to_json(Objects({"n": row[0]} for row in numbered))))
    assert [each["n"] for each in objects] == [row[0] for row in numbered]


def test_decimals_are_json_numbers_with_the_digits_that_they_have() -> None:
    rows = [{"a": Decimal("0.1"), "b": Decimal("12345678901234567.89"), "c": Decimal("1E+2")}]
    assert b"".join(to_json(Objects(rows))) == b'[{"a":0.1,"b":12345678901234567.89,"c":100}]'


def test_what_json_has_not_is_refused() -> None:
    with pytest.raises(TypeError, match="JSON"):
        list(to_json(Objects([{"a": object()}])))


def test_what_fails_at_the_first_row_fails_before_the_first_piece() -> None:
    def failing() -> Iterator[tuple[Any, ...]]:
        raise LookupError("no rows")
        yield ROW

    for write in (to_csv, to_xlsx, to_parquet):
        with pytest.raises(LookupError):
            next(write(Table(COLUMNS, failing())))


def test_a_csv_is_begun_before_all_its_rows_are_read() -> None:
    def endless() -> Iterator[tuple[Any, ...]]:
        while True:
            yield ROW

    pieces = to_csv(Table(COLUMNS, endless()))
    assert [next(pieces) for _ in range(3)][2]


def test_the_sessions_of_the_scope_are_exported_whole(engine: Engine) -> None:
    with writing(engine) as store:
        mine = factories.add_station(store, factories.add_owner(store, "Mine"), "=Mine")
        other = factories.add_station(store, factories.add_owner(store, "Other"), "Other")
        for station in (mine, other):
            factories.add_session(store, station, NOON, minutes=60, energy_wh=12_345, cost=Decimal("123.45"))
        owner = mine.charging_station.owner_id
    with reading(engine) as store:
        header, row = _csv(sessions.table(store, Scope.owner(owner), SessionFilter()))
    told = dict(zip(header, row, strict=True))
    assert (told["station"], told["energy (kWh)"], told["cost"]) == ("'=Mine", "12.345", "123.45")
    assert (told["start (UTC)"], told["duration (s)"]) == ("2025-06-10T12:00:00Z", "3600")
