"""The file of rows that were left out: each with its line, the reason, and its cells as they were."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from ocpp_integration.imports.cells import is_number
from ocpp_integration.imports.errors import RowRejected, UnwritableRejects
from ocpp_integration.imports.table import Record
from ocpp_integration.spreadsheets import harmless


def rejects_path(file: Path, wanted: Path | None) -> Path:
    """`wanted`, or `<file>.rejects.csv` in the current directory. Raises `UnwritableRejects`."""
    name = file.name.removesuffix(".gz").removesuffix(".csv")
    path = wanted or Path(f"{name}.rejects.csv")
    if path.is_dir() or path.resolve() == file.resolve():
        raise UnwritableRejects(f"The rejected rows cannot be written to {path}: name another file.")
    return path


class Rejects:
    """Made with the first rejected row, and put in its place when the import is committed.

    A context manager: left by an exception, it takes back what it wrote.
    """

    def __init__(self, path: Path, header: list[str]):
        self.path = path
        self.count = 0
        self._header = header
        self._unfinished = path.with_name(f".{path.name}.unfinished")
        self._file: TextIO | None = None
        self._writer: Any = None

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is None:
            return
        self._file.close()
        if error is not None:
            self._unfinished.unlink()
        else:
            self._unfinished.replace(self.path)

    def add(self, record: Record, rejection: RowRejected) -> None:
        """Raises `UnwritableRejects`."""
        try:
            if self._file is None:
                self._begin()
            self._writer.writerow([record.line, str(rejection), *map(_harmless, record.cells)])
        except OSError as error:
            raise UnwritableRejects(
                f"The rejected rows cannot be written to {self.path} ({error.strerror}): name another file."
            ) from error
        self.count += 1

    def _begin(self) -> None:
        self._file = self._unfinished.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(["line", "reason", *map(_harmless, self._header)])


def _harmless(cell: str) -> str:
    return cell if is_number(cell) else harmless(cell)
