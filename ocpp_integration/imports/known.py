"""Which sessions of a source the store has already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import ChargingSession, OCPPStation
from ocpp_integration.imports.session import EndedSession

_IDS_PER_QUERY = 1000
Identity = tuple[str, datetime, datetime | None, int | None]  # station, start, stop, Wh


class KnownSessions:
    """The sessions that one source had in the store when this was made."""

    def __init__(self, store: Session, source: str):
        self._store = store
        self._source = source
        first = select(ChargingSession.id).where(ChargingSession.source == source).limit(1)
        self._any = store.scalar(first) is not None

    def find(self, external_ids: Sequence[str]) -> dict[str, Identity]:
        """By id, enough of each known session to tell whether it is the same."""
        if not self._any:
            return {}
        found: dict[str, Identity] = {}
        for position in range(0, len(external_ids), _IDS_PER_QUERY):
            found.update(self._find(external_ids[position : position + _IDS_PER_QUERY]))
        return found

    def _find(self, external_ids: Sequence[str]) -> dict[str, Identity]:
        rows = self._store.execute(
            select(
                ChargingSession.external_id,
                OCPPStation.station_id,
                ChargingSession.start_time,
                ChargingSession.stop_time,
                ChargingSession.energy_wh,
            )
            .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
            .where(ChargingSession.source == self._source, ChargingSession.external_id.in_(external_ids))
        )
        return {str(row[0]): (row[1], row[2], row[3], row[4]) for row in rows}


def identity(session: EndedSession) -> Identity:
    return session.station_id, session.start_time, session.stop_time, session.energy_wh
