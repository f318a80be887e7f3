"""The rows of a CSV file, plain or compressed with gzip, one at a time, whatever separates its columns."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Generator, Iterable
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from ocpp_integration.imports.errors import UnreadableFile

Progress = Callable[[int, int], None]  # bytes read so far, bytes of the file

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_RECORDS_PER_REPORT = 1000
# A spreadsheet separates by semicolons where its decimals have a comma.
_SEPARATORS = (",", ";", "\t")

# The first that fits counts: a damaged gzip file is an OSError too, a wrong encoding a ValueError.
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (FileNotFoundError, "there is no such file"),
    (IsADirectoryError, "it is a folder"),
    (PermissionError, "it may not be read by this user"),
    (gzip.BadGzipFile, "its compression is damaged; copy or download it again"),
    (EOFError, "it ends in the middle; copy or download it again"),
    (zlib.error, "its compression is damaged; copy or download it again"),
    (UnicodeDecodeError, "it is not UTF-8; save it as CSV UTF-8"),
    (csv.Error, "its quotes or lines are damaged"),
    (OSError, "it cannot be read"),
)


def name_of(head: str) -> str:
    """How we write the name of a column, such as `session_id` for "Session ID"."""
    return "_".join(head.lower().split())


class Record(NamedTuple):
    """One row of the file. `line` is the line it begins on, counted from 1; `separator` is the file's."""

    line: int
    cells: list[str]
    separator: str = ","


def read_records(file: Path, progress: Progress | None = None) -> Generator[Record]:
    """Every row of the file with anything in it, its header first. Raises `UnreadableFile`."""
    line = 0
    try:
        with file.open("rb") as raw:
            size = file.stat().st_size
            with _text(raw, file) as text:
                beginning = _up_to_header(text)
                separator = max(_SEPARATORS, key=beginning[-1].count)
                reader = csv.reader(chain(beginning, text), strict=True, delimiter=separator)
                for count, cells in enumerate(reader):
                    if any(cells):
                        yield Record(line + 1, cells, separator)
                    line = reader.line_num
                    if progress and count % _RECORDS_PER_REPORT == 0:
                        progress(raw.tell(), size)
        if progress:
            progress(size, size)
    except tuple(kind for kind, _ in _MEANINGS) as error:
        raise UnreadableFile(_explain(file, line, error)) from error


def _text(raw: io.BufferedReader, file: Path) -> io.TextIOWrapper:
    # The first bytes tell more than the file's name, which whoever sent it may have changed.
    beginning = raw.peek(len(_ZIP))
    if beginning.startswith(_ZIP):
        raise UnreadableFile(f"{file} is an Excel workbook or a zip file: save its table as CSV UTF-8.")
    content = gzip.GzipFile(fileobj=raw) if beginning.startswith(_GZIP) else raw
    return io.TextIOWrapper(cast("BinaryIO", content), encoding="utf-8-sig", errors="strict", newline="")


def _up_to_header(text: Iterable[str]) -> list[str]:
    """The file's lines up to the first that is not blank."""
    lines = [""]
    for line in text:
        lines.append(line)
        if line.strip():
            break
    return lines[1:] or lines


def _explain(file: Path, line: int, error: Exception) -> str:
    meaning = next(text for kind, text in _MEANINGS if isinstance(error, kind))
    where = f" after line {line}" if line else ""
    return f"{file} cannot be read{where}: {meaning} ({error})."
