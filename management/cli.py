"""The commands of `manage.py`, and what they refuse to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from db.access import AccessError
from db.analytics.exclusions import ExclusionRefused
from db.texts import TextRefused
from jobs.runs import AlreadyRunning
from management import backup, charging_test, copy_store, exports
from management.commands import (
    access,
    data,
    events,
    exclusions,
    payments,
    quarantine,
    running,
    statements,
    tariffs,
    work,
)
from management.commands.command import Commands
from ocpp_integration.errors import IntegrationError
from ocpp_integration.exports import periods
from ocpp_integration.imports import ImportRefused
from ocpp_integration.pricing import InvalidTariff
from ocpp_integration.tariff_book import TariffRefused
from settings import ConfigurationError
from simulator.fleet import FleetError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

COMMANDS: Commands = {
    **running.COMMANDS,
    **access.COMMANDS,
    **data.COMMANDS,
    **work.COMMANDS,
    **events.COMMANDS,
    **quarantine.COMMANDS,
    **tariffs.COMMANDS,
    **exclusions.COMMANDS,
    **payments.COMMANDS,
    **statements.COMMANDS,
}

# What is said in one line instead of a traceback: the person at the keyboard can mend it.
REFUSALS = (
    AccessError,
    AlreadyRunning,
    backup.BackupError,
    charging_test.StepFailed,
    ConfigurationError,
    ExclusionRefused,
    copy_store.CopyRefused,
    exports.ExportRefused,
    FleetError,
    ImportRefused,
    IntegrationError,
    InvalidTariff,
    OperationalError,
    OSError,
    ProgrammingError,
    periods.WrongPeriod,
    TariffRefused,
    TextRefused,
)


def told(refusal: Exception) -> str:
    """The refusal for the person at the keyboard."""
    if isinstance(refusal, DBAPIError):
        # Not with the statement, which says nothing to who did not write it.
        return f"The store failed: {str(refusal.orig).strip()}\n`python manage.py doctor` says what to do."
    if isinstance(refusal, OSError) and refusal.strerror:
        return f"{refusal.filename}: {refusal.strerror}" if refusal.filename else refusal.strerror
    return str(refusal)


def add_commands(parsers: _SubParsersAction[Any]) -> None:
    for name, (run, add_arguments) in COMMANDS.items():
        parser = parsers.add_parser(name, help=run.__doc__, description=run.__doc__)
        add_arguments(parser)
        parser.set_defaults(run=run)
