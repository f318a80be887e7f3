"""What comes into the store, and where the store goes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path
from typing import get_args

from db import migrate as migrations
from db import rollups
from db.engine import writing
from management import backup, copy_store, exports, imports, kpi_document, stations
from management.commands.command import Commands, day, engine_of, nothing, number
from ocpp_integration.exports import periods
from ocpp_integration.exports.catalogue import EXPORTS, GRAINS
from ocpp_integration.exports.files import FORMATS
from ocpp_integration.imports.cells import Dates, Decimals
from ocpp_integration.platform import terms_of
from settings import ConfigurationError, load


def import_sessions(options: Namespace) -> None:
    """Import charging sessions from a CSV file (.csv or .csv.gz); see docs/import-format.md."""
    settings = load()
    engine = engine_of(settings)
    migrations.upgrade(engine)
    imports.run(
        engine,
        options.file,
        timezone=options.timezone or settings.timezone,
        owner_name=options.owner,
        currency=options.currency or settings.currency,
        rejects=options.rejects,
        known_stations_only=options.known_stations_only,
        decimals=options.decimals,
        dates=options.dates,
    )


def import_stations(options: Namespace) -> None:
    """Import stations and connectors from a CSV or JSON file; see docs/import-format.md."""
    given = {name: value for name in ("timezone", "currency") if (value := getattr(options, name))}
    settings = load(**given)
    engine = engine_of(settings)
    migrations.upgrade(engine)
    stations.import_file(
        engine,
        options.file,
        terms_of(settings),
        owner_name=options.owner,
        dry_run=options.dry_run,
        replace=options.replace,
        skip_bad=options.skip_bad,
        decimals=options.decimals,
    )


def export(options: Namespace) -> None:
    """Write a table or a report to a file; see docs/exports.md."""
    settings = load()
    size = exports.write(
        engine_of(settings),
        settings,
        EXPORTS[options.name],
        options.format,
        options.output,
        period=periods.asked(options.first, options.last, options.quarter),
        owner_name=options.owner,
        station_id=options.station,
        transaction_id=options.transaction,
        grain=options.grain,
        force=options.force,
    )
    print(f"Wrote {options.output} ({size:,} bytes).")


def pull_stations(options: Namespace) -> int:
    """Pull stations from MengedMate now, or say what a pull would change."""
    settings = load()
    if not settings.pulls_stations:
        raise ConfigurationError(
            "Set MENGEDMATE_URL and MENGEDMATE_TOKEN: they say where stations come from."
        )
    engine = engine_of(settings)
    migrations.upgrade(engine)
    return stations.pull_now(engine, settings, dry_run=options.dry_run, trusted=options.trust)


def copy_a_store(options: Namespace) -> int:
    """Copy a store into another, empty database and compare both; see docs/postgresql.md."""
    if not copy_store.run(options.source, options.target):
        return 1
    print("Everything is the same on both sides.")
    return 0


def kpis(_: Namespace) -> None:
    """Print what each KPI is, by whose definition, and how its rows add up (docs/kpis.md)."""
    print(kpi_document.document(), end="")


def rollup(options: Namespace) -> None:
    """Make the statistics of whole months anew from the sessions and statuses they sum."""
    if options.last < options.first:
        raise periods.WrongPeriod(f"the last day ({options.last}) comes before the first ({options.first})")
    with writing(engine_of(load())) as store:
        rollups.rebuild(store, options.first, options.last)
    print(f"Made the statistics from {options.first:%B %Y} to {options.last:%B %Y} anew.")


def back_up(options: Namespace) -> None:
    """Write both stores, as they are now, into one file; the processes may go on."""
    for line in backup.back_up(load(), options.file):
        print(line)


def restore(options: Namespace) -> None:
    """Bring both stores back from such a file; the processes must have ended."""
    for line in backup.restore(load(), options.file, replace=options.replace):
        print(line)


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--timezone", help="of the stations, and of times without an offset")
    parser.add_argument("--owner", default="Imported", help="owner of stations that are not known yet")
    parser.add_argument("--currency", help="of stations that are not known yet")
    parser.add_argument(
        "--known-stations-only", action="store_true", help="reject rows of stations that are not known yet"
    )
    parser.add_argument(
        "--dates", choices=get_args(Dates), help="how 01/02/2026 is meant; 2026-02-01 needs no word"
    )
    _decimals_argument(parser)
    parser.add_argument("--rejects", type=Path, help="file for the rows that were left out, with the reason")


def _station_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--owner", default="Imported", help="owner of new stations for which none is named")
    parser.add_argument("--timezone", help="of new stations")
    parser.add_argument("--currency", help="of new stations and their prices")
    parser.add_argument("--dry-run", action="store_true", help="only print what would change")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="deactivate what the file does not list: connectors of its stations, stations of its owners",
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave out stations with wrong rows")
    _decimals_argument(parser)


def _decimals_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--decimals",
        choices=get_args(Decimals),
        help="of a CSV file (default: comma where semicolons separate its columns, else point)",
    )


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", choices=EXPORTS, metavar="NAME", help=", ".join(EXPORTS))
    parser.add_argument("--format", choices=FORMATS, default="csv", help="default: csv; json for OCPI")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.add_argument("--from", dest="first", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=day, metavar="YYYY-MM-DD", help="included")
    parser.add_argument("--quarter", metavar="YYYY-Qn", help="a quarter instead; EV-ChART: the last one")
    parser.add_argument("--owner", help="only the stations of this owner (default: all)")
    parser.add_argument("--station", metavar="ID", help="only this station, by its OCPP id")
    parser.add_argument("--grain", choices=GRAINS, default="day", help="of kpi-series (default: day)")
    parser.add_argument("--transaction", type=number, metavar="ID", help="the session, for meter-values")


def _pull_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only print what would change")
    parser.add_argument(
        "--trust", action="store_true", help="deactivate what is gone from the list, be it all stations"
    )


def _copy_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="URL of the product's store, or of the OCPP backend's")
    parser.add_argument("target", metavar="TO", help="URL of an empty database; what it lacks is made")


def _rollup_arguments(parser: ArgumentParser) -> None:
    today = date.today()  # noqa: DTZ011 - a default for a person at this machine's clock
    parser.add_argument("--from", dest="first", type=day, default=today, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=day, default=today, metavar="YYYY-MM-DD")


def _backup_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a file that is not there yet, such as backup.tar.gz")


def _restore_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what `backup` wrote")
    parser.add_argument("--replace", action="store_true", help="replace what is in the stores now")


COMMANDS: Commands = {
    "import-sessions": (import_sessions, _import_arguments),
    "import-stations": (import_stations, _station_arguments),
    "export": (export, _export_arguments),
    "kpis": (kpis, nothing),
    "pull-stations": (pull_stations, _pull_arguments),
    "copy-store": (copy_a_store, _copy_arguments),
    "rollup": (rollup, _rollup_arguments),
    "backup": (back_up, _backup_arguments),
    "restore": (restore, _restore_arguments),
}
