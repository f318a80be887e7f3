"""The jobs by hand, and a real charge."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from db import migrate as migrations
from management import charging_test, jobs
from management.commands.command import Commands, engine_of, nothing
from settings import ConfigurationError, load


def run_job(options: Namespace) -> int:
    """Run a job now and say what became of it."""
    settings = load()
    return jobs.run_by_name(settings, engine_of(settings), options.name)


def list_jobs(_: Namespace) -> None:
    """List the jobs: when each last ran, how that went, when it is due, whether it is late."""
    print(jobs.table(engine_of(load())))


def test_integration(options: Namespace) -> None:
    """Try the way from the service to a charge point and back: sample data, sync, a real charge."""
    if not (options.create_sample_data or options.sync_station or options.test_charging):
        raise ConfigurationError("Say what to try: --create-sample-data, --sync-station ID, --test-charging")
    settings = load()
    engine = engine_of(settings)
    migrations.upgrade(engine)
    test = charging_test.IntegrationTest(settings, engine, lambda line: print(line, flush=True))
    if options.create_sample_data:
        test.create_sample_data()
    if options.sync_station:
        test.sync_station(options.sync_station)
    if options.test_charging:
        test.charge()


def _job_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="one of those that list-jobs names")


def _test_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--create-sample-data", action="store_true", help="an owner with one station")
    parser.add_argument("--sync-station", metavar="ID", help="tell the backend about this station")
    parser.add_argument("--test-charging", action="store_true", help="charge for real, on a free connector")


COMMANDS: Commands = {
    "run-job": (run_job, _job_arguments),
    "list-jobs": (list_jobs, nothing),
    "test_ocpp_integration": (test_integration, _test_arguments),
}
