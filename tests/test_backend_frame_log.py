"""The log of OCPP frames: what is in it, what is not, how it is searched, how it stays bounded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backend_support import Backend, ChargePoint, Receiver, begin_remotely, eventually, meanwhile
from sqlalchemy import Connection, Engine, func, select

from ocpp_backend import frame_log, frames
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.failures import CallError
from ocpp_backend.frame_log import Search
from ocpp_backend.frames import Frame
from ocpp_backend.masking import masked, masked_text
from ocpp_backend.tables import frames as table

pytest_plugins = ["backend_fixtures"]

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


def logged(backend: Backend, query: str = "", count: int = 1) -> list[dict[str, Any]]:
    """The frames that a query finds, newest first, once there are so many."""

    def found() -> list[dict[str, Any]] | None:
        answer = backend.http.get(f"/api/locator/frames/?{query}")
        assert answer.status_code == 200, answer.text
        some: list[dict[str, Any]] = answer.json()["frames"]
        return some if len(some) >= count else None

    frames_found: list[dict[str, Any]] = eventually(found)
    return frames_found


def test_a_call_and_its_answer_are_logged(backend: Backend, station: ChargePoint) -> None:
    station.call("Heartbeat", {})
    answer, call = logged(backend, "action=Heartbeat", 2)
    assert (call["direction"], call["kind"], call["message_id"], call["payload"]) == (
        "in",
        "call",
        "message",
        {},
    )
    assert (answer["direction"], answer["kind"], answer["station_id"]) == ("out", "result", "ST1")
    assert answer["payload"].keys() == {"currentTime"}
    assert answer["latency_ms"] > 0 and call["latency_ms"] is None


def test_a_command_and_its_answer_are_logged(backend: Backend, station: ChargePoint) -> None:
    begin_remotely(backend, station)
    answer, call = logged(backend, "action=RemoteStartTransaction", 2)
    assert (call["direction"], answer["direction"]) == ("out", "in")
    assert call["message_id"] == answer["message_id"]
    assert answer["payload"] == {"status": "Accepted"}
    assert answer["latency_ms"] > 0


def test_a_refused_call_is_logged_with_its_error(backend: Backend, station: ChargePoint) -> None:
    station.ask("Invented", {})
    (answer,) = logged(backend, "error=NotImplemented")
    assert (answer["kind"], answer["action"], answer["error_code"]) == ("error", "Invented", "NotImplemented")
    assert "Invented" in answer["error"]


def test_an_error_that_answers_a_command_is_logged(backend: Backend, station: ChargePoint) -> None:
    asked = meanwhile(backend.initiate)
    command = station.receive()
    station.send([4, command[1], "InternalError", "the relay is stuck", {}])
    asked.result()
    (error,) = logged(backend, "error=true")
    assert (error["direction"], error["action"]) == ("in", "RemoteStartTransaction")
    assert error["error"] == "the relay is stuck"


@pytest.mark.parametrize("frame", ["{", b"\xff\x00", '[2,"a","Heartbeat"]', "\0" * 5000])
def test_a_bad_frame_is_logged_cut(backend: Backend, station: ChargePoint, frame: str | bytes) -> None:
    station.send(frame)
    station.receive()
    found = logged(backend, "error=FormationViolation", 2)
    (bad,) = [one for one in found if one["kind"] == "bad"]
    assert bad["direction"] == "in"
    assert 0 < len(bad["payload"]) <= 2048


def test_a_reply_that_nobody_asked_for_is_logged(backend: Backend, station: ChargePoint) -> None:
    station.send([3, "stray", {"status": "Accepted"}])
    station.call("Heartbeat", {})
    stray = [one for one in logged(backend, "limit=1000") if one["message_id"] == "stray"]
    assert (stray[0]["kind"], stray[0]["action"]) == ("result", None)


def test_of_id_tags_only_the_first_four_characters_are_logged(
    backend: Backend, station: ChargePoint, tmp_path: Path
) -> None:
    station.begin("DEADBEEF01")
    (_, call) = logged(backend, "action=StartTransaction", 2)
    assert call["payload"]["idTag"] == "DEAD…"
    rows = sqlite3.connect(tmp_path / "backend.db").execute("SELECT payload FROM frames").fetchall()
    assert "DEADBEEF01" not in str(rows)


def test_id_tags_and_keys_are_masked_wherever_they_are() -> None:
    frame = {
        "idTagInfo": {"parentIdTag": "DEADBEEF", "status": "Accepted"},
        "idToken": {"idToken": "CAFEBABE", "type": "ISO14443"},
        "configurationKey": [{"key": "AuthorizationKey", "value": "secret"}, {"key": "x", "value": "1"}],
        "setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": "secret"}],
    }
    assert masked(frame) == {
        "idTagInfo": {"parentIdTag": "DEAD…", "status": "Accepted"},
        "idToken": {"idToken": "CAFE…", "type": "ISO14443"},
        "configurationKey": [{"key": "AuthorizationKey", "value": "…"}, {"key": "x", "value": "1"}],
        "setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": "…"}],
    }


@pytest.mark.parametrize(
    "frame",
    [
        '[2,"a","Authorize",{"idTag":"DEADBEEF01"},1]',
        '[2,"a","Authorize",{"idTag" : "DEADBEEF01"',
        '[2,"a","Authorize",{"idTag":"DEADBEEF01-and-too-long-by-far"}]',
    ],
)
def test_of_a_bad_frame_and_its_error_no_id_tag_is_told(
    backend: Backend, station: ChargePoint, caplog: pytest.LogCaptureFixture, frame: str
) -> None:
    station.send(frame)
    station.receive()
    found = logged(backend, "error=true")
    assert found
    assert "DEADBEEF" not in str(found) + caplog.text


def test_the_other_ids_of_a_person_are_masked_too() -> None:
    token = {
        "idToken": "CARD1234",
        "additionalInfo": [{"additionalIdToken": "ET-MGM-C12345", "type": "eMAID"}],
    }
    assert masked({"idToken": token})["idToken"] == {
        "idToken": "CARD…",
        "additionalInfo": [{"additionalIdToken": "ET-M…", "type": "eMAID"}],
    }
    assert masked_text('[2,"1","Authorize",{"additionalIdToken": "ET-MGM-C12345"') == (
        '[2,"1","Authorize",{"additionalIdToken": "ET-M…"'
    )


def test_a_key_in_an_unreadable_frame_is_masked() -> None:
    text = '[3,"a",{"configurationKey":[{"key":"AuthorizationKey","value":"secret"}]'
    assert "secret" not in masked_text(text)


def test_a_payload_of_endless_depth_is_no_trouble(backend: Backend, station: ChargePoint) -> None:
    deep = '{"idTag":' + "[" * 900 + "]" * 900 + "}"
    station.send('[2,"deep","Authorize",' + deep + "]")
    assert station.receive()[2] == "FormationViolation"
    assert logged(backend, "action=Authorize", 2)


def test_frames_of_one_station_are_found(backend: Backend, station: ChargePoint) -> None:
    backend.sync("ST2")
    with backend.charge_point("ST2") as other:
        other.call("Heartbeat", {})
    station.call("Heartbeat", {})
    found = logged(backend, "station_id=ST2", 2)
    assert {frame["station_id"] for frame in found} == {"ST2"}


def test_pages_follow_each_other_without_gap_or_overlap(backend: Backend, station: ChargePoint) -> None:
    for _ in range(5):
        station.call("Heartbeat", {})
    everything = [frame["id"] for frame in logged(backend, "action=Heartbeat", 10)]
    paged: list[int] = []
    cursor = ""
    while cursor != "None":
        page = backend.http.get(f"/api/locator/frames/?action=Heartbeat&limit=3&cursor={cursor}").json()
        paged += [frame["id"] for frame in page["frames"]]
        cursor = str(page["cursor"])
    assert paged == everything


def test_frames_of_a_time_are_found(backend: Backend, station: ChargePoint) -> None:
    between = datetime.now(UTC).isoformat()
    eventually(lambda: datetime.now(UTC).isoformat() > between)
    station.call("Heartbeat", {})
    assert {frame["action"] for frame in logged(backend, f"since={between}", 2)} == {"Heartbeat"}
    earlier = logged(backend, f"until={between.replace('+00:00', 'Z')}")
    assert "Heartbeat" not in {frame["action"] for frame in earlier}


@pytest.mark.parametrize(
    ("query", "field"),
    [("since=yesterday", "since"), ("limit=0", "limit"), ("limit=x", "limit"), ("cursor=-1", "cursor")],
)
def test_a_bad_query_is_named(backend: Backend, query: str, field: str) -> None:
    answer = backend.http.get(f"/api/locator/frames/?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_a_stopped_backend_has_logged_everything(
    backend: Backend, station: ChargePoint, receiver: Receiver
) -> None:
    station.call("Heartbeat", {})
    assert receiver is not None
    backend.restart()
    assert len(backend.http.get("/api/locator/frames/?action=Heartbeat").json()["frames"]) == 2


def test_frames_are_kept_as_long_as_the_settings_say(backend: Backend, station: ChargePoint) -> None:
    station.call("Heartbeat", {})
    logged(backend, "action=Heartbeat", 2)
    backend.clock.advance(backend.settings.frame_retention_days * 86_400 + 1)
    url = "/api/locator/frames/?action=Heartbeat"
    eventually(lambda: backend.http.get(url).json()["frames"] == [])


# In the store


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A connection to an empty store of the backend on each kind of database; nothing of it remains."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'frames.db'}")
    else:
        shared: Engine = request.getfixturevalue("postgresql")
        engine = open_engine(shared.url.render_as_string(hide_password=False))
    create_tables(engine, NOW)
    with engine.execution_options(writes=True).connect() as connection:
        yield connection
        connection.rollback()
    if request.param == "postgresql":
        table.metadata.drop_all(engine)
    engine.dispose()


def frame(at: datetime = NOW, **more: Any) -> Frame:
    facts = {"direction": "in", "kind": "call", "action": "Heartbeat", "message_id": "1", **more}
    return Frame(station_id="ST1", at=at, **facts)


def prune_all(db: Connection, **limits: Any) -> int:
    total = 0
    while gone := frame_log.prune(db, NOW, **limits):
        total += gone
    return total


def test_frames_that_are_too_old_go(db: Connection) -> None:
    frames.insert_all(db, [frame(NOW - timedelta(days=days)) for days in (20, 15, 13, 0)])
    assert prune_all(db, keep=timedelta(days=14), rows=100) == 2
    assert db.scalar(select(func.count()).select_from(table)) == 2


def test_of_too_many_frames_the_oldest_go_in_steps(db: Connection) -> None:
    frames.insert_all(db, [frame(message_id=str(number)) for number in range(5000)])
    assert 0 < frame_log.prune(db, NOW, timedelta(days=14), rows=100) < 4900
    prune_all(db, keep=timedelta(days=14), rows=100)
    kept = frame_log.find(db, Search(limit=1000))
    assert [row.message_id for row in kept] == [str(number) for number in range(4999, 4899, -1)]


def test_what_no_database_can_hold_is_replaced_or_cut(db: Connection) -> None:
    error = CallError("C" * 200, "\0\ud800")
    frames.insert_all(db, [frame(action="A\0" * 50, message_id="m" * 99, error=error, payload="x\0y\ud800")])
    (row,) = frame_log.find(db, Search(error=True))
    assert (len(row.action), len(row.message_id), len(row.error_code)) == (50, 36, 50)
    assert row.payload == "x\N{REPLACEMENT CHARACTER}y?"


@pytest.mark.parametrize(
    ("search", "count"),
    [
        (Search(), 3),
        (Search(station_id="ST1"), 3),
        (Search(station_id="ST2"), 0),
        (Search(error=True), 1),
        (Search(error="GenericError"), 1),
        (Search(error="InternalError"), 0),
        (Search(since=NOW), 2),
        (Search(until=NOW), 2),
        (Search(since=NOW, until=NOW), 1),
        (Search(since=NOW + timedelta(days=1)), 0),
        (Search(until=NOW - timedelta(days=1)), 0),
    ],
)
def test_a_search_finds_what_it_says(db: Connection, search: Search, count: int) -> None:
    error = CallError("GenericError", "")
    moments: list[Callable[[], Frame]] = [
        lambda: frame(NOW - timedelta(hours=1), error=error),
        lambda: frame(NOW),
        lambda: frame(NOW + timedelta(hours=1)),
    ]
    frames.insert_all(db, [make() for make in moments])
    assert len(frame_log.find(db, search)) == count


def test_the_answer_to_a_call_is_told_with_it_where_it_was_not_looked_for(
    backend: Backend, station: ChargePoint
) -> None:
    station.ask("Invented", {})
    logged(backend, "action=Invented", 2)
    answer = backend.http.get("/api/locator/frames/?error=NotImplemented&partners=true").json()
    assert [(one["kind"], one["action"]) for one in answer["frames"]] == [("error", "Invented")]
    assert [(one["kind"], one["action"]) for one in answer["partners"]] == [("call", "Invented")]
