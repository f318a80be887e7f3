"""Tariffs, and what past sessions would have cost under another one."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from management import tariffs
from management.commands.command import Commands, connector, day, engine_of, moment, number
from ocpp_integration.exports import periods
from ocpp_integration.exports.periods import WrongPeriod
from ocpp_integration.tariff_book import TariffRefused
from settings import load


def change_tariffs(options: Namespace) -> None:
    """List tariffs, show one, add a version, assign one, end an assignment; see docs/tariffs.md."""
    options.run_on_tariffs(options)


def reprice(options: Namespace) -> None:
    """Price a past period anew: by the booked tariffs, or by another one; see docs/tariffs.md."""
    period = periods.asked(options.first, options.last, options.quarter)
    if period is None:
        raise WrongPeriod("Say which days: --from and --to, or --quarter")
    if options.version is not None and options.tariff is None:
        raise TariffRefused("--version is of a tariff: name it with --tariff")
    engine = engine_of(load())
    candidate = None
    if options.file is not None:
        candidate = tariffs.read_file(options.file)
    elif options.tariff is not None:
        candidate = tariffs.find_document(engine, options.tariff, options.version)
    tariffs.print_repriced(engine, period, owner=options.owner, station=options.station, candidate=candidate)


def _list(_: Namespace) -> None:
    tariffs.print_tariffs(engine_of(load()))


def _show(options: Namespace) -> None:
    tariffs.print_versions(engine_of(load()), options.code)


def _add(options: Namespace) -> None:
    made = tariffs.add(
        engine_of(load()), options.file, code=options.code, name=options.name, begins=options.begins
    )
    print(f"Made version {made.version} of {made.code}, in force from {made.valid_from:%Y-%m-%d %H:%M} UTC.")


def _assign(options: Namespace) -> None:
    if options.connector is not None and options.station is None:
        raise TariffRefused("--connector is one of a station: name that with --station")
    place = tariffs.assign(
        engine_of(load()),
        options.code,
        owner=options.owner,
        station=options.station,
        connector=options.connector,
        begins=options.begins,
    )
    print(f"{options.code} holds at {place}.")


def _end(options: Namespace) -> None:
    row = tariffs.end(engine_of(load()), options.number, options.at)
    print(f"{row.code} holds at {row.place} until {row.valid_until:%Y-%m-%d %H:%M} UTC.")


def _tariff_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    each = actions.add_parser("list", help="all tariffs, and where they hold")
    each.set_defaults(run_on_tariffs=_list)
    each = actions.add_parser("show", help="the versions of a tariff, with their prices in words")
    each.add_argument("code")
    each.set_defaults(run_on_tariffs=_show)
    each = actions.add_parser("add", help="a new tariff or version, from a Tariff object of OCPI 2.2.1")
    each.add_argument("file", type=Path, help="JSON")
    each.add_argument("--code", help="of the tariff (default: its id, else the file's name)")
    each.add_argument("--name", default="", help="the name that is shown")
    _add_moment(each, "--from", "begins", "when it comes into force (default: now)")
    each.set_defaults(run_on_tariffs=_add)
    each = actions.add_parser("assign", help="have a tariff hold at stations or a connector")
    each.add_argument("code")
    where = each.add_mutually_exclusive_group(required=True)
    where.add_argument("--owner", help="by name: all of its stations")
    where.add_argument("--station", metavar="ID", help="by the OCPP id")
    each.add_argument("--connector", type=connector, metavar="NUMBER", help="only this one of the station")
    _add_moment(each, "--from", "begins", "from when on (default: now)")
    each.set_defaults(run_on_tariffs=_assign)
    each = actions.add_parser("end", help="have an assignment hold no longer")
    each.add_argument("number", type=number, help="the one that list shows")
    _add_moment(each, "--at", "at", "when (default: now)")
    each.set_defaults(run_on_tariffs=_end)


def _reprice_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=day, metavar="YYYY-MM-DD")
    parser.add_argument("--to", dest="last", type=day, metavar="YYYY-MM-DD", help="included")
    parser.add_argument("--quarter", metavar="YYYY-Qn", help="a quarter instead")
    parser.add_argument("--owner", help="only the stations of this owner (default: all)")
    parser.add_argument("--station", metavar="ID", help="only this station, by its OCPP id")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tariff", metavar="CODE", help="by this tariff (default: each by its own)")
    which.add_argument("--file", type=Path, help="by this Tariff object of OCPI 2.2.1")
    parser.add_argument("--version", type=number, help="of the tariff (default: the newest)")


def _add_moment(parser: ArgumentParser, option: str, name: str, told: str) -> None:
    parser.add_argument(option, dest=name, type=_moment, metavar="TIME", help=f"{told}; ISO 8601, else UTC")


def _moment(text: str) -> datetime:
    told = moment(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


COMMANDS: Commands = {
    "tariffs": (change_tariffs, _tariff_arguments),
    "reprice": (reprice, _reprice_arguments),
}
