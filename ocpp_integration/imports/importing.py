"""One file of sessions into the store, in one transaction: all of its good rows, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from db.engine import writing
from db.models import utc_now
from ocpp_integration.imports.cells import Dates, Decimals
from ocpp_integration.imports.errors import ImportRefused, UnreadableFile
from ocpp_integration.imports.layout import Layout, Spelling
from ocpp_integration.imports.rejects import Rejects, rejects_path
from ocpp_integration.imports.run import Defaults, ImportReport, ImportRun
from ocpp_integration.imports.table import Progress, Record, read_records


def import_sessions(
    engine: Engine,
    file: Path,
    *,
    timezone: str,
    owner_name: str = "Imported",
    currency: str = "ETB",
    rejects: Path | None = None,
    known_stations_only: bool = False,
    decimals: Decimals | None = None,
    dates: Dates | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> ImportReport:
    """Add the file's sessions (`docs/import-format.md`) that the store has not got yet.

    `timezone` is that of times without an offset, and of stations first seen here; `decimals` and `dates`
    say how numbers and dates are written, where it is not as usual. Stations first seen get `owner_name` and
    `currency` too, unless `known_stations_only` rejects their rows. Rejected rows go to
    `rejects`, by default `<file>.rejects.csv` in the current directory. `progress` is told the bytes read
    and the bytes there are. Raises `ImportRefused`, and then nothing has changed.
    """
    zone = _zone(timezone)
    rejects = rejects_path(file, rejects)
    with closing(read_records(file, progress)) as records:
        header = _header(records, file)
        layout = Layout.of_header(header, Spelling(zone, decimals, dates))
        with Rejects(rejects, header.cells) as rejected, writing(engine) as store:
            run = ImportRun(
                store,
                layout,
                rejected,
                defaults=Defaults(owner_name, timezone, currency),
                known_stations_only=known_stations_only,
                now=now or utc_now(),
            )
            run.take_all(records)
    return run.report()


def _header(records: Iterator[Record], file: Path) -> Record:
    first = next(records, None)
    if first is None:
        raise UnreadableFile(f"{file} is empty.")
    return first


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:  # which one depends on what is wrong with the name
        raise ImportRefused(
            f"No time zone is called {name}; a name such as Africa/Addis_Ababa is needed."
        ) from error
