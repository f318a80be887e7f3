"""The tables of the page Revenue as rows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from dashboard import formats
from dashboard.formats import NO_DATA
from dashboard.markup import TableRow, part_of
from db.analytics.buckets import Bucket, Grain
from db.analytics.revenue import Earned, Held, Part
from languages import N_, _, dates, ngettext

AMOUNTS = (N_("Sessions"), N_("Energy"), N_("Revenue"), N_("VAT"), N_("Net"), N_("Per kWh"))
BEFORE = N_("Period before")


def part_rows(
    parts: Sequence[Part],
    before: Sequence[Part] | None,
    *,
    name: Callable[[Part], tuple[str, str]],
    href: Callable[[Part], str] = lambda _: "",
    shown: slice = slice(None),
) -> list[TableRow]:
    """A row for each part that is shown, its bar beside the greatest of all of its currency. `before` None:
    nothing is comparable.

    `name` gives what a part is called and what is said below that.
    """
    earlier = {(part.pk, part.currency): part.earned.gross for part in before or ()}
    greatest: dict[str, Decimal] = {}
    for part in parts:
        greatest[part.currency] = max(greatest.get(part.currency, Decimal(0)), part.earned.gross)
    return [
        TableRow(
            name=called,
            detail=detail,
            href=href(part),
            part=part_of(part.earned.gross, greatest[part.currency]),
            values=[
                *amounts(part.earned, part.currency),
                NO_DATA
                if before is None
                else formats.exact_money(earlier.get((part.pk, part.currency), Decimal(0)), part.currency),
            ],
        )
        for part in parts[shown]
        for called, detail in (name(part),)
    ]


def time_rows(
    times: Mapping[Bucket, Mapping[str, Earned]],
    currencies: Sequence[str],
    grain: Grain,
    shown: slice = slice(None),
) -> list[TableRow]:
    """The newest first, a row for each currency, those that are shown."""
    newest = [(bucket, currency) for bucket in reversed(list(times)) for currency in currencies]
    return [
        TableRow(label(bucket, grain), amounts(times[bucket].get(currency, Earned()), currency))
        for bucket, currency in newest[shown]
    ]


def amounts(earned: Earned, currency: str) -> list[str]:
    price = earned.price_per_kwh
    return [
        formats.count(earned.sessions),
        str(formats.energy(earned.energy_wh)),
        *(formats.exact_money(amount, currency) for amount in (earned.gross, earned.tax, earned.net)),
        NO_DATA if price is None else formats.exact_money(price, currency),
    ]


def tariff_name(part: Part) -> tuple[str, str]:
    if part.pk is None:
        return _("No tariff"), _("imported with their cost, or their price is not known")
    return part.name, _("Version {version}", version=part.version) if part.version else ""


def label(bucket: Bucket, grain: Grain) -> str:
    day = bucket.day
    if bucket.hour is not None:
        return f"{dates.told(day, 'EEE d MMM y')}, {bucket.hour:02}:00"
    if grain == "month":
        return dates.told(day, "MMMM y")
    return _("Week of {day}", day=formats.day(day)) if grain == "week" else dates.told(day, "EEE d MMM y")


def place(bucket: Bucket) -> datetime:
    """Where a chart draws it."""
    return datetime(bucket.day.year, bucket.day.month, bucket.day.day, bucket.hour or 0)  # noqa: DTZ001 - a clock's reading


def held_words(found: Mapping[str, Held]) -> tuple[str, str]:
    """What is held back, as a headline and a sentence."""
    sessions = sum(held.sessions for held in found.values())
    energy_wh = sum(held.energy_wh for held in found.values())
    money = " + ".join(formats.exact_money(held.gross, unit) for unit, held in sorted(found.items()))
    return (
        ngettext(
            "{n:,} session is held back, with {money}",
            "{n:,} sessions are held back, with {money}",
            sessions,
            money=money,
        ),
        _(
            "Impossible as reported ({exact_energy}), and so in no figure here until an admin has decided.",
            exact_energy=formats.exact_energy(energy_wh),
        ),
    )
