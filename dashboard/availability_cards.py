"""The figures of the page Availability: three definitions side by side, and the success of charges. Pure."""

from __future__ import annotations

from datetime import timedelta

from dashboard import formats
from dashboard.formats import Amount
from dashboard.markup import Figure
from db.analytics.charge_success import Rate, Tally
from db.analytics.outages import Definitions


def definitions(told: Definitions) -> list[Figure]:
    return [_plain(told), _nevi(told), _uk(told)]


def _plain(told: Definitions) -> Figure:
    return Figure(
        label="Availability",
        value=_percent(told.plain),
        help="Share of the observed time in which connectors were not faulted, unavailable or offline. "
        "Nothing is excluded.",
        verdict=("default", None),
        detail=f"{_hours(told.outage)} down of {_hours(told.observed)}",
        exact=_exact(told.plain),
    )


def _nevi(told: Definitions) -> Figure:
    passing, ports = sum(uptime.passes for uptime in told.nevi.values()), len(told.nevi)
    excluded = f"{_hours(told.excluded)} excluded" if told.excluded else "nothing excluded"
    return Figure(
        label="NEVI, each port",
        value=_percent(told.nevi_mean),
        help="23 CFR 680.116(b): each port must be up for strictly more than 97 % of the time, without "
        "outages that are excluded with a reason. Here over the time observed in this period; the rule looks "
        "at twelve months. The share is that of all ports together.",
        verdict=(f"{passing} of {ports} over 97 %", passing == ports) if ports else None,
        detail=excluded if ports else "",
        exact=_exact(told.nevi_mean),
    )


def _uk(told: Definitions) -> Figure:
    help_text = (
        "SI 2023/1168, regulation 7: rapid connectors (50 kW and more) together must be reliable for 99 % of "
        "a calendar year. Faulted and unavailable are not reliable; offline and unknown are. Nothing is "
        "excluded."
    )
    if told.uk is None:
        return Figure("UK, network mean", None, help_text, None, "no rapid connectors")
    share = float(told.uk.share)
    verdict = ("meets 99 %", True) if told.uk.passes else ("below 99 %", False)
    detail = f"{_hours(told.uk.outage)} out of service"
    return Figure("UK, network mean", _percent(share), help_text, verdict, detail, _exact(share))


def success(tally: Tally) -> list[Figure]:
    return [
        _rate(
            "Charge start",
            tally.charge_start_success,
            "attempts",
            "Attempts in which power was delivered, of all attempts: sessions, and starts from afar that "
            "were refused. Who is turned away at a card reader is not told of, and so not counted.",
        ),
        _rate(
            "Charge end",
            tally.charge_end_success,
            "with power",
            "Attempts with a valid stop (wanted by driver or vehicle, after more than 0.1 kWh, without a "
            "fault), of those in which power was delivered.",
        ),
        _rate(
            "Session success",
            tally.session_success,
            "attempts",
            "Attempts with a valid stop, of all attempts.",
        ),
        _rate(
            "First attempt",
            tally.first_attempt_success,
            "visits",
            "Visits whose first attempt succeeded. A visit is the attempts of one driver at one station with "
            "at most 30 minutes between them.",
        ),
    ]


def _rate(label: str, rate: Rate, of: str, help_text: str) -> Figure:
    return Figure(
        label=label,
        value=_percent(rate.share),
        help=help_text,
        verdict=None,
        detail=f"{rate.part:,} of {rate.whole:,} {of}" if rate.whole else "",
        exact=_exact(rate.share),
    )


def _percent(share: float | None) -> Amount | None:
    """With two places: between 99 and 100 % each tenth is hours."""
    return None if share is None else Amount(f"{share * 100:.2f}", "%")


def _exact(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.4f} %"


def _hours(length: timedelta) -> str:
    if length < timedelta(hours=1):
        return formats.duration(int(length.total_seconds()))
    return f"{length / timedelta(hours=1):,.0f} h"
