"""The only place where a KPI is defined."""
