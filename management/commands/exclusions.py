"""Outages that are not held against a station."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from db.analytics.exclusions import REASONS
from management import exclusions
from management.commands.command import Commands, connector, engine_of, moment, number
from settings import load


def add_exclusion(options: Namespace) -> None:
    """Exclude the outages of a station within a time, with the reason: maintenance, vandalism and so on."""
    number = exclusions.add(
        engine_of(load()),
        station_id=options.station,
        number=options.connector,
        start=options.start,
        end=options.end,
        reason=options.reason,
        notes=options.notes,
        user_name=options.by,
    )
    print(f"Exclusion {number} counts from now on; `revoke-exclusion {number}` takes it back.")


def list_exclusions(options: Namespace) -> None:
    """List what is excluded, the newest time first, on the stations' clocks."""
    exclusions.print_all(engine_of(load()), with_revoked=options.all)


def revoke_exclusion(options: Namespace) -> None:
    """Have outages that were excluded count again."""
    exclusions.revoke(engine_of(load()), options.number, user_name=options.by)
    print(f"Exclusion {options.number} is revoked.")


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("station", help="its OCPP id, such as STATION_7")
    parser.add_argument("--connector", type=connector, help="its OCPP number (default: all connectors)")
    when = "such as 2026-03-01T08:00, on the station's clock"
    parser.add_argument("--from", dest="start", type=moment, required=True, help=when)
    parser.add_argument("--to", dest="end", type=moment, required=True, help=when)
    parser.add_argument("--reason", choices=list(REASONS), required=True)
    parser.add_argument("--notes", default="", help="a ticket's number, who was told, and the like")
    _add_author(parser)


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="those that were revoked, too")


def _revoke_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=number, help="the number that list-exclusions shows")
    _add_author(parser)


def _add_author(parser: ArgumentParser) -> None:
    parser.add_argument("--by", required=True, metavar="USER", help="the admin by whose word this is done")


COMMANDS: Commands = {
    "add-exclusion": (add_exclusion, _add_arguments),
    "list-exclusions": (list_exclusions, _list_arguments),
    "revoke-exclusion": (revoke_exclusion, _revoke_arguments),
}
