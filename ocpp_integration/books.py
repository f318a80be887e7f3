"""What events change, fetched in a few queries and written in a few statements.

One transaction keeps one `Books`, whether it applies a single event or hundreds: each session is settled
once, after the last that was said of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from db.analytics.outcome import ENDED_STATUSES
from db.bulk import insert_all
from db.models import (
    ChargingConnector,
    ChargingSession,
    OCPPConnector,
    OCPPLog,
    OCPPStation,
    Payment,
    SessionMeterValue,
    Tariff,
    utc_now,
)
from db.rollups import Changes, session_facts
from db.sums import LONGEST, SessionFacts
from db.upsert import insert
from ocpp_integration import judging, metering, session_state
from ocpp_integration.metering import Observed
from ocpp_integration.status_history import StatusHistory
from ocpp_integration.tariffs import Tariffs

# What it costs, what more it would cost had more been paid in advance, and its verdict.
_Billed = tuple[Decimal | None, Decimal, str | None]


class Books:
    """Stations, held until the transaction ends, and what is said of them and of their sessions.

    Whoever changes a session or a status holds its station, so that nobody else does meanwhile.
    """

    def __init__(self, store: Session):
        self.store = store
        self.now = utc_now()
        self.meter_values: list[dict[str, Any]] = []
        self.log_rows: list[dict[str, Any]] = []
        self._sums = Changes()
        self.history = StatusHistory(store, self._sums)
        self.tariffs = Tariffs(store)
        self._stations: dict[str, OCPPStation] = {}
        self._sessions: dict[int, ChargingSession] = {}
        self._unheard: set[int] = set()
        self._before: dict[ChargingSession, SessionFacts] = {}
        self._billed: dict[ChargingSession, _Billed] = {}

    def hold(self, station_ids: Collection[str], *, wait: bool = True) -> set[str]:
        """Take these stations; returns the names of those that we have.

        Unless we `wait` for them, stations that somebody else holds are left out.
        """
        if not (wanted := set(station_ids) - self._stations.keys()):
            return set(station_ids)
        query = (
            select(OCPPStation)
            .where(OCPPStation.station_id.in_(wanted))
            .options(*_WITH_PLACE_AND_PRICES)
            .order_by(OCPPStation.id)
            # Rows that refer to the station may be written beside us.
            .with_for_update(of=OCPPStation, key_share=True, skip_locked=not wait)
            .execution_options(populate_existing=True)
        )
        self._stations |= {station.station_id: station for station in self.store.scalars(query)}
        return self._stations.keys() & set(station_ids)

    def fetch(self, transaction_ids: Collection[int], station_ids: Collection[str]) -> None:
        """Read what a batch is going to ask for: sessions, and the statuses of stations' connectors."""
        known = self.store.scalars(_sessions(transaction_ids)).all()
        self._unheard |= set(transaction_ids) - {session.transaction_id for session in known}
        for session in known:
            self._keep(session)
        stations = [self._stations[name] for name in station_ids if name in self._stations]
        self.history.fetch([connector for station in stations for connector in station.connectors])

    def station(self, station_id: str) -> OCPPStation | None:
        """The station, held from now on; None where the store has none of that name."""
        if station_id not in self._stations:
            self.hold([station_id])
        return self._stations.get(station_id)

    def session(self, transaction_id: int) -> ChargingSession | None:
        """The session, to be changed only if its station is held; None where nothing was heard of it."""
        known = self._sessions.get(transaction_id)
        if known is None and transaction_id not in self._unheard:
            known = self.store.scalar(_sessions([transaction_id]))
            if known is not None:
                self._keep(known)
        return known

    def take(self, session: ChargingSession) -> None:
        """Hold the station of a session that was found without it."""
        if session.station.station_id not in self._stations:
            self.hold([session.station.station_id])
            self.store.refresh(session)
            self._keep(session)

    def open_session(self, station: OCPPStation, transaction_id: int, at: datetime) -> ChargingSession:
        """The session of `transaction_id`, made (pending, from `at`) where nothing was heard of it.

        It may be one of another station: the caller looks.
        """
        statement = insert(self.store, ChargingSession).values(
            transaction_id=transaction_id,
            ocpp_station_id=station.id,
            start_time=at,
            heard_at=at,
            source="backend",
            payment_status="pending",
            status="pending",
            stop_is_estimated=False,
            flags=[],
            created_at=at,
            updated_at=at,
        )
        self.store.connection().execute(statement.on_conflict_do_nothing(index_elements=["transaction_id"]))
        session = self.store.scalars(_sessions([transaction_id])).one()
        self._keep(session)
        return session

    def begin_change(self, session: ChargingSession) -> None:
        """The session is about to change; what it was until now is what the statistics hold of it."""
        if session not in self._before:
            self._before[session] = session_facts(session, session.station.charging_station)
            self._billed[session] = _billed(session)

    def close(self) -> None:
        """Settle and judge the sessions that changed, and write all that is not yet written."""
        observed = self._observed()
        for session, before in self._before.items():
            session_state.settle(session, observed.get(session.id))
            judging.judge_session(self.store, session)
            session_state.settle_payment(session)
            self._sums.replace_session(before, session_facts(session, session.station.charging_station))
        self._have_billed_anew()
        self._before.clear()
        self._billed.clear()
        self._write_meter_values()
        insert_all(self.store, OCPPLog, self.log_rows)
        self.log_rows = []
        self._sums.write(self.store)

    def _have_billed_anew(self) -> None:
        """What was paid in advance follows what its session costs, also when that changes afterwards."""
        changed = [
            session.transaction_id
            for session, billed in self._billed.items()
            if session.prepaid is not None and session.status in ENDED_STATUSES and billed != _billed(session)
        ]
        if changed:
            # Whoever bills it just now has the payment until then: this waits, and comes after it.
            self.store.execute(
                update(Payment).where(Payment.transaction_id.in_(changed)).values(rebill_at=self.now)
            )

    def _observed(self) -> dict[int, Observed]:
        """What those sessions used that are billed by more than their energy."""
        for session in self._touched_by_status():
            self.begin_change(session)
        priced = [session for session in self._before if session_state.is_billed_by_document(session)]
        if priced:
            self._write_meter_values()
        return metering.observe(self.store, priced)

    def _touched_by_status(self) -> Sequence[ChargingSession]:
        """Sessions whose idle time may be another after what connectors said."""
        changed = self.history.changed
        if not changed or not self.tariffs.has_documents:
            return ()
        self.store.flush()
        since = min(changed.values())
        touched = self.store.scalars(
            select(ChargingSession)
            .join(ChargingSession.tariff)
            .where(
                *_at(changed),
                Tariff.document.is_not(None),
                or_(ChargingSession.stop_time.is_(None), ChargingSession.stop_time > since),
            )
        ).all()
        return [*touched, *(self._parked(set(touched)))]

    def _parked(self, known: Collection[ChargingSession]) -> Iterator[ChargingSession]:
        """Sessions paid in advance whose cars may have been plugged in since they ended."""
        changed = self.history.changed
        paid = select(ChargingSession.ocpp_connector_id).where(
            *_at(changed), ChargingSession.prepaid.is_not(None)
        )
        paid_at = set(self.store.scalars(paid))
        for connector, since in changed.items():
            if connector.id not in paid_at:
                continue
            newest = self.store.scalar(
                select(ChargingSession)
                .where(
                    ChargingSession.ocpp_station_id == connector.ocpp_station_id,
                    ChargingSession.ocpp_connector_id == connector.id,
                    ChargingSession.start_time <= since,
                    ChargingSession.start_time > since - LONGEST,
                )
                .order_by(ChargingSession.start_time.desc())
                .limit(1)
            )
            is_prepaid = newest is not None and newest.prepaid is not None and newest not in known
            if newest is not None and is_prepaid and session_state.is_billed_by_document(newest):
                yield newest

    def _write_meter_values(self) -> None:
        self.store.flush()
        insert_all(self.store, SessionMeterValue, self.meter_values)
        self.meter_values = []

    def _keep(self, session: ChargingSession) -> None:
        if session.transaction_id is not None and session.station.station_id in self._stations:
            self._sessions[session.transaction_id] = session
            self._unheard.discard(session.transaction_id)


def _at(changed: Mapping[OCPPConnector, datetime]) -> tuple[ColumnElement[bool], ...]:
    """Of sessions at these connectors that may have run when something was said of one."""
    return (
        ChargingSession.ocpp_station_id.in_({connector.ocpp_station_id for connector in changed}),
        ChargingSession.ocpp_connector_id.in_([connector.id for connector in changed]),
        ChargingSession.start_time > min(changed.values()) - LONGEST,
    )


def _billed(session: ChargingSession) -> _Billed:
    return session.cost, session_state.written_off(session), session.verdict


def _sessions(transaction_ids: Collection[int]) -> Select[ChargingSession]:
    return (
        select(ChargingSession)
        .where(ChargingSession.transaction_id.in_(transaction_ids))
        .execution_options(populate_existing=True)
    )


# A new session takes its connector's price.
_WITH_PLACE_AND_PRICES = (
    joinedload(OCPPStation.charging_station, innerjoin=True),
    selectinload(OCPPStation.connectors)
    .joinedload(OCPPConnector.charging_connector)
    .joinedload(ChargingConnector.tariff),
)


@contextmanager
def keeping(store: Session) -> Iterator[Books]:
    """Books that are written when the block ends; what it raised leaves them unwritten."""
    books = Books(store)
    with store.no_autoflush:
        yield books
        books.close()
