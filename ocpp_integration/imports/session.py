"""A session that has ended, on its way into the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class EndedSession:
    """Times are aware; energy is Wh, power W, `cost` and `tax` in the station's currency, `cost` gross.

    `external_id` is unique within its source. `station_id` and `connector_id` are OCPP's. `charging_seconds`
    is the time in which energy flowed, None where it is not known. `status` is completed or failed, `flags`
    are codes of `db.analytics.flags`, `verdict` is counted or held.
    """

    external_id: str
    station_id: str
    start_time: datetime
    stop_time: datetime
    energy_wh: int
    connector_id: int = 1
    id_tag: str | None = None
    status: str = "completed"
    stop_reason: str | None = None
    charging_seconds: int | None = None
    max_power_w: int | None = None
    soc_percent: Decimal | None = None
    meter_start: int | None = None
    meter_stop: int | None = None
    tariff_id: int | None = None
    cost: Decimal | None = None
    tax: Decimal | None = None
    payment_method: str | None = None
    flags: tuple[str, ...] = ()
    verdict: str = "counted"
