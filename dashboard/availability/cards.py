"""The figures of the page Availability: three definitions side by side, and the success of charges. Pure."""

from __future__ import annotations

from datetime import timedelta

from dashboard import formats
from dashboard.formats import Amount
from dashboard.markup import Figure
from db.analytics.charge_success import Rate, Tally
from db.analytics.outages import Definitions
from languages import _


def definitions(told: Definitions) -> list[Figure]:
    return [_plain(told), _nevi(told), _uk(told)]


def _plain(told: Definitions) -> Figure:
    return Figure(
        key="availability",
        label=_("Availability"),
        value=_percent(told.plain),
        verdict=(_("as on the Overview"), None),
        detail=_("{outage} down of {observed}", outage=_hours(told.outage), observed=_hours(told.observed)),
        exact=_exact(told.plain),
    )


def _nevi(told: Definitions) -> Figure:
    passing, ports = sum(uptime.passes for uptime in told.nevi.values()), len(told.nevi)
    excluded = (
        _("{excluded} excluded", excluded=_hours(told.excluded)) if told.excluded else _("nothing excluded")
    )
    return Figure(
        key="uptime_nevi",
        label=_("NEVI, each port"),
        value=_percent(told.nevi_mean),
        verdict=(_("{passing} of {ports} over 97\u00a0%", passing=passing, ports=ports), passing == ports)
        if ports
        else None,
        detail=excluded if ports else "",
        exact=_exact(told.nevi_mean),
    )


def _uk(told: Definitions) -> Figure:
    if told.uk is None:
        return Figure("reliability_uk", _("UK, network mean"), None, None, _("no rapid connectors"))
    share = float(told.uk.share)
    verdict = (_("meets 99 %"), True) if told.uk.passes else (_("below 99 %"), False)
    detail = _("{outage} out of service", outage=_hours(told.uk.outage))
    return Figure("reliability_uk", _("UK, network mean"), _percent(share), verdict, detail, _exact(share))


def success(tally: Tally) -> list[Figure]:
    return [
        _rate(
            "charge_start_success",
            _("Charge start"),
            tally.charge_start_success,
            _("{part:,} of {whole:,} attempts"),
        ),
        _rate(
            "charge_end_success",
            _("Charge end"),
            tally.charge_end_success,
            _("{part:,} of {whole:,} with power"),
        ),
        _rate(
            "session_success",
            _("Session success"),
            tally.session_success,
            _("{part:,} of {whole:,} attempts"),
        ),
        _rate(
            "first_attempt_success",
            _("First attempt"),
            tally.first_attempt_success,
            _("{part:,} of {whole:,} visits"),
        ),
    ]


def _rate(key: str, label: str, rate: Rate, told: str) -> Figure:
    return Figure(
        key=key,
        label=label,
        value=_percent(rate.share),
        verdict=None,
        detail=told.format(part=rate.part, whole=rate.whole) if rate.whole else "",
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
    return _("{hours:,.0f}\u00a0h", hours=length / timedelta(hours=1))
