"""Who was in which status from when to when: the intervals that availability is computed from."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from db.models import ConnectorStatusInterval, OCPPConnector, OCPPStation
from db.rollups import Changes, interval_facts

OFFLINE = "offline"
# A backend dates a message a little later than its arrival, so that the silence after a heartbeat may
# seem to begin before the heartbeat.
ONE_MOMENT = timedelta(seconds=5)
_NEXT = timedelta(microseconds=1)


class StatusHistory:
    """The intervals of connectors whose stations the caller holds; their sums go to `sums`.

    Most reports follow what is known, so the newest interval of each connector is kept at hand. The
    store learns of changes with its next flush.
    """

    def __init__(self, store: Session, sums: Changes):
        self._store = store
        self._sums = sums
        self._newest: dict[int, ConnectorStatusInterval | None] = {}
        # Connectors about which something was said, each with the earliest time of it.
        self.changed: dict[OCPPConnector, datetime] = {}

    def fetch(self, connectors: Collection[OCPPConnector]) -> None:
        """Read the newest intervals of connectors that are about to report."""
        wanted = {connector.id for connector in connectors} - self._newest.keys()
        if not wanted:
            return
        newest = aliased(ConnectorStatusInterval)
        newest_id = (
            select(newest.id)
            .where(newest.ocpp_connector_id == OCPPConnector.id)
            .order_by(newest.started_at.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = (
            select(ConnectorStatusInterval)
            .join(OCPPConnector, ConnectorStatusInterval.id == newest_id)
            .where(OCPPConnector.id.in_(wanted))
            .execution_options(populate_existing=True)
        )
        self._newest |= dict.fromkeys(wanted)
        self._newest |= {interval.ocpp_connector_id: interval for interval in self._store.scalars(query)}

    def record(
        self,
        connector: OCPPConnector,
        status: str,
        at: datetime,
        error_code: str | None = None,
        vendor_error_code: str | None = None,
    ) -> None:
        """The connector was in `status` from `at` on, until what is known to have come next.

        Reports may come in any order. The connector's own row changes only if this is the newest one. An
        error code of None was not told: another report of the same status and instant may have told it.
        """
        if connector.status_at == at:
            _correct(connector, status, error_code, vendor_error_code)
        elif connector.status_at is None or at > connector.status_at:
            connector.status_at, connector.status = at, status
            connector.error_code, connector.vendor_error_code = error_code or "", vendor_error_code or ""
        self._insert(connector, status, at, error_code, vendor_error_code)

    def went_offline(self, station: OCPPStation, at: datetime) -> None:
        """All connectors of a station that fell silent at `at`."""
        self.fetch(station.connectors)
        for connector in station.connectors:
            newest = self._newest[connector.id]
            if newest is not None and newest.status != OFFLINE:
                self._insert(connector, OFFLINE, _following(newest, at))

    def was_offline(self, station: OCPPStation, since: datetime, until: datetime) -> None:
        """It was silent from `since` on and heard again at `until`, as is told only now."""
        for connector in station.connectors:
            before = self._last(connector, ConnectorStatusInterval.started_at <= since + ONE_MOMENT)
            if before is None or before.status == OFFLINE:
                continue
            start, next_report = _following(before, since), before.ended_at
            if next_report is not None and next_report <= start:
                continue
            self._insert(connector, OFFLINE, start)
            # A connector that said something meanwhile was what it said.
            if next_report is None or until < next_report:
                self._insert(connector, before.status, until, before.error_code, before.vendor_error_code)

    def came_online(self, station: OCPPStation, at: datetime) -> None:
        """Back again, each connector is taken to be what it was before, until it says what it is."""
        self.fetch(station.connectors)
        for connector in station.connectors:
            newest = self._newest[connector.id]
            if newest is not None and newest.status == OFFLINE:
                before = self._last(connector, ConnectorStatusInterval.status != OFFLINE) or connector
                self._insert(
                    connector,
                    before.status,
                    _following(newest, at),
                    before.error_code,
                    before.vendor_error_code,
                )

    def _insert(
        self,
        connector: OCPPConnector,
        status: str,
        at: datetime,
        error_code: str | None = None,
        vendor_error_code: str | None = None,
    ) -> None:
        self.fetch([connector])
        self.changed[connector] = min(at, self.changed.get(connector, at))
        newest = self._newest[connector.id]
        is_newest = newest is None or at > newest.started_at
        before = (
            newest
            if newest is None or at >= newest.started_at
            else self._last(connector, ConnectorStatusInterval.started_at <= at)
        )
        if before is not None and before.started_at == at:
            self._sum(connector, before, -1)
            _correct(before, status, error_code, vendor_error_code)
            self._sum(connector, before, 1)
            return
        ended_at = self._cut(connector, before, at) if before else self._first_start(connector)
        interval = ConnectorStatusInterval(
            ocpp_connector_id=connector.id,
            status=status,
            error_code=error_code or "",
            vendor_error_code=vendor_error_code or "",
            started_at=at,
            ended_at=ended_at,
        )
        self._store.add(interval)
        self._sum(connector, interval, 1)
        if is_newest:
            self._newest[connector.id] = interval

    def _last(
        self, connector: OCPPConnector, condition: ColumnElement[bool]
    ) -> ConnectorStatusInterval | None:
        self._store.flush()
        return self._store.scalar(
            select(ConnectorStatusInterval)
            .where(ConnectorStatusInterval.ocpp_connector_id == connector.id, condition)
            .order_by(ConnectorStatusInterval.started_at.desc())
            .limit(1)
        )

    def _first_start(self, connector: OCPPConnector) -> datetime | None:
        if self._newest[connector.id] is None:
            return None
        self._store.flush()
        return self._store.scalar(
            select(ConnectorStatusInterval.started_at)
            .where(ConnectorStatusInterval.ocpp_connector_id == connector.id)
            .order_by(ConnectorStatusInterval.started_at)
            .limit(1)
        )

    def _cut(
        self, connector: OCPPConnector, before: ConnectorStatusInterval, at: datetime
    ) -> datetime | None:
        """End `before` at `at`; returns when it would have ended."""
        self._sum(connector, before, -1)
        ended_at, before.ended_at = before.ended_at, at
        self._sum(connector, before, 1)
        return ended_at

    def _sum(self, connector: OCPPConnector, interval: ConnectorStatusInterval, sign: int) -> None:
        # An open interval has no sums yet: reads add its seconds up to now themselves.
        if interval.ended_at is not None:
            facts = interval_facts(interval, connector.ocpp_station_id, connector.station.charging_station)
            self._sums.add_interval(facts, sign=sign)


def _following(newest: ConnectorStatusInterval, at: datetime) -> datetime:
    # A connector's own clock may be ahead of the clock by which its station fell silent or came back.
    return max(at, newest.started_at + _NEXT)


def _correct(
    row: OCPPConnector | ConnectorStatusInterval,
    status: str,
    error_code: str | None,
    vendor_error_code: str | None,
) -> None:
    """Of two reports at one instant the one that came later counts: nothing else tells their order."""
    if status != row.status or error_code is not None:
        row.error_code = error_code or ""
    if status != row.status or vendor_error_code is not None:
        row.vendor_error_code = vendor_error_code or ""
    row.status = status
