"""Payments at codes: the codes themselves, and what people have to settle."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from management import payments
from management.commands.command import Commands, engine_of, nothing
from settings import load


def print_codes(options: Namespace) -> None:
    """Write the codes of a station's connectors as a PDF to print, and as pictures where asked."""
    settings = load()
    written, addresses = payments.write_codes(
        engine_of(settings), settings, options.station, options.folder, pictures=options.pictures
    )
    print("\n".join(map(str, written)))
    for number, address in addresses.items():
        print(f"connector {number} leads to {address}")
    if settings.public_url is None:
        print("No phone reaches that: set PUBLIC_URL to the receiver's address from outside, and print anew.")


def list_unsettled(_: Namespace) -> None:
    """List the payments that people have to settle: refunds to be made by hand, amounts that differ."""
    payments.print_unsettled(engine_of(load()))


def record_refund(options: Namespace) -> None:
    """Record that what was held of a payment was given back by hand."""
    payments.record_refund(engine_of(load()), options.reference, user_name=options.by)
    print(f"The refund of {options.reference} is recorded.")


def _code_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("station", help="its OCPP id, such as STATION_7")
    parser.add_argument("--folder", type=Path, default=Path(), help="where to (default: here)")
    parser.add_argument("--pictures", action="store_true", help="also a PNG and an SVG for each connector")


def _refund_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("reference", help="the payment's reference, as list-unsettled shows it")
    parser.add_argument("--by", required=True, metavar="USER", help="the admin by whose word this is done")


COMMANDS: Commands = {
    "print-codes": (print_codes, _code_arguments),
    "list-unsettled": (list_unsettled, nothing),
    "record-refund": (record_refund, _refund_arguments),
}
