"""Setting up and running the product."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from db import migrate as migrations
from management import demo, doctor, environment, people, processes
from management.commands.command import Commands, engine_of, nothing, whole
from settings import ENV_FILE, load


def init(_: Namespace) -> None:
    """Write .env with fresh secrets where there is none."""
    made = environment.write_env()
    print(f"Wrote {ENV_FILE}." if made else f"{ENV_FILE} is there already and stays as it is.")


def migrate(_: Namespace) -> None:
    """Bring the store to this version's schema."""
    migrations.upgrade(engine_of(load()))
    print("The store has this version's schema.")


def run_demo(options: Namespace) -> None:
    """Set up everything, with demo data, and run it."""
    environment.write_env()
    settings = load()
    if not options.no_start:
        processes.check_ports(settings)
    engine = engine_of(settings)
    migrations.upgrade(engine)
    demo.create(engine, settings, days=options.days)
    engine.dispose()
    if not options.no_start:
        processes.run_all(settings, on_healthy=lambda: print(demo.welcome(settings), flush=True))


def up(_: Namespace) -> None:
    """Run every process of the Procfile, again where one ends by itself; Ctrl-C ends them all.

    The simulator is left out where none of its stations is in the store.
    """
    settings = load()
    engine = engine_of(settings)
    migrations.upgrade(engine)

    def tell() -> None:
        lacking = people.way_in(engine)
        print(processes.addresses(settings), *([f"\n  {lacking}"] if lacking else []), sep="\n", flush=True)

    processes.run_all(settings, on_healthy=tell)


def examine(_: Namespace) -> int:
    """Say what is wrong with the configuration and the processes, a line each."""
    findings = list(doctor.examine())
    for finding in findings:
        print(finding)
    return 0 if all(finding.good for finding in findings) else 1


def _demo_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=whole(0, 3_650), default=365, help="days of history to make (default: 365)"
    )
    parser.add_argument("--no-start", action="store_true", help="set up only, start nothing")


COMMANDS: Commands = {
    "init": (init, nothing),
    "migrate": (migrate, nothing),
    "demo": (run_demo, _demo_arguments),
    "up": (up, nothing),
    "doctor": (examine, nothing),
}
