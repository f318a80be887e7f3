"""`manage.py statements` and `billing-audit`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import ChargingSession, Receipt, Statement, utc_now
from management.exports import replacing, scope_of
from management.table import print_table
from ocpp_integration.billing import audit, receipts, statements
from ocpp_integration.billing.checks import CHECKS
from ocpp_integration.billing.pdf.receipt import receipt_pdf
from ocpp_integration.billing.pdf.statement import statement_pdf
from ocpp_integration.errors import NotFound


def print_statements(engine: Engine, owner: str | None) -> None:
    with reading(engine) as store:
        owner_id = None if owner is None else owner_id_of(store, owner)
        _print(store.scalars(statements.listed(owner_id)).all())


def issue(engine: Engine, month: date, owner: str | None) -> None:
    """For one owner, or each for itself for all that have stations. Raises `StatementRefused`."""
    with reading(engine) as store:
        ids = [each.id for each in statements.owners(store)] if owner is None else [owner_id_of(store, owner)]
    issued: list[Statement] = []
    for owner_id in ids:
        with writing(engine) as store:
            issued += statements.issue(store, None, owner_id, month, now=utc_now())
    _print(issued)


def show(engine: Engine, number: int) -> None:
    with reading(engine) as store:
        statement = _find(store, number)
        _print([statement])
        print()
        heads = ("ended", "kind", "station", "session", "energy", "gross", "VAT", "fee")
        print_table(
            heads,
            [
                (
                    f"{line.ended_at:%Y-%m-%d %H:%M} UTC",
                    f"{line.kind} of {line.stated_month:%Y-%m}" if line.stated_month else line.kind,
                    line.station_name,
                    line.session_name,
                    f"{line.energy_wh / 1000:,.3f} kWh",
                    *(f"{amount:,.2f}" for amount in (line.gross, line.tax, line.fee)),
                )
                for line in statements.lines(store, statement)
            ],
            none="No session ended in that month.",
        )


def write_pdf(engine: Engine, number: int, output: Path, *, force: bool) -> None:
    with reading(engine) as store:
        statement = _find(store, number)
        made = statement_pdf(statement, statements.lines(store, statement))
    _write(output, made, force=force)


def write_receipt(engine: Engine, transaction_id: int, output: Path, *, force: bool) -> Receipt:
    """Raises `NoReceipt` and `NotFound`."""
    with writing(engine) as store:
        found = store.scalar(
            select(ChargingSession.id).where(ChargingSession.transaction_id == transaction_id)
        )
        if found is None:
            raise NotFound(f"There is no session {transaction_id}.")
        receipt = receipts.give(store, found, now=utc_now())
    _write(output, receipt_pdf(receipt), force=force)
    return receipt


def set_fee(engine: Engine, owner: str, percent: Decimal) -> None:
    """Raises `StatementRefused`."""
    with writing(engine) as store:
        statements.set_fee(store, None, owner_id_of(store, owner), percent)


def print_audit(engine: Engine, days: int) -> None:
    """Run the audit now, and print what is open."""
    now: datetime = utc_now()
    audit.run(engine, now=now, since=now - timedelta(days=days) if days else None)
    with reading(engine) as store:
        found = store.scalars(audit.findings(Scope.network())).all()
        print_table(
            ("what", "finding", "amount", "sessions", "first seen"),
            [
                (
                    CHECKS[each.check].title,
                    each.words,
                    "not known" if each.amount is None else f"{each.amount:,.2f} {each.currency}",
                    ", ".join(sessions),
                    f"{each.first_seen_at:%Y-%m-%d %H:%M} UTC",
                )
                for each, sessions in audit.with_sessions(store, found)
                if each.check in CHECKS
            ],
            none="Everything adds up: no finding is open.",
        )


def owner_id_of(store: Session, name: str) -> int:
    """Raises `ExportRefused`, which names those that there are."""
    return scope_of(store, name, None).id


def _find(store: Session, number: int) -> Statement:
    found = statements.find(store, None, number)
    if found is None:
        raise NotFound(f"There is no statement {number}; list shows those that there are.")
    return found


def _print(found: Sequence[Statement]) -> None:
    heads = ("number", "name", "owner", "sessions", "energy", "gross", "VAT", "fee", "due", "issued")
    print_table(
        heads,
        [
            (
                str(each.id),
                each.name,
                each.owner_name,
                f"{each.sessions:,}",
                f"{each.energy_wh / 1000:,.3f} kWh",
                *(f"{amount:,.2f}" for amount in (each.gross, each.tax, each.fee, each.due)),
                f"{each.issued_at:%Y-%m-%d %H:%M} UTC",
            )
            for each in found
        ],
        none="No statement was issued yet.",
    )


def _write(output: Path, made: bytes, *, force: bool) -> None:
    """Raises `ExportRefused`."""
    with replacing(output, force=force) as file:
        file.write(made)
    print(f"Wrote {output} ({len(made):,} bytes).")
