"""Files over the REST API: who gets which, of what, and how they are sent."""

from __future__ import annotations

import csv
import io
import re
import socket
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import factories
import pyarrow.parquet as pq
import pytest
import requests
from receiver_app import START, People, Running, populate, running_receiver
from receiver_process import receivers
from sqlalchemy import Engine, insert, select, update

from db.engine import writing
from db.models import ChargingSession, OCPPStation, User
from ocpp_integration.exports.catalogue import EXPORTS, Export
from ocpp_integration.exports.files import FORMATS
from webhook_receiver.server import LANES

FILES = [(name, ending) for name, export in EXPORTS.items() for ending in export.formats]
FOREIGN = ("Far Away", "Elsewhere", "STATION_FAR_AWAY")
OWN = ("Bole Road", "Addis Charge", "STATION_BOLE_ROAD")


@pytest.fixture
def receiver(engine: Engine) -> Iterator[Running]:
    # Nobody is asked for more files than a minute allows.
    with running_receiver(engine, auth_failures_per_minute=0) as running:
        with writing(engine) as store:
            for station in store.scalars(select(OCPPStation)):
                connector = station.connectors[0]
                factories.add_status(
                    store, connector, "faulted", START, START + timedelta(hours=1), "OverVoltage"
                )
                factories.add_session(store, station, START + timedelta(hours=2))
            factories.roll_up(store, START.date(), START.date())
        yield running


def _get(receiver: Running, who: str | None, file: str, **query: Any) -> requests.Response:
    return receiver.ask(who, "GET", f"/api/ocpp/exports/{file}", params=query)


def _of_its_session(receiver: Running, name: str) -> dict[str, Any]:
    return {"transaction_id": receiver.people.transaction_id} if EXPORTS[name].is_of_one_session else {}


def _rows(answer: requests.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize(
    ("who", "names"), [("admin", set(EXPORTS)), ("owner", set(EXPORTS)), ("driver", {"sessions"})]
)
def test_the_list_tells_what_the_caller_may_have(receiver: Running, who: str, names: set[str]) -> None:
    listed = receiver.ask(who, "GET", "/api/ocpp/exports/").json()
    assert {each["name"]: tuple(each["formats"]) for each in listed} == {
        name: EXPORTS[name].formats for name in names
    }


@pytest.mark.parametrize("who", ["owner", "other owner", "driver", "other driver", None])
def test_a_file_holds_nothing_of_another(receiver: Running, who: str | None) -> None:
    own = {"owner": OWN, "other owner": FOREIGN, "driver": OWN}.get(who or "", ())
    hidden = [word for word in OWN + FOREIGN if word not in own]
    telling = set()
    for name, ending in FILES:
        query = {"quarter": "2026-Q1", **_of_its_session(receiver, name)}
        answer = _get(receiver, who, f"{name}.{ending}", **query)
        assert answer.status_code == _status(who, EXPORTS[name]), name
        told = _told(answer, ending)
        assert [word for word in hidden if word in told] == [], name
        if any(word in told for word in own):
            telling.add(ending)
    granted = {ending for name, ending in FILES if _status(who, EXPORTS[name]) == 200}
    assert telling == (granted if own else set())


def _told(answer: requests.Response, ending: str) -> str:
    """All that a file says: workbooks and Parquet files are compressed."""
    if answer.status_code == 200 and ending == "xlsx":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as parts:
            return "\n".join(parts.read(part).decode() for part in parts.namelist())
    if answer.status_code == 200 and ending == "parquet":
        return str(pq.read_table(io.BytesIO(answer.content)).to_pylist())
    return answer.content.decode()


def _status(who: str | None, export: Export) -> int:
    if who is None:
        return 401
    if export.is_of_one_session:
        # It is the owner's; the driver whose session it is has the REST API's own address for it.
        return 200 if who == "owner" else 404
    return 200 if "owner" in who or export.for_drivers else 404


def test_an_admin_gets_every_file_as_what_it_says(receiver: Running) -> None:
    for name, ending in FILES:
        answer = _get(receiver, "admin", f"{name}.{ending}", **_of_its_session(receiver, name))
        headers = answer.headers
        assert (answer.status_code, headers["Content-Type"]) == (200, FORMATS[ending].content_type)
        assert re.fullmatch(
            rf'attachment; filename="{name}(_[0-9-]+_[0-9-]+)?\.{ending}"', headers["Content-Disposition"]
        )
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_an_owner_gets_the_sessions_of_its_stations_and_an_admin_all(receiver: Running) -> None:
    stations = {
        who: {row["station"] for row in _rows(_get(receiver, who, "sessions.csv"))}
        for who in ("owner", "admin")
    }
    assert stations == {"owner": {"Bole Road"}, "admin": {"Bole Road", "Far Away"}}


def test_a_driver_gets_its_own_sessions_only(receiver: Running) -> None:
    rows = _rows(_get(receiver, "driver", "sessions.csv"))
    assert [row["transaction_id"] for row in rows] == [str(receiver.people.transaction_id)]
    assert _rows(_get(receiver, "other driver", "sessions.csv")) == []


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_driver_cannot_tell_a_file_that_is_not_for_it_from_none(receiver: Running, ending: str) -> None:
    answers = [_get(receiver, "driver", f"{name}.{ending}") for name in ("stations", "nothing")]
    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    "file",
    ["sessions.json", "ocpi-cdrs.csv", "sessions.exe", "sessions.", ".csv", "Sessions.csv", "sessions.csv/x"],
)
def test_a_file_that_is_none_is_not_found(receiver: Running, file: str) -> None:
    assert _get(receiver, "admin", file).status_code == 404


def test_a_file_of_one_station_holds_that_only(receiver: Running) -> None:
    answer = _get(receiver, "admin", "sessions.csv", station_id=receiver.people.foreign_station_id)
    assert {row["station"] for row in _rows(answer)} == {"Far Away"}


def test_a_foreign_station_does_not_exist(receiver: Running) -> None:
    ids = (receiver.people.foreign_station_id, "STATION_NONE")
    answers = [_get(receiver, "owner", "sessions.csv", station_id=each) for each in ids]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_a_session_of_another_owner_has_no_meter_values(receiver: Running) -> None:
    ids = (receiver.people.foreign_transaction_id, 999_999)
    answers = [_get(receiver, "owner", "meter-values.csv", transaction_id=each) for each in ids]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_from_and_to_are_days_and_both_are_in(receiver: Running) -> None:
    day = START.date()

    def counted(first: Any, last: Any) -> int:
        return len(_rows(_get(receiver, "owner", "sessions.csv", **{"from": first, "to": last})))

    assert (counted(day, day), counted(day + timedelta(days=1), day + timedelta(days=9))) == (2, 0)
    assert counted(day - timedelta(days=9), day - timedelta(days=1)) == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-03-02", "to": "2026-03-01"}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"from": "0"}, "from"),
        ({"from": "2026-03-01T00:00:00"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"quarter": "2026-Q5"}, "quarter"),
        ({"quarter": "2026Q1"}, "quarter"),
        ({"transaction_id": "x"}, "transaction_id"),
    ],
)
def test_a_wrong_question_is_refused_with_its_field(
    receiver: Running, query: dict[str, str], field: str
) -> None:
    answer = _get(receiver, "admin", "sessions.csv", **query)
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_meter_values_want_a_session(receiver: Running) -> None:
    answer = _get(receiver, "admin", "meter-values.csv")
    assert (answer.status_code, list(answer.json())) == (400, ["transaction_id"])


def test_a_parquet_file_over_the_api_has_types(receiver: Running) -> None:
    table = pq.read_table(io.BytesIO(_get(receiver, "owner", "sessions.parquet").content))
    assert str(table.schema.field("start (UTC)").type) == "timestamp[us, tz=UTC]"
    assert table.num_rows == 2


def test_cdrs_are_a_json_array(receiver: Running) -> None:
    cdrs = _get(receiver, "owner", "ocpi-cdrs.json").json()
    assert [(each["country_code"], each["party_id"], each["total_energy"]) for each in cdrs] == [
        ("ET", "MGM", 12.5)
    ]


@pytest.mark.parametrize(("role", "owner_id"), [("owner", None), ("auditor", None)])
def test_who_sees_no_stations_has_no_files(receiver: Running, role: str, owner_id: int | None) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(User).where(User.user_name == "owner").values(role=role, owner_id=owner_id))
    assert receiver.ask("owner", "GET", "/api/ocpp/exports/").json() == []
    assert _get(receiver, "owner", "sessions.csv").status_code == 404


def test_a_name_that_looks_like_a_formula_stays_a_name(receiver: Running) -> None:
    with writing(receiver.engine) as store:
        store.execute(update(ChargingSession).values(id_tag="=cmd|' /C calc'!A0"))
    assert {row["id_tag"] for row in _rows(_get(receiver, "owner", "sessions.csv"))} == {
        "'=cmd|' /C calc'!A0"
    }


def test_head_tells_of_a_file_without_sending_it(receiver: Running) -> None:
    answer = receiver.ask("owner", "HEAD", "/api/ocpp/exports/sessions.csv")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "attachment" in answer.headers["Content-Disposition"]


# In the server itself

MANY = 15_000


@pytest.fixture
def many(engine: Engine) -> People:
    """People, and so many sessions at the owner's station that no buffer between two programs holds them."""
    people = populate(engine)
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation).where(OCPPStation.station_id == people.station_id)).one()
        connector_pk, stopped = station.connectors[0].id, datetime(2025, 1, 1, tzinfo=UTC)
        store.execute(
            insert(ChargingSession),
            [
                {
                    "transaction_id": 100_000 + number,
                    "ocpp_station_id": station.id,
                    "ocpp_connector_id": connector_pk,
                    "id_tag": f"TAG {number} " + "x" * 240,
                    "stop_reason": "x" * 250,
                    "start_time": stopped - timedelta(minutes=30),
                    "stop_time": stopped,
                    "status": "completed",
                    "energy_wh": 12_500,
                    "flags": [],
                }
                for number in range(MANY)
            ],
        )
    return people


def _begin(url: str, token: str) -> socket.socket:
    """Ask for the large file, and read no more than its beginning."""
    at = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.settimeout(30)
    client.connect((at.hostname, at.port))
    request = (
        f"GET /api/ocpp/exports/sessions.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Token {token}\r\n\r\n"
    )
    client.sendall(request.encode())
    assert client.recv(4_096).startswith(b"HTTP/1.1 200")
    return client


def _ask(url: str, token: str, path: str) -> requests.Response:
    return requests.get(url + path, headers={"Authorization": f"Token {token}"}, timeout=30)


def test_a_large_file_is_begun_before_it_is_complete_and_waits_for_its_reader(
    engine: Engine, many: People
) -> None:
    """Slow readers fill their lane, which files that were made already would have left; nobody else waits."""
    token, room = many.tokens["owner"], LANES["/api/ocpp/exports"].max_requests
    with receivers(engine, RATE_LIMIT_PER_MINUTE="0") as (url,), ExitStack() as stack:
        slow = [stack.enter_context(closing(_begin(url, token))) for _ in range(room)]
        assert [_ask(url, token, path).status_code for path in ("/api/ocpp/stations/", "/healthz")] == [
            200,
            200,
        ]
        refused = _ask(url, token, "/api/ocpp/exports/sessions.csv")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        # A reader that leaves ends its query, and so makes room.
        slow[0].close()
        deadline = time.monotonic() + 30
        while (answer := _ask(url, token, "/api/ocpp/exports/sessions.csv")).status_code == 503:
            assert time.monotonic() < deadline, "the place of a reader who left stays taken"
        rows = _rows(answer)
    assert len({row["transaction_id"] for row in rows}) == len(rows) == MANY + 1


def test_head_and_small_files_are_served_by_the_server_too(engine: Engine) -> None:
    token = populate(engine).tokens["owner"]
    with receivers(engine) as (url,):
        answer = _ask(url, token, "/api/ocpp/exports/stations.csv")
        head = requests.head(
            f"{url}/api/ocpp/exports/stations.csv", headers={"Authorization": f"Token {token}"}, timeout=10
        )
    assert [row["station"] for row in _rows(answer)] == ["Bole Road"]
    assert (head.status_code, head.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
