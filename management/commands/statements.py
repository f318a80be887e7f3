"""Statements of owners, receipts of sessions, and the audit of both."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from management import statements
from management.commands.command import Commands, engine_of, number, whole
from ocpp_integration.billing.statements import StatementRefused, month_of
from settings import load


def owners_statements(options: Namespace) -> None:
    """List, issue and show statements of owners, set a fee; see docs/statements.md."""
    options.run_on_statements(options)


def receipt(options: Namespace) -> None:
    """Write the receipt of a session as a PDF file, under the number that it gets for good."""
    made = statements.write_receipt(
        engine_of(load()), options.transaction, options.output, force=options.force
    )
    print(f"It is {made.name}.")


def billing_audit(options: Namespace) -> None:
    """Audit the billing now, and print what does not add up; see docs/statements.md."""
    settings = load()
    statements.print_audit(engine_of(settings), settings.audit_days if options.days is None else options.days)


def _list(options: Namespace) -> None:
    statements.print_statements(engine_of(load()), options.owner)


def _issue(options: Namespace) -> None:
    statements.issue(engine_of(load()), options.month, options.owner)


def _show(options: Namespace) -> None:
    statements.show(engine_of(load()), options.number)


def _pdf(options: Namespace) -> None:
    statements.write_pdf(engine_of(load()), options.number, options.output, force=options.force)


def _fee(options: Namespace) -> None:
    statements.set_fee(engine_of(load()), options.owner, options.percent)
    print(f"The platform keeps {options.percent} % of what drivers pay at stations of {options.owner}.")


def _statement_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    each = actions.add_parser("list", help="all statements, the newest first")
    each.add_argument("--owner", help="only those of this owner")
    each.set_defaults(run_on_statements=_list)
    each = actions.add_parser("issue", help="the statements of a month that is over; again, those there are")
    each.add_argument("--month", type=_month, required=True, metavar="YYYY-MM")
    each.add_argument("--owner", help="only for this owner (default: for all with stations)")
    each.set_defaults(run_on_statements=_issue)
    each = actions.add_parser("show", help="a statement line by line")
    each.add_argument("number", type=number, help="the one that list shows")
    each.set_defaults(run_on_statements=_show)
    each = actions.add_parser("pdf", help="a statement as a PDF file")
    each.add_argument("number", type=number, help="the one that list shows")
    _add_output(each)
    each.set_defaults(run_on_statements=_pdf)
    each = actions.add_parser("fee", help="what the platform keeps of sessions that are yet to be stated")
    each.add_argument("--owner", required=True)
    each.add_argument("--percent", type=_percent, required=True)
    each.set_defaults(run_on_statements=_fee)


def _receipt_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("transaction", type=number, help="the session's transaction id")
    _add_output(parser)


def _audit_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=whole(0, 36_500), help="how far back, 0 for ever (default: AUDIT_DAYS)"
    )


def _add_output(parser: ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")


def _month(text: str) -> date:
    try:
        return month_of(text)
    except StatementRefused as error:
        raise ArgumentTypeError(str(error)) from error


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation as error:
        raise ArgumentTypeError("a number like 7.5") from error
    if not percent.is_finite():
        raise ArgumentTypeError("a number like 7.5")
    return percent


COMMANDS: Commands = {
    "statements": (owners_statements, _statement_arguments),
    "receipt": (receipt, _receipt_arguments),
    "billing-audit": (billing_audit, _audit_arguments),
}
