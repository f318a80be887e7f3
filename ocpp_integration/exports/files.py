"""Tables and objects as files. Each writer reads the rows once, and needs memory for a few of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from ocpp_integration.chunks import in_chunks
from ocpp_integration.exports.table import Column, Kind, Objects, Table, Value
from ocpp_integration.spreadsheets import harmless

_ROWS_AT_ONCE = 1_000
# Parquet compresses and skips by groups of rows; small ones make it large and slow.
_ROW_GROUP = 20_000
# Excel has no more rows to a sheet; what is beyond them goes to further sheets.
SHEET_ROWS = 1_048_576
_BYTES_AT_ONCE = 64 * 1024


class Format(NamedTuple):
    """`write` gives the file's bytes piece by piece, and takes a `Table`, or `Objects` where it is JSON.

    What fails at the first row fails before the first piece.
    """

    content_type: str
    write: Callable[[Any], Iterator[bytes]]


def to_csv(table: Table[Any]) -> Iterator[bytes]:
    """UTF-8 with CRLF (RFC 4180), for people with the mark that Excel wants; times are ISO 8601, UTC."""
    lead = ("\ufeff".encode() if table.for_people else b"") + _csv_lines([table.headers])
    for some in in_chunks(table.values(), _ROWS_AT_ONCE):
        yield lead + _csv_lines([_as_texts(row, table) for row in some])
        lead = b""
    if lead:
        yield lead


def to_xlsx(table: Table[Any]) -> Iterator[bytes]:
    """A workbook with a header that stays in view. Texts are texts, whatever they look like."""
    with TemporaryDirectory(prefix="export") as folder:
        path = Path(folder) / "table.xlsx"
        _write_workbook(path, table)
        with path.open("rb") as file:
            while piece := file.read(_BYTES_AT_ONCE):
                yield piece


def to_parquet(table: Table[Any]) -> Iterator[bytes]:
    """Columns with their types: times in UTC, decimals exact."""
    schema = pa.schema([(column.header, _arrow_type(column)) for column in table.columns])
    sink = _Sink()
    with pq.ParquetWriter(sink, schema) as writer:
        for some in in_chunks(table.values(), _ROW_GROUP):
            writer.write_table(_arrow_table(some, table, schema))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that can only be written to; what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._written += data
        return len(data)

    def taken(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def to_json(objects: Objects) -> Iterator[bytes]:
    """An array of objects."""
    lead = b"["
    for some in in_chunks(objects.rows, _ROWS_AT_ONCE):
        yield lead + b",\n".join(orjson.dumps(row, default=_as_number) for row in some)
        lead = b",\n"
    yield b"[]" if lead == b"[" else b"]"


# By the ending of the file's name.
FORMATS = {
    "csv": Format("text/csv; charset=utf-8", to_csv),
    "xlsx": Format("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", to_xlsx),
    "parquet": Format("application/vnd.apache.parquet", to_parquet),
    "json": Format("application/json", to_json),
}


def _pairs(row: list[Value], table: Table[Any]) -> Iterator[tuple[Value, Column[Any]]]:
    return zip(row, table.columns, strict=True)


def _csv_lines(rows: list[list[str]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue().encode()


def _as_texts(row: list[Value], table: Table[Any]) -> list[str]:
    return [_as_text(value, column) for value, column in _pairs(row, table)]


def _as_number(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} is nothing that JSON has")
    # Through a float, 0.1 kWh and 1234567890.12 birr might come out as something else.
    return orjson.Fragment(f"{value:f}")


def _as_text(value: Value, column: Column[Any]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:.{column.places}f}"
        case str():
            return harmless(value)
        case _:
            return str(value)


def _write_workbook(path: Path, table: Table[Any]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True})
        formats = {
            Kind.TIME: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
            Kind.DATE: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        values = table.values()
        while True:
            sheet = book.add_worksheet()
            sheet.freeze_panes(1, 0)
            for position, column in enumerate(table.columns):
                sheet.set_column(position, position, max(12, len(column.header) + 2))
                sheet.write_string(0, position, column.header, bold)
            written = 0
            for number, row in enumerate(islice(values, SHEET_ROWS - 1), start=1):
                _write_row(sheet, number, row, table, formats)
                written = number
            if written < SHEET_ROWS - 1:
                return


def _write_row(
    sheet: Any, number: int, row: list[Value], table: Table[Any], formats: dict[Kind, Any]
) -> None:
    for position, (value, column) in enumerate(_pairs(row, table)):
        match value:
            case None:
                continue
            case bool():
                sheet.write_boolean(number, position, value)
            case datetime():
                # Excel's times have no zone; the header says that these are UTC.
                plain = value.astimezone(UTC).replace(tzinfo=None)
                sheet.write_datetime(number, position, plain, formats[Kind.TIME])
            case date():
                sheet.write_datetime(number, position, value, formats[Kind.DATE])
            case str():
                sheet.write_string(number, position, value)
            case Decimal():
                sheet.write_number(number, position, float(round(value, column.places)))
            case _:
                sheet.write_number(number, position, value)


def _arrow_type(column: Column[Any]) -> pa.DataType:
    return {
        Kind.TEXT: pa.string(),
        Kind.INTEGER: pa.int64(),
        Kind.DECIMAL: pa.decimal128(20, column.places),
        Kind.TIME: pa.timestamp("us", tz="UTC"),
        Kind.DATE: pa.date32(),
        Kind.FLAG: pa.bool_(),
    }[column.kind]


def _arrow_table(rows: list[list[Value]], table: Table[Any], schema: pa.Schema) -> pa.Table:
    columns = [
        pa.array([_exact(value, column) for value in values], field.type)
        for values, column, field in zip(zip(*rows, strict=True), table.columns, schema, strict=True)
    ]
    return pa.table(columns, schema=schema)


def _exact(value: Value, column: Column[Any]) -> Value:
    return round(value, column.places) if isinstance(value, Decimal) else value
