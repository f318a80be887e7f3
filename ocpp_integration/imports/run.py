"""The work on one file's rows: read, check, find the new ones, give them their stations, insert."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from db.rollups import Changes
from ocpp_integration.chunks import in_chunks
from ocpp_integration.imports import insertion
from ocpp_integration.imports.checks import make_session
from ocpp_integration.imports.errors import RowRejected
from ocpp_integration.imports.known import Identity, KnownSessions, identity
from ocpp_integration.imports.layout import Layout
from ocpp_integration.imports.rejects import Rejects
from ocpp_integration.imports.session import EndedSession
from ocpp_integration.imports.stations import Stations
from ocpp_integration.imports.table import Record

SOURCE = "import"


@dataclass(frozen=True)
class Defaults:
    """What a station first seen in a file gets."""

    owner_name: str
    timezone: str
    currency: str


@dataclass
class ImportReport:
    """What became of a file's rows: each is added, already there, or rejected (`rejects` lists those).

    `energy_wh` is the sum of the added ones, without those that are `held` back. `flagged` counts those of
    them with any flag, `flags` each flag.
    """

    rows: int = 0
    added: int = 0
    already_there: int = 0
    rejected: int = 0
    flagged: int = 0
    held: int = 0
    energy_wh: int = 0
    flags: Counter[str] = field(default_factory=Counter)
    new_stations: int = 0
    new_connectors: int = 0
    ignored_columns: tuple[str, ...] = ()
    rejects: Path | None = None


class _Row(NamedTuple):
    record: Record
    session: EndedSession
    currency: str | None  # as the row says


class ImportRun:
    """Takes the rows of one file within one transaction."""

    def __init__(
        self,
        store: Session,
        layout: Layout,
        rejects: Rejects,
        *,
        defaults: Defaults,
        known_stations_only: bool,
        now: datetime,
    ):
        self._store = store
        self._layout = layout
        self._rejects = rejects
        self._defaults = defaults
        self._known_stations_only = known_stations_only
        self._now = now
        self._stations = Stations(store)
        self._known = KnownSessions(store, SOURCE)
        self._sums = Changes()
        self._line_of: dict[str, int] = {}
        self._report = ImportReport(ignored_columns=layout.ignored)

    def take_all(self, records: Iterable[Record]) -> None:
        for rows in in_chunks(self._good_rows(records), insertion.CHUNK):
            self._take(rows)
        self._sums.write(self._store)
        if self._report.added:
            insertion.refresh_statistics(self._store)

    def report(self) -> ImportReport:
        return replace(
            self._report,
            rejected=self._rejects.count,
            rejects=self._rejects.path if self._rejects.count else None,
            new_stations=self._stations.new_stations,
            new_connectors=self._stations.new_connectors,
        )

    def _good_rows(self, records: Iterable[Record]) -> Iterator[_Row]:
        for record in records:
            self._report.rows += 1
            try:
                yield self._read(record)
            except RowRejected as rejection:
                self._rejects.add(record, rejection)

    def _read(self, record: Record) -> _Row:
        values = self._layout.read(record.cells)
        session = make_session(values, self._now)
        if self._known_stations_only and session.station_id not in self._stations:
            raise RowRejected(f"station {session.station_id} is not known")
        line = self._line_of.setdefault(session.external_id, record.line)
        if line != record.line:
            raise RowRejected(f"session_id {session.external_id} is on line {line} already")
        return _Row(record, session, values.get("currency"))

    def _take(self, rows: list[_Row]) -> None:
        known = self._known.find([row.session.external_id for row in rows])
        new = []
        for row in rows:
            try:
                if self._is_new(row.session, known):
                    new.append(self._placed(row))
            except RowRejected as rejection:
                self._rejects.add(row.record, rejection)
        insertion.add_sessions(
            self._store, new, self._sums, source=SOURCE, stations=self._stations, now=self._now
        )
        self._count(new)

    def _is_new(self, session: EndedSession, known: dict[str, Identity]) -> bool:
        stored = known.get(session.external_id)
        if stored is None:
            return True
        if stored != identity(session):
            # Another operator's session with the same number, or a correction: neither may pass silently.
            raise RowRejected(
                f"session_id {session.external_id} was imported before with another station, time or energy"
            )
        self._report.already_there += 1
        return False

    def _placed(self, row: _Row) -> EndedSession:
        """The session as it is judged, once its station and connector are in the store."""
        session = row.session
        if session.station_id not in self._stations:
            self._stations.add(
                session.station_id,
                owner_name=self._defaults.owner_name,
                timezone=self._defaults.timezone,
                currency=row.currency or self._defaults.currency,
            )
        currency = self._stations.get(session.station_id).currency
        if session.cost is not None and (row.currency or currency) != currency:
            raise RowRejected(
                f"currency is {row.currency}, that of station {session.station_id} is {currency}"
            )
        connector = self._stations.connector(session.station_id, session.connector_id)
        return insertion.judged(session, connector)

    def _count(self, added: list[EndedSession]) -> None:
        self._report.added += len(added)
        self._report.held += sum(session.verdict == "held" for session in added)
        self._report.energy_wh += sum(session.energy_wh for session in added if session.verdict != "held")
        self._report.flagged += sum(1 for session in added if session.flags)
        self._report.flags.update(code for session in added for code in session.flags)
