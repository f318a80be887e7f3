"""The columns that rows behind KPIs have: what each is called on pages and in files, and what it holds."""

from __future__ import annotations

from typing import Literal, NamedTuple

# text; time: an aware time, told on the clock of the row's `timezone`; energy: Wh; power: W; length: seconds;
# money: in the row's `currency`; weekday: 0 is Monday; number, share, flag.
Kind = Literal["text", "time", "energy", "power", "length", "money", "weekday", "number", "share", "flag"]


class Column(NamedTuple):
    title: str
    kind: Kind


COLUMNS = {
    "station": Column("Station", "text"),
    "station_id": Column("OCPP id", "text"),
    "connector": Column("Connector", "number"),
    "transaction_id": Column("Transaction", "text"),
    "started_at": Column("Started", "time"),
    "ended_at": Column("Ended", "time"),
    "timezone": Column("Clock", "text"),
    "energy_wh": Column("Energy", "energy"),
    "cost": Column("Cost", "money"),
    "tax": Column("VAT in it", "money"),
    "currency": Column("Currency", "text"),
    "tariff": Column("Tariff", "text"),
    "tariff_version": Column("Version", "number"),
    "stop_reason": Column("How it ended", "text"),
    "is_failed": Column("Failed", "flag"),
    "has_power": Column("Power delivered", "flag"),
    "is_valid": Column("Valid stop", "flag"),
    "who": Column("Who", "text"),
    "attempts": Column("Attempts", "number"),
    "is_first_valid": Column("At first attempt", "flag"),
    "is_any_valid": Column("At last", "flag"),
    "id_tag": Column("Id tag", "text"),
    "driver": Column("Driver", "text"),
    "duration_seconds": Column("Duration", "length"),
    "place_by_energy": Column("Place by energy", "number"),
    "place_by_duration": Column("Place by duration", "number"),
    "place_by_cost": Column("Place by cost", "number"),
    "number": Column("Of", "number"),
    "number_in_currency": Column("Of", "number"),
    "what": Column("Row", "text"),
    "day": Column("Day", "text"),
    "sessions": Column("Sessions", "number"),
    "at": Column("At", "time"),
    "own_power_w": Column("Its power", "power"),
    "power_w": Column("Power of all", "power"),
    "occupied_seconds": Column("Occupied", "length"),
    "charging_seconds": Column("Charging", "length"),
    "idle_seconds": Column("Idle", "length"),
    "congested_seconds": Column("Congested", "length"),
    "weekday": Column("Weekday", "weekday"),
    "hour": Column("Hour", "number"),
    "status": Column("Status", "text"),
    "error_code": Column("Error", "text"),
    "vendor_error_code": Column("Vendor error", "text"),
    "observed_seconds": Column("Observed", "length"),
    "outage_seconds": Column("Outage", "length"),
    "excluded_seconds": Column("Excluded", "length"),
    "open_seconds": Column("Open", "length"),
    "out_of_service_seconds": Column("Out of service", "length"),
    "rated_w": Column("Rated power", "power"),
}
