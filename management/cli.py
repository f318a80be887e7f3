"""The commands of `manage.py` with their arguments: each is one function, listed in `COMMANDS`."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from db import migrate as migrations
from db import rollups
from db.access import AccessError
from db.engine import make_engine, writing
from jobs.runs import AlreadyRunning
from management import (
    backup,
    charging_test,
    copy_store,
    demo,
    doctor,
    environment,
    exports,
    imports,
    jobs,
    people,
    processes,
    station_keys,
    stations,
)
from ocpp_integration.errors import IntegrationError
from ocpp_integration.exports import periods
from ocpp_integration.exports.catalogue import EXPORTS
from ocpp_integration.exports.files import FORMATS
from ocpp_integration.imports import ImportRefused
from ocpp_integration.platform import terms_of
from settings import ENV_FILE, ConfigurationError, Settings, load
from simulator.fleet import FleetError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

# What is said in one line instead of a traceback: the person at the keyboard can mend it.
REFUSALS = (
    AccessError,
    AlreadyRunning,
    backup.BackupError,
    ConfigurationError,
    FleetError,
    ImportRefused,
    IntegrationError,
    OperationalError,
    copy_store.CopyRefused,
    exports.ExportRefused,
    periods.WrongPeriod,
    charging_test.StepFailed,
)


def add_commands(parsers: _SubParsersAction[Any]) -> None:
    for name, (run, add_arguments) in COMMANDS.items():
        parser = parsers.add_parser(name, help=run.__doc__, description=run.__doc__)
        add_arguments(parser)
        parser.set_defaults(run=run)


def init(_: Namespace) -> None:
    """Write .env with fresh secrets where there is none."""
    made = environment.write_env()
    print(f"Wrote {ENV_FILE}." if made else f"{ENV_FILE} is there already and stays as it is.")


def migrate(_: Namespace) -> None:
    """Bring the store to this version's schema."""
    migrations.upgrade(_engine(load()))
    print("The store has this version's schema.")


def run_demo(options: Namespace) -> int:
    """Set up everything, with demo data, and run it."""
    environment.write_env()
    settings = load()
    processes.check_ports(settings)
    engine = _engine(settings)
    migrations.upgrade(engine)
    demo.create(engine, settings, days=options.days)
    engine.dispose()
    if options.no_start:
        return 0
    return processes.run_all(settings, on_healthy=lambda: print(demo.welcome(settings), flush=True))


def up(_: Namespace) -> int:
    """Start every process of the Procfile; Ctrl-C ends them all."""
    settings = load()
    migrations.upgrade(_engine(settings))
    return processes.run_all(settings, on_healthy=lambda: print(processes.addresses(settings), flush=True))


def examine(_: Namespace) -> int:
    """Say what is wrong with the configuration and the processes, a line each."""
    findings = list(doctor.examine())
    for finding in findings:
        print(finding)
    return 0 if all(finding.good for finding in findings) else 1


def create_user(options: Namespace) -> None:
    """Make a user who can sign in to the dashboard."""
    people.add_user(
        _engine(load()),
        user_name=options.user_name,
        role=options.role,
        password=_ask_password(),
        name=options.name,
        owner=options.owner,
    )
    print(f"Made the user {options.user_name}.")


def create_token(options: Namespace) -> None:
    """Make a token of the REST API; it is shown once."""
    print(
        people.add_token(_engine(load()), user_name=options.user_name, name=options.name, days=options.days)
    )


def list_tokens(options: Namespace) -> None:
    """List the tokens of the REST API that are active: whose, until when, when last used."""
    people.print_tokens(_engine(load()), user_name=options.user, all_of_them=options.all)


def revoke_token(options: Namespace) -> None:
    """Have a token refused from now on, by its number in list-tokens."""
    people.revoke(_engine(load()), options.token_id)
    print(f"Token {options.token_id} is revoked.")


def list_users(_: Namespace) -> None:
    """List the users, with their role, state and number of tokens."""
    people.print_users(_engine(load()))


def set_password(options: Namespace) -> None:
    """Give a user a new password; whoever is signed in as this user is signed out."""
    people.change_password(_engine(load()), user_name=options.user_name, password=_ask_password())
    print(f"{options.user_name} has a new password.")


def deactivate_user(options: Namespace) -> None:
    """Let a user in no more: its sign-ins end and its tokens are revoked at once."""
    people.deactivate(_engine(load()), options.user_name)
    print(f"{options.user_name} is deactivated, signed out, and its tokens are revoked.")


def create_station_key(options: Namespace) -> None:
    """Make the key with which a charge point connects; it is shown once and replaces any before."""
    settings = load()
    # The key alone on standard output, so that a script can take it.
    print(station_keys.create(settings, options.station_id))
    print(station_keys.how_to_connect(settings, options.station_id), file=sys.stderr)


def import_sessions(options: Namespace) -> None:
    """Import charging sessions from a CSV file (.csv or .csv.gz); see docs/import-format.md."""
    settings = load()
    engine = _engine(settings)
    migrations.upgrade(engine)
    imports.run(
        engine,
        options.file,
        timezone=options.timezone or settings.timezone,
        owner_name=options.owner,
        currency=options.currency or settings.currency,
        rejects=options.rejects,
        known_stations_only=options.known_stations_only,
    )


def import_stations(options: Namespace) -> None:
    """Import stations and connectors from a CSV or JSON file; see docs/import-format.md."""
    given = {name: value for name in ("timezone", "currency") if (value := getattr(options, name))}
    settings = load(**given)
    engine = _engine(settings)
    migrations.upgrade(engine)
    stations.import_file(
        engine,
        options.file,
        terms_of(settings),
        owner_name=options.owner,
        dry_run=options.dry_run,
        replace=options.replace,
        skip_bad=options.skip_bad,
    )


def export(options: Namespace) -> None:
    """Write a table or a report to a file; see docs/exports.md."""
    settings = load()
    size = exports.write(
        _engine(settings),
        settings,
        EXPORTS[options.name],
        options.format,
        options.output,
        period=periods.asked(options.first, options.last, options.quarter),
        owner_name=options.owner,
        station_id=options.station,
        transaction_id=options.transaction,
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
    engine = _engine(settings)
    migrations.upgrade(engine)
    return stations.pull_now(engine, settings, dry_run=options.dry_run, trusted=options.trust)


def copy_a_store(options: Namespace) -> int:
    """Copy a store into another, empty database and compare both; see docs/postgresql.md."""
    if not copy_store.run(options.source, options.target):
        return 1
    print("Everything is the same on both sides.")
    return 0


def rollup(options: Namespace) -> None:
    """Make the statistics of whole months anew from the sessions and statuses they sum."""
    with writing(_engine(load())) as store:
        rollups.rebuild(store, options.first, options.last)
    print(f"Made the statistics from {options.first:%B %Y} to {options.last:%B %Y} anew.")


def run_job(options: Namespace) -> int:
    """Run a job now and say what became of it."""
    settings = load()
    return jobs.run_by_name(settings, _engine(settings), options.name)


def list_jobs(_: Namespace) -> None:
    """List the jobs: when each last ran, how that went, when it is due, whether it is late."""
    print(jobs.table(_engine(load())))


def back_up(options: Namespace) -> None:
    """Write both stores, as they are now, into one file; the processes may go on."""
    for line in backup.back_up(load(), options.file):
        print(line)


def restore(options: Namespace) -> None:
    """Bring both stores back from such a file; the processes must have ended."""
    for line in backup.restore(load(), options.file, replace=options.replace):
        print(line)


def test_integration(options: Namespace) -> None:
    """Try the way from the service to a charge point and back: sample data, sync, a real charge."""
    if not (options.create_sample_data or options.sync_station or options.test_charging):
        raise ConfigurationError("Say what to try: --create-sample-data, --sync-station ID, --test-charging")
    settings = load()
    engine = _engine(settings)
    migrations.upgrade(engine)
    test = charging_test.IntegrationTest(settings, engine, lambda line: print(line, flush=True))
    if options.create_sample_data:
        test.create_sample_data()
    if options.sync_station:
        test.sync_station(options.sync_station)
    if options.test_charging:
        test.charge()


def _ask_password() -> str:
    """Never an argument: arguments are seen by everybody on the machine."""
    return os.environ.get("NEW_USER_PASSWORD") or getpass.getpass("Password: ")


def _engine(settings: Settings) -> Engine:
    return make_engine(settings.database_url)


def _nothing(_: ArgumentParser) -> None:
    """No arguments."""


def _demo_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=365, help="days of history to make (default: 365)")
    parser.add_argument("--no-start", action="store_true", help="set up only, start nothing")


def _user_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name")
    parser.add_argument("--role", choices=("admin", "owner", "driver"), required=True)
    parser.add_argument("--name", default="", help="the name that is shown")
    parser.add_argument("--owner", help="whose stations a user of the role owner sees")


def _token_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name", help="the user that the token acts for")
    parser.add_argument("--name", default="", help="what the token is for")
    parser.add_argument("--days", type=_days, help="days until it ends (default: never)")


def _days(text: str) -> int:
    days = int(text)
    # Zero would else be as good as never.
    if not 1 <= days <= 36_500:
        raise ArgumentTypeError("from 1 to 36500 days")
    return days


def _token_list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--user", help="only the tokens of this user")
    parser.add_argument("--all", action="store_true", help="those that expired or were revoked, too")


def _token_id_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("token_id", type=int, help="the number that list-tokens shows")


def _user_name_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name")


def _station_key_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("station_id", help="the last step of the address that the charge point connects to")


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--timezone", help="of the stations, and of times without an offset")
    parser.add_argument("--owner", default="Imported", help="owner of stations that are not known yet")
    parser.add_argument("--currency", help="of stations that are not known yet")
    parser.add_argument(
        "--known-stations-only", action="store_true", help="reject rows of stations that are not known yet"
    )
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


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", choices=EXPORTS, metavar="NAME", help=", ".join(EXPORTS))
    parser.add_argument("--format", choices=FORMATS, default="csv", help="default: csv; json for OCPI")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="YYYY-MM-DD", help="included")
    parser.add_argument("--quarter", metavar="YYYY-Qn", help="a quarter instead; EV-ChART: the last one")
    parser.add_argument("--owner", help="only the stations of this owner (default: all)")
    parser.add_argument("--station", metavar="ID", help="only this station, by its OCPP id")
    parser.add_argument("--transaction", type=int, metavar="ID", help="the session, for meter-values")


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
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=today, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=today, metavar="YYYY-MM-DD")


def _job_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="one of those that list-jobs names")


def _backup_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a file that is not there yet, such as backup.tar.gz")


def _restore_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="what `backup` wrote")
    parser.add_argument("--replace", action="store_true", help="replace what is in the stores now")


def _test_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--create-sample-data", action="store_true", help="an owner with one station")
    parser.add_argument("--sync-station", metavar="ID", help="tell the backend about this station")
    parser.add_argument("--test-charging", action="store_true", help="charge for real, on a free connector")


Command = Callable[[Namespace], int | None]
COMMANDS: dict[str, tuple[Command, Callable[[ArgumentParser], None]]] = {
    "init": (init, _nothing),
    "migrate": (migrate, _nothing),
    "demo": (run_demo, _demo_arguments),
    "up": (up, _nothing),
    "doctor": (examine, _nothing),
    "create-user": (create_user, _user_arguments),
    "create-token": (create_token, _token_arguments),
    "list-users": (list_users, _nothing),
    "set-password": (set_password, _user_name_arguments),
    "deactivate-user": (deactivate_user, _user_name_arguments),
    "list-tokens": (list_tokens, _token_list_arguments),
    "revoke-token": (revoke_token, _token_id_arguments),
    "create-station-key": (create_station_key, _station_key_arguments),
    "import-sessions": (import_sessions, _import_arguments),
    "import-stations": (import_stations, _station_arguments),
    "export": (export, _export_arguments),
    "pull-stations": (pull_stations, _pull_arguments),
    "copy-store": (copy_a_store, _copy_arguments),
    "rollup": (rollup, _rollup_arguments),
    "run-job": (run_job, _job_arguments),
    "list-jobs": (list_jobs, _nothing),
    "backup": (back_up, _backup_arguments),
    "restore": (restore, _restore_arguments),
    "test_ocpp_integration": (test_integration, _test_arguments),
}
