"""Tariffs and where they hold as rows of a list. Pure."""

from __future__ import annotations

from datetime import datetime

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from db.models import Tariff
from languages import _, told
from ocpp_integration.pricing.words import in_words
from ocpp_integration.tariff_book import AssignmentRow, TariffRow
from ocpp_integration.tariffs import document_of


def tariff_row(row: TariffRow, timezone: str) -> str:
    state = (_("In force"), "available") if row.current else (_("Not in force"), "offline")
    facts = [
        Fact(_("Version"), _version(row)),
        Fact(_("Holds at"), _places(row), exact=", ".join(row.places)),
        Fact(_("Next"), _moment(row.coming.valid_from, timezone) if row.coming else _("None")),
    ]
    return fact_row(row.name, " · ".join((row.code, *row.words)), state, facts)


def assignment_row(row: AssignmentRow, now: datetime, timezone: str) -> str:
    state = (_("Holds"), "available") if row.valid_from <= now else (_("To come"), "reserved")
    facts = [
        Fact(_("From"), _moment(row.valid_from, timezone)),
        Fact(_("Until"), _moment(row.valid_until, timezone) if row.valid_until else _("No end")),
    ]
    return fact_row(told(row.place[:1].upper() + row.place[1:]), row.code, state, facts)


def version_row(tariff: Tariff, timezone: str) -> dict[str, str]:
    return {
        _("Version"): str(tariff.version),
        _("Name"): tariff.name,
        _("In force from"): _moment(tariff.valid_from, timezone),
        _("Until"): _moment(tariff.valid_until, timezone) if tariff.valid_until else _("the next one"),
        _("Price"): "; ".join(in_words(document_of(tariff))),
    }


def _version(row: TariffRow) -> str:
    return (
        _("{version} of {versions}", version=row.current.version, versions=row.versions)
        if row.current
        else _("None of {versions}", versions=row.versions)
    )


def _places(row: TariffRow) -> str:
    if not row.places:
        return _("Nowhere")
    return row.places[0] if len(row.places) == 1 else _("{count} places", count=len(row.places))


def _moment(at: datetime, timezone: str) -> str:
    return formats.local_time(at, timezone)
