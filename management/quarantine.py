"""`manage.py judge-sessions`, `list-quarantine`, and the decisions about what is held back."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import Engine
from sqlalchemy.orm import Session
from tqdm import tqdm

from db.analytics import flags
from db.analytics.judgement import IMPOSSIBILITIES
from db.analytics.scope import Scope
from db.analytics.sessions import SessionFilter, SessionRow, list_sessions
from db.engine import reading, writing
from db.models import SessionDecision
from ocpp_integration import quarantine
from ocpp_integration.judging_history import Judged, judge_history


def judge(engine: Engine, *, again: bool, dry_run: bool) -> str:
    """Judge the history with a progress bar; returns what came of it as lines for a terminal."""
    with tqdm(desc="Judging", unit="session", unit_scale=True, leave=False, delay=0.5) as bar:

        def advance(done: int) -> None:
            bar.update(done)

        found = judge_history(engine, again=again, dry_run=dry_run, progress=advance)
    return describe(found, dry_run=dry_run)


def describe(found: Judged, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    lines = [
        f"{found.sessions:,} sessions {would}judged: {found.flagged:,} {would}flagged, "
        f"{found.held:,} {would}held back."
    ]
    for code, count in found.codes.most_common():
        held = " (held back)" if code in IMPOSSIBILITIES else ""
        lines.append(f"  {count:>9,}  {code}{held}: {flags.sentence(code)}")
    return "\n".join(lines)


def table(engine: Engine, state: str, limit: int) -> str:
    """The newest sessions in `state`, one below the other, each with the reasons and what was decided."""
    with reading(engine) as store:
        wanted = SessionFilter(verdict=state)
        found = list_sessions(store, Scope.network(), wanted, limit=limit + 1)
        decided = quarantine.decisions(store, [row.pk for row in found])
        is_unjudged = quarantine.has_unjudged(store)
    lines = [line for row in found[:limit] for line in _lines(row, decided.get(row.pk))]
    if not found:
        lines.append("No session is held back." if state == "held" else f"No session is {state}.")
    if len(found) > limit:
        lines.append(f"There are more; --limit shows them ({limit} are shown).")
    if is_unjudged:
        lines.append("There are sessions that were never judged. They count; `judge-sessions` judges them.")
    return "\n".join(lines)


def decide(engine: Engine, decision: Callable[[Session], None]) -> None:
    """Raises what the functions of `ocpp_integration.quarantine` raise."""
    with writing(engine) as store:
        decision(store)


def _lines(row: SessionRow, decision: SessionDecision | None) -> list[str]:
    energy = "energy not known" if row.energy_wh is None else f"{Decimal(row.energy_wh) / 1000:,.3f} kWh"
    cost = "" if row.cost is None else f", {row.cost:,.2f} {row.currency}"
    lines = [
        f"{row.pk}  {row.start_time:%Y-%m-%d %H:%M} UTC  {row.station_id}  "
        f"connector {row.connector_number or '?'}  "
        f"{energy}{cost}, meter {row.meter_start} to {row.meter_stop} Wh"
    ]
    lines += [f"    {flags.sentence(code)}" for code in row.flags if code in flags.IMPOSSIBILITIES]
    if row.verdict in ("accepted", "corrected") and decision is not None:
        by = decision.user_name or "the command line"
        lines.append(f"    {row.verdict} by {by} at {decision.at:%Y-%m-%d %H:%M} UTC: {decision.reason}")
    return lines
