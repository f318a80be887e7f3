"""The log of what the backend told, searched; and a message of a charge point with its answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from locator import reply, running_locator
from sqlalchemy import Engine

from db.engine import reading, writing
from db.models import OCPPLog
from db.ocpp_log import LogSearch, find
from ocpp_integration import frame_log
from ocpp_integration.backend import BackendClient
from ocpp_integration.frame_log import Frame, Search, exchanges

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture
def logged(engine: Engine) -> Engine:
    """Ten events a minute apart, in turns of two stations; every third one is trouble."""
    with writing(engine) as store:
        for number in range(10):
            store.add(
                OCPPLog(
                    station_id=f"S{number % 2}",
                    level="warning" if number % 3 == 0 else "info",
                    action="connector_status" if number % 2 else "session_started",
                    timestamp=NOW + timedelta(minutes=number),
                )
            )
    return engine


@pytest.mark.parametrize(
    ("search", "minutes"),
    [
        (LogSearch(station_id="S1"), [9, 7, 5, 3, 1]),
        (LogSearch(action="session_started"), [8, 6, 4, 2, 0]),
        (LogSearch(only_trouble=True), [9, 6, 3, 0]),
        (LogSearch(since=NOW + timedelta(minutes=7)), [9, 8, 7]),
        (LogSearch(until=NOW + timedelta(minutes=2)), [1, 0]),
        (LogSearch(station_id="S1", only_trouble=True, limit=1), [9]),
    ],
)
def test_events_are_found_newest_first(logged: Engine, search: LogSearch, minutes: list[int]) -> None:
    with reading(logged) as store:
        found = find(store, search)
    assert [(row.timestamp - NOW) // timedelta(minutes=1) for row in found] == minutes


def test_pages_of_events_follow_each_other_without_gap(logged: Engine) -> None:
    seen: list[int] = []
    search = LogSearch(limit=4)
    with reading(logged) as store:
        while page := find(store, search):
            seen += [row.id for row in page]
            search = replace(search, before=(page[-1].timestamp, page[-1].id))
    assert len(seen) == len(set(seen)) == 10


def frame(number: int, kind: str, message_id: str = "m", station_id: str = "S") -> Frame:
    return Frame(number, station_id, NOW, "in", kind, "Heartbeat", message_id, None, "", "", {})


def test_a_message_and_its_answer_are_one_exchange() -> None:
    call, answer, other = frame(1, "call"), frame(2, "result"), frame(3, "call", "n")
    (newest, oldest) = exchanges([other, answer, call])
    assert (newest.first, newest.answer) == (other, None)
    assert (oldest.first, oldest.answer) == (call, answer)


def test_the_same_id_of_another_station_or_of_an_earlier_message_is_not_its_answer() -> None:
    first, answered, again = frame(1, "call"), frame(2, "result"), frame(5, "call")
    found = exchanges([again, frame(4, "result", station_id="T"), answered, first])
    assert [(each.first.id, each.answer.id if each.answer else None) for each in found] == [
        (5, None),
        (4, None),
        (1, 2),
    ]


def test_an_exchange_on_the_edge_of_two_pages_is_on_one_of_them() -> None:
    told = {
        "direction": "in",
        "action": "Heartbeat",
        "message_id": "m",
        "station_id": "S",
        "time": NOW.isoformat(),
        "latency_ms": None,
        "error_code": None,
        "error": None,
        "payload": {},
    }
    call, answer = told | {"id": 8, "kind": "call"}, told | {"id": 9, "kind": "result"}
    with running_locator() as locator:
        client = BackendClient(locator.settings())
        locator.answer(reply(200, {"frames": [answer], "partners": [call], "cursor": 9}))
        first = frame_log.read(client, Search(limit=1))
        locator.answer(reply(200, {"frames": [call], "partners": [answer], "cursor": None}))
        second = frame_log.read(client, Search(limit=1, before=first.older))
    assert [each.first.id for each in first.exchanges] == [8]
    assert second.exchanges == []
