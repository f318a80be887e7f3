"""What stations, ports and sessions are called in files for others: 36 characters at most, never twice."""

from __future__ import annotations

from uuid import UUID


def port_id(station_pk: int, connector_number: int | None) -> str:
    """A connector, which for others is a port (EVSE) of its own; 0 where nobody knows which it was."""
    # Without the letter a spreadsheet would take 3-1 for a day in March.
    return f"P{station_pk}-{connector_number or 0}"


def station_id(place_id: UUID | None) -> str:
    """The platform's id of the station; that of OCPP may be longer than others take."""
    return str(place_id or "")


def session_id(transaction_id: int | None, pk: int) -> str:
    """The backend's number of it; an imported session, which has none, gets one that no other can have."""
    return f"import-{pk}" if transaction_id is None else str(transaction_id)
