"""The table of KPIs. A new one is an entry here: pages, the documentation and the tests are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from db.analytics.definitions import reliability, use, volume
from db.analytics.definitions.kpi import Kpi

GROUPS = {"Charging": volume.KPIS, "Use": use.KPIS, "Reliability": reliability.KPIS}
KPIS = {kpi.key: kpi for kpis in GROUPS.values() for kpi in kpis}


@lru_cache(maxsize=16)
def kpis_with(co2e_kg_per_kwh: Decimal | None) -> Mapping[str, Kpi]:
    """The table of an installation, which sets the factor by which energy saves CO2e."""
    return KPIS | {"co2e_saved": volume.co2e_saved(co2e_kg_per_kwh)}
