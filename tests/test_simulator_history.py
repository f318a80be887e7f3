"""Demo history: repeatable, without overlaps, and plausible."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import pytest

from db.analytics.judgement import Evidence, judge
from simulator.fleet import load_fleet
from simulator.history import HistoricOutage, HistoricSession, make_history, meter_curve

END = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
START = END - timedelta(days=120)


@cache
def history(seed: int = 1) -> tuple[HistoricSession | HistoricOutage, ...]:
    return tuple(make_history(load_fleet(), START, END, seed))


def sessions() -> list[HistoricSession]:
    return [item for item in history() if isinstance(item, HistoricSession)]


def outages() -> list[HistoricOutage]:
    return [item for item in history() if isinstance(item, HistoricOutage)]


def busy_by_connector() -> dict[tuple[str, int], list[tuple[datetime, datetime]]]:
    """What each connector was taken by, sessions and outages alike, in order."""
    periods = defaultdict(list)
    for session in sessions():
        key = (session.station_id, session.connector_id)
        periods[key].append((session.connection_start, session.connection_end))
    for outage in outages():
        for key in list(periods):
            if key[0] == outage.station_id and outage.connector_id in (None, key[1]):
                periods[key].append((outage.start, outage.end))
    return {key: sorted(value) for key, value in periods.items()}


def test_the_same_seed_gives_the_same_history() -> None:
    assert history() == tuple(make_history(load_fleet(), START, END, 1))


def test_another_seed_gives_another_history() -> None:
    assert history() != history(2)


def test_nothing_overlaps_on_a_connector() -> None:
    for periods in busy_by_connector().values():
        for (_, end), (start, _) in pairwise(periods):
            assert end <= start


def test_everything_lies_within_the_period() -> None:
    for session in sessions():
        assert START <= session.connection_start < session.connection_end <= END
    for outage in outages():
        assert START <= outage.start < outage.end <= END


def test_charging_lies_within_the_connection() -> None:
    for session in sessions():
        if session.charging_start is not None and session.charging_end is not None:
            assert session.connection_start <= session.charging_start < session.charging_end
            assert session.charging_end <= session.connection_end


def test_times_are_whole_seconds_in_utc() -> None:
    for session in sessions():
        assert session.connection_start.microsecond == session.connection_end.microsecond == 0
        assert session.connection_start.tzinfo is UTC


def test_session_ids_are_unique() -> None:
    assert len({session.session_id for session in sessions()}) == len(sessions())


def test_the_register_of_a_connector_runs_on_from_session_to_session() -> None:
    registers: dict[tuple[str, int], int] = {}
    for session in sessions():
        key = (session.station_id, session.connector_id)
        assert session.meter_start == registers.get(key, session.meter_start)
        registers[key] = session.meter_stop


def test_about_one_session_in_twenty_fails() -> None:
    assert 0.035 < sum(session.failed for session in sessions()) / len(sessions()) < 0.065


def test_a_failure_of_the_machine_is_named() -> None:
    assert all(session.error_code == "NoError" for session in sessions() if not session.failed)
    assert any(session.vendor_error_code == "CX001" for session in sessions())


def test_connectors_are_available_most_of_the_time() -> None:
    sizes = {station.station_id: len(station.connectors) for station in load_fleet().stations}
    down = sum(
        ((o.end - o.start) * (1 if o.connector_id else sizes[o.station_id]) for o in outages()), timedelta()
    )
    assert 0.95 < 1 - down / ((END - START) * sum(sizes.values())) < 0.99


def test_demand_grows() -> None:
    middle = START + (END - START) / 2
    early = sum(session.connection_start < middle for session in sessions())
    assert early < len(sessions()) - early


@pytest.mark.parametrize("seconds", [60, 300, 900])
def test_a_meter_curve_ends_with_the_energy_of_its_session(seconds: int) -> None:
    for session in sessions()[:300]:
        curve = meter_curve(session, timedelta(seconds=seconds))
        if session.charging_end is None:
            assert curve == []
        else:
            registers = [reading.register_wh for reading in curve]
            assert registers == sorted(registers)
            assert (registers[0], registers[-1]) == (session.meter_start, session.meter_stop)


def test_nothing_happened_that_cannot_be() -> None:
    connectors = {
        (station.station_id, number): connector
        for station in load_fleet().stations
        for number, connector in station.numbered_connectors
    }
    for session in sessions():
        connector = connectors[session.station_id, session.connector_id]
        begun, ended = session.charging_start, session.charging_end
        judged = judge(
            Evidence(
                start=session.connection_start,
                stop=session.connection_end,
                energy_wh=session.energy_wh,
                charging=ended - begun if begun and ended else None,
                rated_w=connector.power_kw * 1000,
                connector_type=connector.type,
                peak_w=session.peak_power_w,
                meter_start=session.meter_start,
                meter_stop=session.meter_stop,
                stop_reason=session.stop_reason,
            )
        )
        assert set(judged.codes) <= {"no_energy", "low_energy", "short_duration"}
