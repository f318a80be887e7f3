"""How much was charged, by whom, and what a session was like."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from db.analytics import drivers, emissions, per_session, revenue, volume
from db.analytics.definitions import session_rows
from db.analytics.definitions.kpi import Compute, Kpi, Value
from db.analytics.per_session import PerSession, Typical
from db.analytics.revenue import Earned
from db.analytics.volume import Volume

_ATLAS = "Atlas charging-use specification"
_SESSION = ("station", "connector", "started_at", "ended_at", "timezone")


def _whole(figure: Callable[[Volume], Value]) -> Compute:
    return lambda store, scope, period, _now: figure(volume.whole(store, scope, period))


def _by_currency(found: dict[str, Decimal]) -> Value:
    return {(currency,): amount for currency, amount in found.items()}


def _prices(found: dict[str, Earned]) -> Value:
    prices = {(currency,): earned.price_per_kwh for currency, earned in found.items()}
    return {key: price for key, price in prices.items() if price is not None}


def _per_session(figure: Callable[[PerSession], Value]) -> Compute:
    return lambda store, scope, period, _now: figure(per_session.whole(store, scope, period))


def _mean(found: Typical | None) -> Value:
    return None if found is None else found.mean


def _median(found: Typical | None) -> Value:
    return None if found is None else found.median


def _in_the_middle(value: str, place: str, number: str) -> str:
    """The median: the row in the middle, or the mean of the two there."""
    return f"avg({value}) FILTER (WHERE 2 * {place} BETWEEN {number} AND {number} + 2)"


def co2e_saved(kg_per_kwh: Decimal | None) -> Kpi:
    """With the installation's factor (setting `co2e_kg_per_kwh`); without it the value is None."""
    factor = "NULL" if kg_per_kwh is None else f"{kg_per_kwh:f}"
    return Kpi(
        key="co2e_saved",
        name="CO₂e saved",
        unit="carbon",
        formula="The energy of sessions that ended in the period, times the factor that the installation "
        "sets (CO2E_KG_PER_KWH). Without a factor nothing is told, as none would be true everywhere.",
        source=f"{_ATLAS}: CO2e",
        value=_whole(lambda found: emissions.co2e_saved_kg(found.energy_wh, kg_per_kwh)),
        behind=session_rows.attempts,
        columns=(*_SESSION, "energy_wh", "transaction_id"),
        adds_up=f"coalesce(sum(energy_wh), 0) / 1000.0 * {factor}",
    )


KPIS = (
    Kpi(
        key="sessions",
        name="Sessions",
        unit="count",
        formula="The number of sessions that ended in the period having delivered energy.",
        source=f"{_ATLAS}: Session Count, without sessions of 0 kWh",
        value=_whole(lambda found: found.sessions),
        behind=session_rows.with_energy,
        columns=(*_SESSION, "energy_wh", "cost", "currency", "transaction_id"),
        adds_up="count(*)",
    ),
    Kpi(
        key="energy",
        name="Energy",
        unit="energy",
        formula="The sum of the energy of sessions that ended in the period, by their meter registers: "
        "the one at the stop less the one at the start.",
        source=f"{_ATLAS}: Energy",
        value=_whole(lambda found: found.energy_wh),
        behind=session_rows.attempts,
        columns=(*_SESSION, "energy_wh", "transaction_id"),
        adds_up="coalesce(sum(energy_wh), 0)",
    ),
    Kpi(
        key="revenue",
        name="Revenue",
        unit="money",
        formula="The sum of the prices of sessions that ended in the period, VAT included, in each currency.",
        source=f"{_ATLAS}: Revenue",
        value=_whole(lambda found: _by_currency(found.revenue)),
        behind=session_rows.attempts,
        columns=(*_SESSION, "energy_wh", "cost", "tax", "currency", "transaction_id"),
        adds_up="sum(cost)",
        per=("currency",),
    ),
    Kpi(
        key="tax",
        name="VAT in the revenue",
        unit="money",
        formula="The sum of the VAT contained in the prices of sessions that ended in the period, in each "
        "currency.",
        source="MengedMate: by the VAT of each session's tariff",
        value=_whole(lambda found: _by_currency(found.tax)),
        behind=session_rows.attempts,
        columns=(*_SESSION, "cost", "tax", "currency", "transaction_id"),
        adds_up="sum(tax)",
        per=("currency",),
        less_is_better=None,
    ),
    Kpi(
        key="net_revenue",
        name="Net revenue",
        unit="money",
        formula="Revenue less the VAT contained in it, in each currency.",
        source=f"{_ATLAS}: Revenue, without VAT",
        value=_whole(lambda found: _by_currency(found.net)),
        behind=session_rows.attempts,
        columns=(*_SESSION, "cost", "tax", "currency", "transaction_id"),
        adds_up="sum(cost) - sum(tax)",
        per=("currency",),
    ),
    Kpi(
        key="average_price",
        name="Average price per kWh",
        unit="money",
        formula="The revenue of sessions that ended in the period, VAT included, by their energy in kWh, all "
        "of them together, in each currency. A session whose price is not known lowers it by its energy.",
        source="MengedMate: pooled, never a mean of sessions' prices",
        value=lambda store, scope, period, _now: _prices(revenue.by_currency(store, scope, period)),
        behind=session_rows.attempts,
        columns=(*_SESSION, "energy_wh", "cost", "currency", "tariff", "tariff_version", "transaction_id"),
        adds_up="sum(cost) * 1000.0 / nullif(sum(energy_wh), 0)",
        per=("currency",),
        less_is_better=None,
    ),
    Kpi(
        key="held_revenue",
        name="Held back",
        unit="money",
        formula="The prices, VAT included, of sessions that ended in the period and cannot be as they were "
        "reported, in each currency. They are in no other figure until an admin has decided about them.",
        source="MengedMate: sessions in quarantine, as they were reported",
        value=lambda store, scope, period, _now: {
            (currency,): found.gross for currency, found in revenue.held(store, scope, period).items()
        },
        behind=session_rows.held,
        columns=(*_SESSION, "energy_wh", "cost", "currency", "transaction_id"),
        adds_up="sum(cost)",
        per=("currency",),
        less_is_better=True,
    ),
    co2e_saved(None),
    Kpi(
        key="unique_drivers",
        name="Unique drivers",
        unit="count",
        formula="The number of different people whose sessions ended in the period having delivered energy: "
        "by their user, or else by the id tag. Sessions of nobody known are in no such number.",
        source=f"{_ATLAS}: Unique Users",
        value=lambda store, scope, period, _now: drivers.whole(store, scope, period).unique,
        behind=session_rows.with_energy,
        columns=(*_SESSION, "driver", "energy_wh", "transaction_id"),
        adds_up="count(DISTINCT driver)",
    ),
    Kpi(
        key="mean_energy",
        name="Average energy",
        unit="energy",
        formula="The energy of sessions that ended in the period having delivered any, by their number.",
        source=f"{_ATLAS}: mean per session",
        value=_per_session(lambda found: _mean(found.energy)),
        behind=session_rows.with_energy,
        columns=(*_SESSION, "energy_wh", "transaction_id"),
        adds_up="avg(energy_wh)",
    ),
    Kpi(
        key="median_energy",
        name="Median energy",
        unit="energy",
        formula="Half of the sessions that ended in the period having delivered energy delivered at most so "
        "much: the one in the middle, or the mean of the two there.",
        source=f"{_ATLAS}: median per session",
        value=_per_session(lambda found: _median(found.energy)),
        behind=session_rows.with_energy,
        columns=(*_SESSION, "energy_wh", "place_by_energy", "number", "transaction_id"),
        adds_up=_in_the_middle("energy_wh", "place_by_energy", "number"),
    ),
    Kpi(
        key="mean_duration",
        name="Average duration",
        unit="time",
        formula="The time from start to stop of sessions that ended in the period having delivered energy, "
        "by their number.",
        source=f"{_ATLAS}: mean per session",
        value=_per_session(lambda found: _mean(found.duration)),
        behind=session_rows.with_energy,
        columns=(*_SESSION, "duration_seconds", "transaction_id"),
        adds_up="avg(duration_seconds)",
        less_is_better=None,
    ),
    Kpi(
        key="median_duration",
        name="Median duration",
        unit="time",
        formula="Half of the sessions that ended in the period having delivered energy lasted at most so "
        "long: the one in the middle, or the mean of the two there.",
        source=f"{_ATLAS}: median per session",
        value=_per_session(lambda found: _median(found.duration)),
        behind=session_rows.with_energy,
        columns=(*_SESSION, "duration_seconds", "place_by_duration", "number", "transaction_id"),
        adds_up=_in_the_middle("duration_seconds", "place_by_duration", "number"),
        less_is_better=None,
    ),
    Kpi(
        key="mean_revenue",
        name="Average revenue",
        unit="money",
        formula="The prices, VAT included, of sessions that ended in the period having delivered energy, by "
        "their number, in each currency; those whose price is not known are left out.",
        source=f"{_ATLAS}: mean per session",
        value=_per_session(lambda found: {(unit,): each.mean for unit, each in found.revenue.items()}),
        behind=session_rows.with_cost,
        columns=(*_SESSION, "energy_wh", "cost", "currency", "transaction_id"),
        adds_up="avg(cost)",
        per=("currency",),
    ),
    Kpi(
        key="median_revenue",
        name="Median revenue",
        unit="money",
        formula="Half of the sessions that ended in the period having delivered energy cost at most so much: "
        "the one in the middle, or the mean of the two there, in each currency.",
        source=f"{_ATLAS}: median per session",
        value=_per_session(lambda found: {(unit,): each.median for unit, each in found.revenue.items()}),
        behind=session_rows.with_cost,
        columns=(*_SESSION, "cost", "currency", "place_by_cost", "number_in_currency", "transaction_id"),
        adds_up=_in_the_middle("cost", "place_by_cost", "number_in_currency"),
        per=("currency",),
    ),
)
