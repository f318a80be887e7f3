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
        key="availability",
        label="Availability",
        value=_percent(told.plain),
        verdict=("default", None),
        detail=f"{_hours(told.outage)} down of {_hours(told.observed)}",
        exact=_exact(told.plain),
    )


def _nevi(told: Definitions) -> Figure:
    passing, ports = sum(uptime.passes for uptime in told.nevi.values()), len(told.nevi)
    excluded = f"{_hours(told.excluded)} excluded" if told.excluded else "nothing excluded"
    return Figure(
        key="uptime_nevi",
        label="NEVI, each port",
        value=_percent(told.nevi_mean),
        verdict=(f"{passing} of {ports} over 97 %", passing == ports) if ports else None,
        detail=excluded if ports else "",
        exact=_exact(told.nevi_mean),
    )


def _uk(told: Definitions) -> Figure:
    if told.uk is None:
        return Figure("reliability_uk", "UK, network mean", None, None, "no rapid connectors")
    share = float(told.uk.share)
    verdict = ("meets 99 %", True) if told.uk.passes else ("below 99 %", False)
    detail = f"{_hours(told.uk.outage)} out of service"
    return Figure("reliability_uk", "UK, network mean", _percent(share), verdict, detail, _exact(share))


def success(tally: Tally) -> list[Figure]:
    return [
        _rate("charge_start_success", "Charge start", tally.charge_start_success, "attempts"),
        _rate("charge_end_success", "Charge end", tally.charge_end_success, "with power"),
        _rate("session_success", "Session success", tally.session_success, "attempts"),
        _rate("first_attempt_success", "First attempt", tally.first_attempt_success, "visits"),
    ]


def _rate(key: str, label: str, rate: Rate, of: str) -> Figure:
    return Figure(
        key=key,
        label=label,
        value=_percent(rate.share),
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
