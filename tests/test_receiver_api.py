"""The REST API's objects, lists and refusals."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import factories
import pytest
from query_plans import planned
from receiver_app import START, Running, running_receiver
from sqlalchemy import Engine, select

from db.engine import writing
from db.models import OCPPStation

STATION = (
    "id station_id charging_station charging_station_name charging_station_address owner_name vendor model "
    "firmware_version status ocpp_websocket_url last_heartbeat is_online created_at updated_at"
)
CONNECTOR = (
    "id connector_id charging_connector charging_connector_type charging_connector_power status error_code "
    "info vendor_id vendor_error_code created_at updated_at"
)
SESSION = (
    "id transaction_id user user_email user_name ocpp_station ocpp_connector station_name station_address "
    "connector_type payment_transaction_id payment_method id_tag status payment_status start_time stop_time "
    "duration_seconds energy_consumed_kwh current_power_kw max_power_kw estimated_cost final_cost "
    "stop_reason meter_start meter_stop meter_values created_at updated_at"
)
METER_VALUE = "id timestamp measurand value unit context location created_at"
LOG = "id station_id session_transaction_id level message_type action message raw_data timestamp"


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    with running_receiver(engine) as running:
        yield running


def _get(receiver: Running, path: str) -> Any:
    return receiver.ask("admin", "GET", f"/api/ocpp/{path}").json()


def _running_session(receiver: Running) -> Any:
    return _get(receiver, f"sessions/{receiver.people.transaction_id}/")


def test_a_station_has_every_key_of_the_contract(receiver: Running) -> None:
    assert set(STATION.split()) <= set(_get(receiver, "stations/")[0])


def test_a_stations_own_address_adds_its_connectors_with_every_key(receiver: Running) -> None:
    station = _get(receiver, f"stations/{receiver.people.station_id}/")
    assert [set(CONNECTOR.split()) <= set(connector) for connector in station["connectors"]] == [True, True]


def test_a_session_in_a_list_has_every_key_of_the_contract(receiver: Running) -> None:
    assert set(SESSION.split()) <= set(_get(receiver, "sessions/")[0])


def test_a_sessions_own_address_holds_its_station_and_connector_whole(receiver: Running) -> None:
    session = _running_session(receiver)
    assert set(STATION.split()) <= set(session["ocpp_station"])
    assert set(CONNECTOR.split()) <= set(session["ocpp_connector"])


def test_a_sessions_own_address_holds_its_meter_values_with_every_key(receiver: Running) -> None:
    values = _running_session(receiver)["meter_values"]
    assert [set(METER_VALUE.split()) <= set(value) for value in values] == [True, True]


def test_a_log_has_every_key_of_the_contract(receiver: Running) -> None:
    assert set(LOG.split()) <= set(_get(receiver, "logs/")[0])


def test_decimals_are_text_with_fixed_places(receiver: Running) -> None:
    session = _running_session(receiver)
    shown = [session[key] for key in ("energy_consumed_kwh", "current_power_kw", "estimated_cost")]
    assert shown == ["12.500", "22.00", "125.00"]


def test_a_running_session_has_no_final_cost(receiver: Running) -> None:
    assert _running_session(receiver)["final_cost"] is None


def test_an_ended_session_has_its_final_cost_and_whole_duration(receiver: Running) -> None:
    session = _get(receiver, f"sessions/{receiver.people.foreign_transaction_id}/")
    assert (session["final_cost"], session["duration_seconds"]) == ("125.00", 1800)


def test_a_running_sessions_duration_runs_on(receiver: Running) -> None:
    assert _running_session(receiver)["duration_seconds"] > 0


def test_what_is_not_known_is_null(receiver: Running) -> None:
    station = _get(receiver, f"stations/{receiver.people.station_id}/")
    assert (station["vendor"], station["firmware_version"]) == (None, None)


def test_times_carry_their_zone(receiver: Running) -> None:
    assert _running_session(receiver)["start_time"] == "2026-03-04T08:00:00Z"


def test_sessions_come_newest_first(receiver: Running) -> None:
    times = [session["start_time"] for session in _get(receiver, "sessions/")]
    assert times == sorted(times, reverse=True)


def test_sessions_are_filtered_by_status(receiver: Running) -> None:
    found = [session["transaction_id"] for session in _get(receiver, "sessions/?status=charging")]
    assert found == [receiver.people.transaction_id]


def test_completed_sessions_are_found_by_their_time_and_not_among_all_of_them(receiver: Running) -> None:
    _add_sessions(receiver, 2)
    with planned(receiver.engine) as steps:
        found = _get(receiver, "sessions/?status=completed&limit=1")
    assert [session["status"] for session in found] == ["completed"]
    # As SQLite says it: PostgreSQL has counted that there are two.
    assert [step for step in steps if "USING INDEX ix_charging_sessions_status" in step] == []


def test_logs_are_filtered_by_station(receiver: Running) -> None:
    found = _get(receiver, f"logs/?station_id={receiver.people.station_id}&level=info")
    assert [log["station_id"] for log in found] == [receiver.people.station_id]


def test_pages_followed_by_their_link_hold_each_row_once(receiver: Running) -> None:
    _add_sessions(receiver, 7)
    assert _follow(receiver, "/api/ocpp/sessions/?limit=2") == [
        session["transaction_id"] for session in _get(receiver, "sessions/")
    ]


def test_rows_that_come_in_between_two_pages_move_nothing(receiver: Running) -> None:
    first = receiver.ask("admin", "GET", "/api/ocpp/sessions/?limit=1")
    _add_sessions(receiver, 3)
    second = receiver.ask("admin", "GET", first.links["next"]["url"])
    assert [session["transaction_id"] for session in second.json()] == [receiver.people.transaction_id]


def test_sessions_of_the_same_moment_are_paged_apart(receiver: Running) -> None:
    _add_sessions(receiver, 5, apart=timedelta(0))
    assert len(set(_follow(receiver, "/api/ocpp/sessions/?limit=2"))) == 7


def test_the_last_page_has_no_link(receiver: Running) -> None:
    assert "Link" not in receiver.ask("admin", "GET", "/api/ocpp/sessions/?limit=2").headers


def test_a_next_page_keeps_the_filter(receiver: Running) -> None:
    _add_sessions(receiver, 3)
    first = receiver.ask("admin", "GET", "/api/ocpp/sessions/?status=completed&limit=1")
    assert "status=completed" in first.links["next"]["url"]


def test_a_cursor_shows_nobody_more_than_the_list_does(receiver: Running) -> None:
    _add_sessions(receiver, 3)
    address = receiver.ask("admin", "GET", "/api/ocpp/sessions/?limit=1").links["next"]["url"]
    assert receiver.ask("other driver", "GET", address).json() == []


def _cursor(*values: str | int) -> str:
    """A cursor of these values, as somebody may make up who has seen one."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("sessions/?limit=0", "limit"),
        ("sessions/?limit=501", "limit"),
        ("sessions/?limit=-1", "limit"),
        ("sessions/?limit=ten", "limit"),
        ("sessions/?limit=%C2%B2", "limit"),
        ("sessions/?limit=99999999999999999999", "limit"),
        ("sessions/?status=flying", "status"),
        ("sessions/?cursor=%00", "cursor"),
        ("sessions/?cursor=abc", "cursor"),
        ("sessions/?cursor=W10", "cursor"),
        ("sessions/?cursor=WzEsMl0", "cursor"),
        ("sessions/?cursor=%E1%88%80", "cursor"),
        (f"sessions/?cursor={_cursor('0001-01-01T00:00:00+14:00', 1)}", "cursor"),
        (f"sessions/?cursor={_cursor('9999-12-31T23:59:59-10:00', 1)}", "cursor"),
        ("stations/?cursor=WzFd", "cursor"),
        ("logs/?level=loud", "level"),
        ("logs/?station_id=%00", "station_id"),
        ("session-status/", "transaction_id"),
        ("session-status/?transaction_id=one", "transaction_id"),
        ("session-status/?transaction_id=9223372036854775808", "transaction_id"),
    ],
)
def test_a_bad_parameter_is_named(receiver: Running, path: str, field: str) -> None:
    answer = receiver.ask("admin", "GET", f"/api/ocpp/{path}")
    assert (answer.status_code, list(answer.json())) == (400, [field])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/ocpp/nothing/", 404),
        ("GET", "/api/ocpp/stations/a%00b/", 404),
        ("GET", "/api/ocpp/sessions/99999999999999999999999999/", 404),
        ("GET", "/api/ocpp/sessions/-1/", 404),
        ("DELETE", "/api/ocpp/stations/", 405),
        ("GET", "/api/ocpp/webhook/", 405),
    ],
)
def test_every_refusal_is_json(receiver: Running, method: str, path: str, status: int) -> None:
    answer = receiver.ask("admin", method, path)
    assert (answer.status_code, answer.json()["success"]) == (status, False)


def test_an_address_without_its_last_slash_is_the_same(receiver: Running) -> None:
    assert _get(receiver, "stations") == _get(receiver, "stations/")


@pytest.mark.parametrize("path", ["/healthz", "/api/ocpp/stations/", "/nothing"])
def test_every_answer_forbids_sniffing_framing_and_storing(receiver: Running, path: str) -> None:
    headers = receiver.ask(None, "GET", path).headers
    shown = [headers[name] for name in ("X-Content-Type-Options", "X-Frame-Options", "Cache-Control")]
    assert shown == ["nosniff", "DENY", "no-store"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_health_needs_no_token(receiver: Running) -> None:
    assert receiver.ask(None, "GET", "/healthz").json() == {"status": "ok"}


def _add_sessions(receiver: Running, number: int, apart: timedelta = timedelta(hours=1)) -> None:
    with writing(receiver.engine) as store:
        station = store.scalars(
            select(OCPPStation).where(OCPPStation.station_id == receiver.people.station_id)
        ).one()
        for index in range(number):
            factories.add_session(store, station, START + timedelta(days=1) + index * apart)


def _follow(receiver: Running, address: str | None) -> list[int]:
    found = []
    while address is not None:
        answer = receiver.ask("admin", "GET", address)
        found += [session["transaction_id"] for session in answer.json()]
        address = answer.links.get("next", {}).get("url")
    return found
