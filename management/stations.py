"""`manage.py import-stations` and `pull-stations`: what changes, a line each."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import Engine

from db.models import utc_now
from ocpp_integration.imports.cells import Decimals
from ocpp_integration.platform import MengedMate, Plan, Terms, import_stations, pull, terms_of
from ocpp_integration.platform.changes import StationChanged
from settings import Settings


def import_file(
    engine: Engine,
    file: Path,
    terms: Terms,
    *,
    owner_name: str,
    dry_run: bool,
    replace: bool,
    skip_bad: bool,
    decimals: Decimals | None,
) -> None:
    """Raises `ImportRefused`, and then nothing has changed."""
    plan = import_stations(
        engine,
        file,
        terms,
        owner_name=owner_name,
        now=utc_now(),
        dry_run=dry_run,
        replace=replace,
        skip_bad=skip_bad,
        decimals=decimals,
    )
    _tell(plan, dry_run=dry_run)


def pull_now(engine: Engine, settings: Settings, *, dry_run: bool, trusted: bool) -> int:
    """1 where something of the platform's list had to be left out."""
    _, plan = pull(
        engine, MengedMate(settings), terms_of(settings), now=utc_now(), dry_run=dry_run, trusted=trusted
    )
    _tell(plan, dry_run=dry_run)
    return 1 if plan.problems else 0


def _tell(plan: Plan, *, dry_run: bool) -> None:
    """Changes to standard output, the same in a dry run; what was left out to standard error."""
    for change in plan.changes:
        print(change)
    if plan.ignored:
        print(f"Columns not used: {', '.join(plan.ignored)}.", file=sys.stderr)
    for problem in plan.problems:
        print(f"Problem: {problem}", file=sys.stderr)
    if any(isinstance(each, StationChanged) and each.is_deactivation for each in plan.changes):
        print(
            "Charge points of deactivated stations stay connected until their keys are withdrawn: "
            "docs/charge-points.md.",
            file=sys.stderr,
        )
    if plan.left_out:
        count = "1 station" if len(plan.left_out) == 1 else f"{len(plan.left_out)} stations"
        print(f"Left out: {count} ({', '.join(plan.left_out)}).", file=sys.stderr)
    changes = "1 change" if len(plan.changes) == 1 else f"{len(plan.changes)} changes"
    if not plan.changes:
        print("Nothing to change.")
    elif dry_run:
        print(f"{changes} would be made; nothing was changed.")
    else:
        print(f"{changes} made.")
