"""Whether chargers worked: availability in three definitions, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from db.analytics import availability, errors, kpis
from db.analytics.availability import PortTime
from db.analytics.charge_success import Rate, Tally
from db.analytics.definitions import attempt_rows, session_rows, status_rows
from db.analytics.definitions.kpi import Compute, Kpi, Value
from db.analytics.kpis import Summary
from db.analytics.port_times import port_times
from db.analytics.scope import Period, Scope
from db.analytics.success import success

_TIMES = ("started_at", "ended_at", "timezone")
_SESSION = ("station", "connector", *_TIMES)
_ATTEMPT = ("what", *_SESSION, "energy_wh", "stop_reason", "has_power", "is_valid", "transaction_id")
_TRIED = "An attempt is a session, or a start from afar that came to nothing"
_OUTAGE = (*_SESSION, "status", "error_code", "observed_seconds", "outage_seconds")


def _of_summary(figure: Callable[[Summary], Value]) -> Compute:
    return lambda store, scope, period, now: figure(kpis.summary(store, scope, period, now))


def _nevi(store: Session, scope: Scope, period: Period, now: datetime) -> Value:
    found = port_times(store, scope, period, now)
    return availability.plain(found.observed, found.outage - found.excluded)


def _uk(store: Session, scope: Scope, period: Period, now: datetime) -> Value:
    found = port_times(store, scope, period, now)
    told = availability.uk([PortTime(found.rapid_open, found.rapid_out)])
    return None if told is None else float(told.share)


def _of_success(figure: Callable[[Tally], Rate]) -> Compute:
    return lambda store, scope, period, _now: figure(success(store, scope, period).total).share


def _errors(store: Session, scope: Scope, period: Period, now: datetime) -> Value:
    found = errors.by_code(store, scope, period, now)
    return {(each.error_code, each.vendor_error_code): each.faults + each.warnings for each in found}


KPIS = (
    Kpi(
        key="availability",
        name="Availability",
        unit="share",
        formula="Observed time without outage, of all observed time: 1 − outage ÷ observed, summed over "
        "connectors. A connector is out while it is faulted, unavailable or offline; nothing is excluded.",
        source="MengedMate: the plain share of time not down, by the statuses of OCPP",
        value=_of_summary(lambda found: found.availability),
        behind=status_rows.observed,
        columns=_OUTAGE,
        adds_up="1 - 1.0 * sum(outage_seconds) / nullif(sum(observed_seconds), 0)",
    ),
    Kpi(
        key="uptime_nevi",
        name="Uptime (NEVI)",
        unit="share",
        formula="Time without outages that count, of all time: (T − (outage − excluded)) ÷ T, with T the "
        "observed time of all ports. Excluded is only time in an outage for which somebody entered a reason, "
        "such as scheduled maintenance. Required is more than 97 % of each port over twelve months.",
        source="NEVI, 23 CFR 680.116(b)",
        value=_nevi,
        behind=status_rows.observed,
        columns=(*_OUTAGE, "excluded_seconds"),
        adds_up="1 - 1.0 * (sum(outage_seconds) - sum(excluded_seconds)) / nullif(sum(observed_seconds), 0)",
    ),
    Kpi(
        key="reliability_uk",
        name="Reliability (UK)",
        unit="share",
        formula="Time in service, of all time: (T − inoperative − out of order) ÷ T, summed over the rapid "
        "ports (50 kW and more), with T their time in the period. Offline is unknown, and what is unknown "
        "counts as reliable. Required are 99 % of a calendar year.",
        source="UK, SI 2023/1168, regulation 7",
        value=_uk,
        behind=status_rows.rapid_ports,
        columns=("station", "connector", "rated_w", "open_seconds", "out_of_service_seconds"),
        adds_up="1 - 1.0 * sum(out_of_service_seconds) / nullif(sum(open_seconds), 0)",
    ),
    Kpi(
        key="charge_start_success",
        name="Charge start success",
        unit="share",
        formula="The attempts in which power was delivered, of all attempts that ended in the period. "
        f"{_TRIED}; power was delivered where the meter rose or the connector reported Charging.",
        source="ChargeX, equations 1 and 3 to 5",
        value=_of_success(lambda tally: tally.charge_start_success),
        behind=attempt_rows.tried,
        columns=_ATTEMPT,
        adds_up="1.0 * count(*) FILTER (WHERE has_power) / nullif(count(*), 0)",
    ),
    Kpi(
        key="charge_end_success",
        name="Charge end success",
        unit="share",
        formula="The attempts that ended in the period with a valid stop, of those in which power was "
        "delivered. A stop is valid by its reason, after more than 0.1 kWh, where no fault follows at once.",
        source="ChargeX, equation 10",
        value=_of_success(lambda tally: tally.charge_end_success),
        behind=attempt_rows.tried,
        columns=_ATTEMPT,
        adds_up="1.0 * count(*) FILTER (WHERE is_valid) / nullif(count(*) FILTER (WHERE has_power), 0)",
    ),
    Kpi(
        key="session_success",
        name="Session success",
        unit="share",
        formula=f"The attempts that ended in the period with a valid stop, of all attempts. {_TRIED}.",
        source="ChargeX, equations 12 and 14 to 16",
        value=_of_success(lambda tally: tally.session_success),
        behind=attempt_rows.tried,
        columns=_ATTEMPT,
        adds_up="1.0 * count(*) FILTER (WHERE is_valid) / nullif(count(*), 0)",
    ),
    Kpi(
        key="first_attempt_success",
        name="First-attempt success",
        unit="share",
        formula="The visits whose first attempt succeeded, of all visits that ended in the period. A visit "
        "is the attempts of one person at one station with pauses of at most 30 minutes (2 where nobody "
        "knows who it was, at one connector).",
        source="ChargeX, driver experience; visits as in kwwhat",
        value=_of_success(lambda tally: tally.first_attempt_success),
        behind=attempt_rows.visits,
        columns=(
            "station",
            "who",
            "started_at",
            "ended_at",
            "timezone",
            "attempts",
            "is_first_valid",
            "is_any_valid",
        ),
        adds_up="1.0 * count(*) FILTER (WHERE is_first_valid) / nullif(count(*), 0)",
    ),
    Kpi(
        key="error_rate",
        name="Error rate",
        unit="share",
        formula="Of the attempts that ended in the period, the share that did not end with a valid stop "
        "after more than 0.1 kWh.",
        source="ChargeX, equations 12 and 14 to 16 (session success), turned around",
        value=_of_summary(lambda found: found.error_rate),
        behind=session_rows.attempts,
        columns=(*_SESSION, "energy_wh", "stop_reason", "is_failed", "transaction_id"),
        adds_up="1.0 * count(*) FILTER (WHERE is_failed) / nullif(count(*), 0)",
        less_is_better=True,
    ),
    Kpi(
        key="errors",
        name="Errors by code",
        unit="count",
        formula="How often connectors reported an error in the period, by its code and the vendor's code.",
        source="OCPP 1.6 error codes; ChargeX minimum required error codes",
        value=_errors,
        behind=status_rows.reported_errors,
        columns=("error_code", "vendor_error_code", *_SESSION, "status"),
        adds_up="count(*)",
        per=("error_code", "vendor_error_code"),
        less_is_better=True,
    ),
)
