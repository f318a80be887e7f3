"""Stations from a CSV file: a row for each connector, the rows of a station one after the other or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ocpp_integration.imports import cells
from ocpp_integration.imports.errors import UnreadableFile
from ocpp_integration.imports.layout import DOCUMENTATION, has_commas, with_commas
from ocpp_integration.imports.table import Record, name_of, read_records
from ocpp_integration.platform import fields
from ocpp_integration.platform.fields import Field
from ocpp_integration.platform.listing import Listing, StationKey, WantedConnector, WantedStation

# `docs/import-format.md` describes every row of these tables.
KEY = (
    Field("station_id", "ocpp_id", cells.read_text),
    Field("id", "id", fields.read_uuid),
)
STATION = (
    *fields.PLACE,
    Field("owner_name", "owner_name", fields.read_line),
    Field("is_active", "is_active", fields.read_truth),
)
CONNECTOR = (Field("connector_id", "number", cells.read_connector_id), *fields.CONNECTOR)
COLUMNS = tuple(each.name for each in (*KEY, *STATION, *CONNECTOR))


@dataclass
class _Station:
    """What the rows of one station have told so far; `lines` says which line told a column first."""

    told: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    connectors: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    is_wrong: bool = False


def read_table(file: Path, decimals: cells.Decimals | None = None) -> Listing:
    """Raises `UnreadableFile` where the file is no such table."""
    with closing(read_records(file)) as records:
        header = next(records, None)
        if header is None:
            raise UnreadableFile(f"{file} is empty.")
        table = _Table(_names(header.cells), commas=has_commas(decimals, header.separator))
        for record in records:
            table.add(record)
    return table.listing()


class _Table:
    def __init__(self, names: list[str], *, commas: bool):
        self._names = names
        self._station, self._connector = (_spelled(each, commas) for each in (STATION, CONNECTOR))
        self._stations: dict[StationKey, _Station] = {}
        self._listing = Listing(ignored=tuple(name for name in names if name and name not in COLUMNS))

    def add(self, record: Record) -> None:
        if len(record.cells) != len(self._names):
            count = f"has {len(record.cells)} cells, the header has {len(self._names)}"
            self._leave_out(record.line, [count])
            return
        # An empty cell tells nothing.
        row = {
            name: text for name, cell in zip(self._names, record.cells, strict=True) if (text := cell.strip())
        }
        told, reasons = fields.read_fields(KEY, row)
        if reasons or not told:
            self._leave_out(record.line, reasons or ["station_id is missing"])
            return
        station = self._stations.setdefault(StationKey(told.get("id"), told.get("ocpp_id")), _Station())
        for read in (self._read_station, self._read_connector):
            reasons = read(station, record.line, row)
            station.is_wrong |= bool(reasons)
            self._report(record.line, reasons)

    def listing(self) -> Listing:
        for key, station in self._stations.items():
            self._number(station)
            if station.is_wrong:
                self._listing.left_out.append(key)
            else:
                self._listing.stations.append(_wanted(key, station))
        return self._listing

    def _leave_out(self, line: int, reasons: list[str]) -> None:
        """It may be a row of any station."""
        self._listing.complete = False
        self._report(line, reasons)

    def _read_station(self, station: _Station, line: int, row: Mapping[str, object]) -> list[str]:
        told, reasons = fields.read_fields(self._station, row)
        for name, value in told.items():
            if station.told.setdefault(name, value) != value:
                reasons.append(f"{name} differs from line {station.lines[name]}")
            station.lines.setdefault(name, line)
        return reasons

    def _read_connector(self, station: _Station, line: int, row: Mapping[str, object]) -> list[str]:
        told, reasons = fields.read_fields(self._connector, row)
        if told and not reasons:
            station.connectors.append((line, told))
        return reasons

    def _number(self, station: _Station) -> None:
        """Connectors without numbers are counted from 1, as they stand in the file."""
        if all("number" not in told for _, told in station.connectors):
            for position, (_, told) in enumerate(station.connectors, start=1):
                told["number"] = position
        numbers = Counter(told.get("number") for _, told in station.connectors)
        for line, told in station.connectors:
            if "number" not in told:
                reason = "connector_id is missing, other rows of the station have one"
            elif numbers[told["number"]] > 1:
                reason = f"connector_id {told['number']} is listed twice"
            else:
                continue
            station.is_wrong = True
            self._report(line, [reason])

    def _report(self, line: int, reasons: list[str]) -> None:
        self._listing.problems += [f"line {line}, {reason}" for reason in reasons]


def _wanted(key: StationKey, station: _Station) -> WantedStation:
    place = dict(station.told)
    owner = place.pop("owner_name", None)
    connectors = tuple(WantedConnector(told, told.pop("number")) for _, told in station.connectors)
    return WantedStation(key, place, connectors, owner)


def _spelled(columns: tuple[Field, ...], commas: bool) -> tuple[Field, ...]:
    return tuple(
        replace(each, read=with_commas(each.read)) if commas and each.is_decimal else each for each in columns
    )


def _names(header: list[str]) -> list[str]:
    names = [name_of(cell) for cell in header]
    known = [name for name in names if name in COLUMNS]
    if not {"station_id", "id"} & set(known):
        raise UnreadableFile(f"There is no column station_id, nor id. See {DOCUMENTATION}.")
    if twice := sorted({name for name in known if known.count(name) > 1}):
        raise UnreadableFile(
            f"More than one column is called {', '.join(twice)}: remove all but one of each."
        )
    return names
