"""What a wish for so many kWh costs, and how far paid money still reaches. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal

from db.models import ChargingSession, Tariff
from ocpp_integration.pricing import Reading, Usage, energy_bill, parse, price

_CENT = Decimal("0.01")
_NOMINAL_W = 22_000
# From the decision to stop until no energy flows any more.
_REACTION = timedelta(seconds=4)


def amount_for(
    tariff: Tariff, energy_wh: int, *, power_w: int | None, timezone: str, now: datetime
) -> Decimal:
    """What so much energy costs at the connector's full power from now on."""
    if tariff.document is None:
        return energy_bill(energy_wh, tariff.price_per_kwh, tariff.vat_percent).gross
    lasting = timedelta(hours=energy_wh / (power_w or _NOMINAL_W))
    usage = Usage((Reading(now, 0), Reading(now + lasting, energy_wh)), timezone)
    return price(parse(tariff.document), usage).payable.quantize(_CENT, ROUND_UP)


def is_used_up(session: ChargingSession, paid: Decimal, wanted_wh: int | None, now: datetime) -> bool:
    """Whether a stop that is sent now comes just in time, the power staying as it was last told."""
    coming_wh = _coming_wh(session, now)
    energy_wh = (session.energy_wh or 0) + coming_wh
    if wanted_wh is not None and energy_wh >= wanted_wh:
        return True
    return (session.cost or Decimal(0)) + _price_per_wh(session) * coming_wh >= paid


def _coming_wh(session: ChargingSession, now: datetime) -> int:
    """What flowed since the last report, and will until a stop takes hold."""
    if not session.power_w or session.power_at is None:
        return 0
    since = max(timedelta(0), now - session.power_at) + _REACTION
    return int(session.power_w * since / timedelta(hours=1))


def _price_per_wh(session: ChargingSession) -> Decimal:
    """By the tariff, and by what this session costs so far: time and fees may make it dearer."""
    by_tariff = session.tariff.price_per_kwh / 1000 if session.tariff else Decimal(0)
    so_far = session.cost / session.energy_wh if session.cost and session.energy_wh else Decimal(0)
    return max(by_tariff, so_far)
