"""`manage.py import-sessions`: the import with a progress bar, and what came of it in words."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine
from tqdm import tqdm

from ocpp_integration.imports import ImportReport, import_sessions
from ocpp_integration.imports.cells import Dates, Decimals


def run(
    engine: Engine,
    file: Path,
    *,
    timezone: str,
    owner_name: str,
    currency: str,
    rejects: Path | None,
    known_stations_only: bool,
    decimals: Decimals | None,
    dates: Dates | None,
) -> None:
    """Import `file` and print the report. Raises `ImportRefused`, and then nothing has changed."""
    with tqdm(desc=file.name, unit="B", unit_scale=True, leave=False, delay=0.5) as bar:

        def advance(read: int, size: int) -> None:
            bar.total = size
            bar.update(read - bar.n)

        report = import_sessions(
            engine,
            file,
            timezone=timezone,
            owner_name=owner_name,
            currency=currency,
            rejects=rejects,
            known_stations_only=known_stations_only,
            decimals=decimals,
            dates=dates,
            progress=advance,
        )
    print(describe(report))


def describe(report: ImportReport) -> str:
    """The report as lines for a terminal."""
    lines = [
        f"{report.rows:,} rows: {report.added:,} added ({report.energy_wh / 1000:,.2f} kWh), "
        f"{report.already_there:,} already there, {report.rejected:,} rejected."
    ]
    if report.new_stations:
        new = [(report.new_stations, "station"), (report.new_connectors, "connector")]
        told = ", ".join(f"{n:,} {name if n == 1 else name + 's'}" for n, name in new)
        lines.append(f"New: {told}.")
    if report.flagged:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in report.flags.most_common())
        lines.append(f"Flagged for a look: {report.flagged:,} ({reasons}).")
    if report.held:
        lines.append(
            f"Held back, for they cannot be as they are told: {report.held:,}; see `list-quarantine`."
        )
    if report.ignored_columns:
        lines.append(f"Columns not used: {', '.join(report.ignored_columns)}.")
    if report.rejects:
        lines.append(f"The rejected rows and their reasons are in {report.rejects}.")
    return "\n".join(lines)
