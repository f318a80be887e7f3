"""The platform's stations, connectors, owners and prices: from MengedMate, or from files."""

from __future__ import annotations

from ocpp_integration.platform.applying import Terms
from ocpp_integration.platform.importing import import_stations
from ocpp_integration.platform.planning import Plan
from ocpp_integration.platform.pulling import pull, terms_of
from ocpp_integration.platform.source import MengedMate

__all__ = ["MengedMate", "Plan", "Terms", "import_stations", "pull", "terms_of"]
