"""Charging sessions from files, and the way in for sessions that ended elsewhere."""

from __future__ import annotations

from ocpp_integration.imports.errors import ImportRefused, UnreadableFile, UnwritableRejects
from ocpp_integration.imports.importing import import_sessions
from ocpp_integration.imports.insertion import insert_sessions
from ocpp_integration.imports.run import ImportReport
from ocpp_integration.imports.session import EndedSession

__all__ = [
    "EndedSession",
    "ImportRefused",
    "ImportReport",
    "UnreadableFile",
    "UnwritableRejects",
    "import_sessions",
    "insert_sessions",
]
