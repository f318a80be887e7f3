"""What is looked after by itself: silence, stuck sessions, statistics, old rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import factories
import orjson
import pytest
from locator import Answer, Locator, html, refusal, reply, running_locator
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session
from webhooks import NOON, STATION, at, presence, progress, record, started, status, stopped, tell

import partitioning
from db import access, retention, rollups
from db.engine import reading, writing
from db.inbox import Inbox, RecordedEvent
from db.inbox import Outcome as Recorded
from db.models import (
    Base,
    ChargingSession,
    ConnectorStatusInterval,
    JobRun,
    OCPPLog,
    OCPPStation,
    Rollup,
    SessionMeterValue,
    SignIn,
    SignInFailure,
    WebhookEvent,
)
from db.partitions import METER_VALUES
from jobs import upkeep, work
from jobs.runs import Outcome
from jobs.upkeep import Retention
from ocpp_integration import events
from ocpp_integration.backend import BackendClient

PATIENCE = timedelta(seconds=180)
STUCK_AFTER = timedelta(hours=24)
EVER = Retention(0, 0, 0, 0, 0)


@dataclass
class Network:
    """One station with two connectors, of which the backend is asked."""

    engine: Engine
    locator: Locator

    def client(self, **changes: Any) -> BackendClient:
        return BackendClient(self.locator.settings(ocpp_retry_attempts=0, **changes))

    def look(self, seconds: float, **changes: Any) -> Outcome:
        return upkeep.mark_silent_stations(self.engine, self.client(**changes), lambda: at(seconds), PATIENCE)

    def close(self, now: datetime) -> Outcome:
        return upkeep.close_stuck_sessions(self.engine, self.client(), lambda: now, STUCK_AFTER)

    def station(self) -> OCPPStation:
        with reading(self.engine) as store:
            return store.scalars(select(OCPPStation)).one()

    def session(self) -> ChargingSession:
        with reading(self.engine) as store:
            return store.scalars(select(ChargingSession)).one()

    def intervals(self) -> list[tuple[str, datetime, datetime | None]]:
        """Of the first connector: status, beginning and end."""
        with reading(self.engine) as store:
            rows = store.scalars(
                select(ConnectorStatusInterval)
                .where(ConnectorStatusInterval.ocpp_connector_id == self.station_connector(store))
                .order_by(ConnectorStatusInterval.started_at)
            )
            return [(row.status, row.started_at, row.ended_at) for row in rows]

    @staticmethod
    def station_connector(store: Any) -> int:
        return int(store.scalars(select(OCPPStation)).one().connectors[0].id)


def says(*, online: bool, seconds: float | None) -> Any:
    """The backend's word on the station."""
    seen = None if seen_at(seconds) is None else seen_at(seconds)
    return reply(200, {"stations": {STATION: {"online": online, "last_seen": seen}}})


def seen_at(seconds: float | None) -> str | None:
    return None if seconds is None else at(seconds).isoformat()


@pytest.fixture
def network(engine: Engine) -> Iterator[Network]:
    with writing(engine) as store:
        station = factories.add_station(
            store, factories.add_owner(store), "Bole Road", station_id=STATION, is_online=False
        )
        station.last_heartbeat = None
    with running_locator() as locator:
        yield Network(engine, locator)


# Stations that fell silent


def test_a_silent_station_is_offline_since_its_last_sign_of_life(network: Network) -> None:
    tell(network.engine, presence(0, online=True), status(10, "available"))
    network.locator.answer(says(online=False, seconds=10))
    assert network.look(300) == Outcome(1)
    station = network.station()
    assert (station.is_online, station.status, station.last_heartbeat) == (False, "unavailable", at(10))
    assert network.intervals() == [
        ("available", at(10), at(10) + timedelta(microseconds=1)),
        ("offline", at(10) + timedelta(microseconds=1), None),
    ]


def test_marking_again_changes_nothing(network: Network) -> None:
    tell(network.engine, presence(0, online=True), status(10, "available"))
    network.locator.answer(says(online=False, seconds=10))
    network.look(300)
    before = network.intervals()
    assert (network.look(400), network.intervals()) == (Outcome(0), before)


def test_a_station_that_has_nothing_to_say_but_is_there_stays_online(network: Network) -> None:
    tell(network.engine, presence(0, online=True), status(10, "available"))
    network.locator.answer(says(online=True, seconds=290))
    assert (network.look(300), network.station().is_online) == (Outcome(0), True)


def test_a_station_that_was_heard_lately_is_not_doubted(network: Network) -> None:
    tell(network.engine, presence(200, online=True))
    network.locator.answer(says(online=False, seconds=100))
    assert (network.look(300), network.station().is_online) == (Outcome(0), True)


def test_a_station_is_not_offline_because_the_backend_is_down(network: Network) -> None:
    tell(network.engine, presence(0, online=True))
    outcome = network.look(300, ocpp_base_url="http://127.0.0.1:1")
    assert (outcome.failed, network.station().is_online) == (1, True)
    assert "Start the OCPP backend" in (outcome.advice or "")


@pytest.mark.parametrize(
    "answer", [{"stations": []}, {"stations": {STATION: {}}}, {"stations": {"x": 1}}, {}]
)
def test_an_answer_that_is_none_marks_nobody(network: Network, answer: Any) -> None:
    tell(network.engine, presence(0, online=True))
    network.locator.answer(reply(200, answer))
    assert (network.look(300).failed, network.station().is_online) == (1, True)


def test_the_late_word_of_the_backend_on_the_same_silence_adds_nothing(network: Network) -> None:
    tell(network.engine, presence(0, online=True), status(10, "available"))
    network.locator.answer(says(online=False, seconds=20))
    network.look(300)
    before = network.intervals()
    tell(network.engine, presence(20, online=False))
    assert (network.intervals(), network.station().is_online) == (before, False)


def test_a_station_that_is_back_by_its_webhook_is_online_again(network: Network) -> None:
    tell(network.engine, presence(0, online=True), status(10, "available"))
    network.locator.answer(says(online=False, seconds=10))
    network.look(300)
    tell(network.engine, presence(400, online=True))
    assert ([status for status, *_ in network.intervals()], network.station().is_online) == (
        ["available", "offline", "available"],
        True,
    )


def test_a_station_of_whose_return_nobody_told_is_online_again_all_the_same(network: Network) -> None:
    tell(network.engine, presence(0, online=True), status(10, "available"), presence(20, online=False))
    network.locator.answer(says(online=True, seconds=250))
    assert (network.look(300), network.station().is_online) == (Outcome(1), True)
    assert network.intervals()[-1][:2] == ("available", at(250))


def test_the_silence_that_a_station_was_marked_for_does_not_bring_it_back(network: Network) -> None:
    tell(network.engine, presence(0, online=True), presence(20, online=False))
    network.locator.answer(says(online=True, seconds=20))
    assert (network.look(300), network.station().is_online) == (Outcome(0), False)


def _another_is_heard(network: Network, seconds: float) -> None:
    body = presence(seconds, online=True) | {"station_id": "STATION_OTHER"}
    record(network.engine, body, received_at=at(seconds))
    work.apply_webhooks(network.engine, lambda: at(seconds))


def _log_times_are_their_own(network: Network) -> None:
    """Log rows are dated by our clock; here they are by the test's."""
    with writing(network.engine) as store:
        for seconds, row in enumerate(store.scalars(select(OCPPLog).order_by(OCPPLog.id))):
            row.timestamp = at(60 * seconds)


def test_with_a_backend_that_keeps_no_account_a_station_that_stops_its_heartbeats_is_offline(
    network: Network,
) -> None:
    tell(network.engine, *(presence(60 * n, online=True) for n in range(4)))
    _log_times_are_their_own(network)
    _another_is_heard(network, 500)
    network.locator.answer(refusal(404, "not_found"))
    assert (network.look(501), network.station().is_online) == (Outcome(1), False)


def test_with_a_backend_that_tells_only_of_changes_silence_means_nothing(network: Network) -> None:
    tell(network.engine, presence(0, online=True))
    _log_times_are_their_own(network)
    _another_is_heard(network, 500)
    network.locator.answer(refusal(404, "not_found"))
    assert (network.look(501), network.station().is_online) == (Outcome(0), True)


@pytest.mark.parametrize("last", [None, 100])
def test_while_no_webhooks_come_in_at_all_nobody_is_marked(network: Network, last: float | None) -> None:
    tell(network.engine, *(presence(60 * n, online=True) for n in range(4)))
    _log_times_are_their_own(network)
    with writing(network.engine) as store:
        store.execute(update(WebhookEvent).values(received_at=at(last or 0)))
    network.locator.answer(refusal(404, "not_found"))
    assert (network.look(501), network.station().is_online) == (Outcome(0), True)


# Stuck sessions

LATER = NOON + timedelta(hours=25)


def _session_data(**told: Any) -> Any:
    known = {"status": "Charging", "energy_consumed_kwh": 2, "duration_seconds": 60, "meter_start": 1000}
    return reply(200, {"session_data": known | {"start_time": at(0).isoformat()} | told})


def _charges_and_falls_silent(network: Network) -> None:
    tell(network.engine, started(0), progress(60, 2), status(60, "available"))


def test_a_session_that_nobody_will_end_ends_when_it_was_last_heard_of(network: Network) -> None:
    _charges_and_falls_silent(network)
    network.locator.answer(_session_data())
    assert network.close(LATER) == Outcome(1)
    session = network.session()
    assert (session.status, session.stop_time, session.energy_wh) == ("completed", at(60), 2000)
    assert session.flags == ["estimated_stop", "power_above_rating", "stuck"]


@pytest.mark.parametrize(
    "answer", [refusal(404, "transaction_not_found"), refusal(404, "not_found"), html(404)]
)
def test_a_session_that_the_backend_does_not_find_ends_and_is_no_failure(
    network: Network, answer: Answer
) -> None:
    _charges_and_falls_silent(network)
    network.locator.answer(answer)
    assert network.close(LATER) == Outcome(1)
    session = network.session()
    assert (session.status, session.stop_time) == ("completed", at(60))
    assert session.flags == ["estimated_stop", "power_above_rating", "stuck"]


def test_a_session_that_the_backend_does_not_tell_of_is_not_ended(network: Network) -> None:
    _charges_and_falls_silent(network)
    network.locator.answer(refusal(401, "unauthorized"))
    assert (network.close(LATER).failed, network.session().status) == (1, "charging")


def test_its_end_is_in_the_statistics(network: Network) -> None:
    _charges_and_falls_silent(network)
    network.locator.answer(_session_data())
    network.close(LATER)
    with reading(network.engine) as store:
        assert rollups.differing(store, NOON.date(), NOON.date()) == 0
        assert store.scalar(select(func.sum(Rollup.energy_wh)).where(Rollup.grain == "month")) == 3 * 2000


def test_a_late_real_stop_corrects_it(network: Network) -> None:
    _charges_and_falls_silent(network)
    network.locator.answer(_session_data())
    network.close(LATER)
    tell(network.engine, stopped(600, meter_stop=9000))
    session = network.session()
    assert (session.stop_time, session.energy_wh, session.flags) == (at(600), 8000, [])


def test_a_session_of_which_the_backend_has_news_goes_on(network: Network) -> None:
    _charges_and_falls_silent(network)
    network.locator.answer(_session_data(duration_seconds=24 * 3600, energy_consumed_kwh=9))
    network.close(LATER)
    assert (network.session().status, network.session().flags) == ("charging", [])


def test_a_session_is_not_stuck_because_the_backend_is_down(network: Network) -> None:
    _charges_and_falls_silent(network)
    client = network.client(ocpp_base_url="http://127.0.0.1:1")
    outcome = upkeep.close_stuck_sessions(network.engine, client, lambda: LATER, STUCK_AFTER)
    assert (outcome.failed, network.session().status) == (1, "charging")


def test_a_car_that_has_finished_and_stays_plugged_in_is_not_stuck(network: Network) -> None:
    tell(network.engine, presence(0, online=True), started(0), progress(60, 2), status(90, "suspended_ev"))
    assert (network.close(LATER), network.session().status) == (Outcome(0), "charging")


def test_a_session_that_is_silent_for_less_is_left_alone(network: Network) -> None:
    _charges_and_falls_silent(network)
    assert network.close(NOON + timedelta(hours=23)) == Outcome(0)


# Statistics


def _told(network: Network) -> None:
    tell(network.engine, started(0), progress(300, 5), stopped(600))


def _look_at_sums(network: Network, today: datetime) -> Outcome:
    return upkeep.check_rollups(network.engine, lambda: today, ZoneInfo("UTC"))


def test_sums_that_are_right_are_left_alone(network: Network) -> None:
    _told(network)
    outcome = _look_at_sums(network, at(3600))
    assert (outcome.failed, outcome.processed > 0) == (0, True)


@pytest.mark.parametrize("today", [at(0), datetime(2026, 4, 1, 1, tzinfo=UTC)])
def test_wrong_sums_of_this_month_and_of_the_night_before_are_mended_and_told(
    network: Network, today: datetime
) -> None:
    _told(network)
    with writing(network.engine) as store:
        store.execute(update(Rollup).where(Rollup.grain == "day").values(energy_wh=7))
    outcome = _look_at_sums(network, today)
    with reading(network.engine) as store:
        left = rollups.differing(store, at(0).date(), at(0).date())
    assert (outcome.failed > 0, "set right" in (outcome.error or ""), left) == (True, True, 0)


def test_run_after_run_every_older_month_has_its_turn(network: Network) -> None:
    with writing(network.engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        for month in (1, 2, 3):
            factories.add_session(store, station, datetime(2026, month, 10, tzinfo=UTC))
    # The sessions came without their sums: each run that meets a month makes them.
    may = datetime(2026, 5, 10, tzinfo=UTC)
    mended = [_look_at_sums(network, may).failed > 0 for _ in range(5)]
    assert mended == [False, True, True, True, False]
    with reading(network.engine) as store:
        assert rollups.differing(store, datetime(2026, 1, 1, tzinfo=UTC).date(), may.date()) == 0


# Retention


def _forget(network: Network, now: datetime, **kept: int) -> Outcome:
    days = Retention(**(EVER.__dict__ | kept))
    return upkeep.forget_old_rows(network.engine, lambda: now, days)


def test_sqlite_knows_after_a_night_how_many_rows_there_are(tmp_path: Path) -> None:
    engine = factories.make_store(tmp_path)
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store))
    upkeep.tidy_up(engine, lambda: NOON, EVER)
    with reading(engine) as store:
        counted = store.execute(text("SELECT tbl, stat FROM sqlite_stat1 WHERE tbl = 'charging_stations'"))
        assert {str(stat).split()[0] for _, stat in counted} == {"1"}
    engine.dispose()


def _count(network: Network, model: type[Base]) -> int:
    with reading(network.engine) as store:
        return store.scalar(select(func.count()).select_from(model)) or 0


def _record_again(network: Network, body: dict[str, Any]) -> Recorded:
    raw = orjson.dumps(body)
    inbox = Inbox(network.engine)
    try:
        return inbox.record(
            RecordedEvent(
                event_key=body["event_id"],
                body_digest=events.digest(raw),
                type=body["type"],
                body=raw,
                received_at=LATER,
            )
        )
    finally:
        inbox.close()


def test_a_webhook_sent_again_after_its_body_was_deleted_is_still_counted_once(network: Network) -> None:
    event = stopped(60)
    tell(network.engine, started(0), event)
    outcome = _forget(network, NOON + timedelta(days=91), webhooks=90)
    assert (outcome.processed, outcome.note) == (2, "2 bodies of webhooks")
    with reading(network.engine) as store:
        assert set(store.scalars(select(WebhookEvent.body))) == {b""}
    assert _record_again(network, event) is Recorded.DUPLICATE
    assert _record_again(network, event | {"data": {}}) is Recorded.CONFLICT
    assert work.apply_webhooks(network.engine, lambda: LATER).processed == 0


@pytest.mark.parametrize("state", ["received", "waiting", "dead"])
def test_webhooks_that_are_not_settled_are_kept(network: Network, state: str) -> None:
    record(network.engine, started(0))
    with writing(network.engine) as store:
        store.execute(update(WebhookEvent).values(state=state))
    assert _forget(network, NOON + timedelta(days=9999), webhooks=1).processed == 0


def test_rows_are_kept_for_as_long_as_the_setting_says(network: Network) -> None:
    _told(network)
    with writing(network.engine) as store:
        store.execute(update(OCPPLog).values(timestamp=NOON))
        user = factories.add_user(store)
        access.sign_in(store, user, NOON, timedelta(hours=12))
        store.add(SignInFailure(account="a", address="b", at=NOON))
    day_89, day_91 = NOON + timedelta(days=89), NOON + timedelta(days=91)
    kept = {"logs": 90, "webhooks": 90, "sign_ins": 90, "meter_values": 90}
    # A sign-in that is over is of no use to anybody.
    assert _forget(network, day_89, **kept).note == "1 expired sign-ins"
    _forget(network, day_91, **kept)
    assert [_count(network, model) for model in (OCPPLog, SignIn, SignInFailure)] == [0, 0, 0]


def test_nothing_is_deleted_where_days_are_zero(network: Network) -> None:
    _told(network)
    assert _forget(network, NOON + timedelta(days=9999)) == Outcome(0)


def test_meter_values_go_and_their_session_and_statistics_stay(network: Network) -> None:
    with writing(network.engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        for number in range(50):
            start = NOON + timedelta(days=number)
            session = factories.add_session(store, station, start)
            factories.add_meter_values(store, session, [(start, 0, 1000), (start, 100, 900)])
        rollups.rebuild(store, NOON.date(), (NOON + timedelta(days=50)).date())
    outcome = _forget(network, NOON + timedelta(days=50), meter_values=20)
    assert (outcome.note, _count(network, SessionMeterValue)) == ("120 meter values", 4 * 20)
    assert _forget(network, NOON + timedelta(days=51), meter_values=20).note == "4 meter values"
    with reading(network.engine) as store:
        differing = rollups.differing(store, NOON.date(), (NOON + timedelta(days=50)).date())
    assert (_count(network, ChargingSession), differing) == (50, 0)


def test_meter_values_that_are_told_after_their_time_go_too(network: Network) -> None:
    today = NOON + timedelta(days=50)
    with writing(network.engine) as store:
        _old_values(store, NOON, NOON)
    _forget(network, today, meter_values=20)
    with writing(network.engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        for days, heard_at in ((-9, today), (-8, today), (40, today)):
            start = NOON + timedelta(days=days)
            session = factories.add_session(store, station, start, heard_at=heard_at)
            factories.add_meter_values(store, session, [(start, 0, 1000)])
    assert _forget(network, today + timedelta(hours=1), meter_values=20).note == "4 late meter values"
    assert _count(network, SessionMeterValue) == 2


def _old_values(store: Session, started_at: datetime, *dated: datetime) -> None:
    """A session with meter values that its charge point has dated so."""
    session = factories.add_session(store, store.scalars(select(OCPPStation)).one(), started_at)
    factories.add_meter_values(store, session, [(at, 0, 1000) for at in dated])


@pytest.fixture
def in_months(postgresql: Engine) -> Iterator[Network]:
    """A station whose store has March and April of 2026 in parts of their own."""
    with postgresql.begin() as db:
        last = NOON + timedelta(days=50)
        made = partitioning.ensure_between(db, METER_VALUES, NOON, last, datetime.now(UTC))
    with writing(postgresql) as store:
        factories.add_station(store, factories.add_owner(store), station_id=STATION)
    with running_locator() as locator:
        yield Network(postgresql, locator)
    with postgresql.begin() as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(table.delete())
        for part in made:
            db.execute(text(f"DROP TABLE IF EXISTS {part}"))


def test_a_whole_month_of_meter_values_goes_at_once_and_is_told(in_months: Network) -> None:
    april_9 = NOON + timedelta(days=30)
    with writing(in_months.engine) as store:
        _old_values(store, NOON, NOON)
        _old_values(store, april_9 - timedelta(days=1), april_9 - timedelta(days=1))
        _old_values(store, april_9, april_9)
    outcome = _forget(in_months, april_9 + timedelta(days=20), meter_values=20)
    assert outcome.note == "1 months of meter values, 2 meter values"
    assert _count(in_months, SessionMeterValue) == 2


@pytest.mark.parametrize("dated", [datetime(1970, 1, 1, tzinfo=UTC), NOON])
def test_meter_values_of_a_wrong_clock_are_kept_as_long_as_their_session(
    in_months: Network, dated: datetime
) -> None:
    april_29 = NOON + timedelta(days=50)
    with writing(in_months.engine) as store:
        _old_values(store, april_29 - timedelta(hours=2), dated)
    _forget(in_months, april_29, meter_values=20)
    assert _count(in_months, SessionMeterValue) == 2
    _forget(in_months, april_29 + timedelta(days=20), meter_values=20)
    assert _count(in_months, SessionMeterValue) == 0


def test_months_that_are_in_use_hold_up_nothing_else(in_months: Network) -> None:
    with writing(in_months.engine) as store:
        _old_values(store, NOON, NOON)
        store.add(SignInFailure(account="a", address="b", at=NOON))
    with reading(in_months.engine) as busy:
        busy.scalars(select(SessionMeterValue)).all()
        outcome = _forget(in_months, NOON + timedelta(days=50), sign_ins=20, meter_values=20)
    assert (outcome.failed, outcome.note) == (0, "1 failed sign-ins, 2 meter values")


def test_many_rows_are_deleted_a_step_at_a_time(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "ROWS_PER_STEP", 3)
    with writing(network.engine) as store:
        store.add_all(SignInFailure(account="a", address="b", at=NOON) for _ in range(10))
    seen: list[int] = []
    upkeep.forget_old_rows(
        network.engine,
        lambda: LATER,
        Retention(0, 0, 0, 0, 1),
        lambda done, _: seen.append(done),
    )
    assert (seen, _count(network, SignInFailure)) == ([3, 6, 9, 10], 0)


def test_a_run_that_takes_too_long_leaves_the_rest_to_the_next(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "ROWS_PER_STEP", 3)
    with writing(network.engine) as store:
        store.add_all(SignInFailure(account="a", address="b", at=NOON) for _ in range(10))
    kept = Retention(0, 0, 0, 0, 1)
    outcome = upkeep.forget_old_rows(network.engine, lambda: LATER, kept, seconds=0)
    assert (outcome.processed, "more is left" in (outcome.note or "")) == (3, True)
    assert upkeep.forget_old_rows(network.engine, lambda: LATER, kept).processed == 7


def test_old_job_runs_are_deleted(network: Network) -> None:
    with writing(network.engine) as store:
        for day in (0, 1):
            then = NOON + timedelta(days=day)
            store.add(JobRun(job="sync", slot=then, started_at=then, ended_at=then, state="done"))
    assert _forget(network, NOON + timedelta(days=40), job_runs=30).note == "1 job runs"


def test_a_step_takes_no_more_than_it_is_told(network: Network) -> None:
    record(network.engine, started(0), stopped(60))
    work.apply_webhooks(network.engine, lambda: LATER)
    with writing(network.engine) as store:
        assert retention.prune_webhooks(store, LATER, 1) == 1
