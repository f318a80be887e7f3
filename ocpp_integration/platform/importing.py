"""Stations from a file into the store."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from ocpp_integration.imports.cells import Decimals
from ocpp_integration.imports.errors import ImportRefused, UnreadableFile
from ocpp_integration.platform.applying import ByHand, Terms, carry_out
from ocpp_integration.platform.file import read_file
from ocpp_integration.platform.planning import Plan, Rules
from ocpp_integration.platform.sources import FILE


def import_stations(
    engine: Engine,
    file: Path,
    terms: Terms,
    *,
    owner_name: str,
    now: datetime,
    dry_run: bool = False,
    replace: bool = False,
    skip_bad: bool = False,
    decimals: Decimals | None = None,
) -> Plan:
    """Bring the store to what the file says, in one transaction; returns what that changed.

    Raises `ImportRefused`, and then nothing has changed: a file with wrong rows is refused as a whole, or,
    with `skip_bad`, its stations without wrong rows are taken. What the file does not list stays as it is,
    unless it is to `replace`: then other connectors of its stations, and other stations of the owners that
    it names, are deactivated, those that MengedMate lists excepted. `decimals` are those of a CSV file.
    """
    listing = read_file(file, decimals)
    if not listing.stations and not listing.problems:
        raise UnreadableFile(f"{file} lists no station.")
    rules = Rules(FILE, owner_name, exhaustive=replace, trusted=True, all_or_nothing=not skip_bad)
    by_hand = ByHand("import stations", file.name, {"replace": "yes"} if replace else {})
    plan = carry_out(engine, listing, rules, terms, now=now, dry_run=dry_run, by_hand=by_hand)
    if plan.problems and not skip_bad:
        told = "\n".join(f"  {problem}" for problem in plan.problems)
        raise ImportRefused(
            f"{file} has errors, nothing was imported:\n{told}\n"
            "Mend them, or leave out the stations that have some with --skip-bad."
        )
    return plan
