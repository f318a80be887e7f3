"""Tariffs and where they hold as rows of a list. Pure."""

from __future__ import annotations

from datetime import datetime

from dashboard import formats
from dashboard.access_rows import Fact, fact_row
from db.models import Tariff
from ocpp_integration.pricing.words import in_words
from ocpp_integration.tariff_book import AssignmentRow, TariffRow
from ocpp_integration.tariffs import document_of


def tariff_row(row: TariffRow, timezone: str) -> str:
    state = ("In force", "available") if row.current else ("Not in force", "offline")
    facts = [
        Fact("Version", _version(row)),
        Fact("Holds at", _places(row), exact=", ".join(row.places)),
        Fact("Next", _moment(row.coming.valid_from, timezone) if row.coming else "None"),
    ]
    return fact_row(row.name, " · ".join((row.code, *row.words)), state, facts)


def assignment_row(row: AssignmentRow, now: datetime, timezone: str) -> str:
    state = ("Holds", "available") if row.valid_from <= now else ("To come", "reserved")
    facts = [
        Fact("From", _moment(row.valid_from, timezone)),
        Fact("Until", _moment(row.valid_until, timezone) if row.valid_until else "No end"),
    ]
    return fact_row(row.place[:1].upper() + row.place[1:], row.code, state, facts)


def version_row(tariff: Tariff, timezone: str) -> dict[str, str]:
    return {
        "Version": str(tariff.version),
        "Name": tariff.name,
        "In force from": _moment(tariff.valid_from, timezone),
        "Until": _moment(tariff.valid_until, timezone) if tariff.valid_until else "the next one",
        "Price": "; ".join(in_words(document_of(tariff))),
    }


def _version(row: TariffRow) -> str:
    return f"{row.current.version} of {row.versions}" if row.current else f"None of {row.versions}"


def _places(row: TariffRow) -> str:
    if not row.places:
        return "Nowhere"
    return row.places[0] if len(row.places) == 1 else f"{len(row.places)} places"


def _moment(at: datetime, timezone: str) -> str:
    return formats.local_time(at, timezone)
