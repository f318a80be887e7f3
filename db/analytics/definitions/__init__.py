"""Every KPI: what it is called, how and by whose definition it is computed, and the rows behind it."""

from db.analytics.definitions.columns import COLUMNS, Column
from db.analytics.definitions.kpi import Kpi, Number, Value
from db.analytics.definitions.table import GROUPS, KPIS, kpis_with

__all__ = ["COLUMNS", "GROUPS", "KPIS", "Column", "Kpi", "Number", "Value", "kpis_with"]
