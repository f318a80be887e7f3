"""Webhooks as they come over the wire: shapes, hostile bodies, signatures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocpp_integration import events
from ocpp_integration.events import (
    ConnectorStatusChanged,
    InvalidEvent,
    InvalidSignature,
    SessionProgress,
    SessionStopped,
    identity,
    parse,
    sign,
    verify,
)

OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 24).decode() for n in (1, 2))


def _body(kind: str = "session_progress", **data: Any) -> bytes:
    return orjson.dumps({"type": kind, "data": data, "transaction_id": 7})


def _errors(body: bytes) -> dict[str, list[str]]:
    with pytest.raises(InvalidEvent) as caught:
        parse(body)
    return caught.value.errors


@pytest.mark.parametrize("value", [12.5, "12.5", "12.500", 12.4999999])
def test_energy_may_come_as_a_number_or_as_text_and_is_whole_watt_hours(value: object) -> None:
    payload = parse(_body(energy_consumed_kwh=value)).payload()
    assert isinstance(payload, SessionProgress)
    assert payload.energy_consumed_kwh == 12_500


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", -1, "-0.5", True, [], {}, "much", 1000.1])
def test_an_energy_that_cannot_be_is_refused_by_the_name_of_its_field(value: object) -> None:
    assert list(_errors(_body(energy_consumed_kwh=value))) == ["data.energy_consumed_kwh"]


@pytest.mark.parametrize("value", ["NaN", -0.01, "1e400", 10**9])
def test_an_amount_that_cannot_be_is_refused(value: object) -> None:
    assert list(_errors(_body("session_stopped", final_cost=value))) == ["data.final_cost"]


@pytest.mark.parametrize("number", [0, -1, 2**63, 1.5, "x"])
def test_a_transaction_id_is_a_positive_64_bit_integer(number: object) -> None:
    body = orjson.dumps({"type": "session_stopped", "data": {}, "transaction_id": "N"})
    spelt = str(number).encode() if not isinstance(number, str) else b'"x"'
    assert list(_errors(body.replace(b'"N"', spelt))) == ["transaction_id"]


@pytest.mark.parametrize("spelling", ["SuspendedEV", "suspended_ev", "SUSPENDED_EV", "suspendedev"])
def test_a_status_is_the_same_in_both_spellings(spelling: str) -> None:
    payload = parse(_body("connector_status", connector_id=1, status=spelling)).payload()
    assert isinstance(payload, ConnectorStatusChanged)
    assert payload.status == "suspended_ev"


def test_a_status_that_nobody_knows_is_refused() -> None:
    assert list(_errors(_body("connector_status", connector_id=1, status="Melting"))) == ["data.status"]


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("2026-03-10T12:00:00Z", datetime(2026, 3, 10, 12, tzinfo=UTC)),
        ("2026-03-10T15:00:00+03:00", datetime(2026, 3, 10, 12, tzinfo=UTC)),
        ("2026-03-10T12:00:00", datetime(2026, 3, 10, 12, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_utc(told: str, read: datetime) -> None:
    payload = parse(_body("session_stopped", stop_time=told)).payload()
    assert isinstance(payload, SessionStopped)
    assert payload.stop_time == read


_OUT_OF_RANGE = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"]


@pytest.mark.parametrize("told", [1773144000, 1.5, "yesterday", True, "0000-00-00T00:00:00Z", *_OUT_OF_RANGE])
def test_a_time_that_is_none_is_refused(told: object) -> None:
    assert list(_errors(_body("session_stopped", stop_time=told))) == ["data.stop_time"]


@pytest.mark.parametrize("told", _OUT_OF_RANGE)
def test_an_event_of_a_time_that_utc_does_not_have_is_refused(told: str) -> None:
    body = orjson.dumps({"type": "session_stopped", "data": {}, "transaction_id": 7, "timestamp": told})
    assert list(_errors(body)) == ["timestamp"]


def test_a_null_is_as_good_as_nothing_in_an_optional_field() -> None:
    nulls = dict.fromkeys(SessionStopped.model_fields)
    assert parse(_body("session_stopped", **nulls)).payload() == SessionStopped()


def test_a_field_that_we_do_not_know_is_let_through() -> None:
    assert parse(_body("session_stopped", colour="green")).payload() == SessionStopped()


def test_an_unknown_type_is_an_event_without_a_payload() -> None:
    assert parse(_body("battery_swapped", cells=4)).payload() is None


def test_every_type_has_a_model() -> None:
    assert sorted(events.PAYLOADS) == [
        "availability_changed",
        "connector_status",
        "session_progress",
        "session_started",
        "session_stopped",
        "station_status",
    ]


HOSTILE = {
    "empty": b"",
    "not JSON": b"{",
    "not UTF-8": b'{"type": "\xff", "data": {}}',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "NaN": b'{"type": "session_progress", "data": {"current_power_kw": NaN}}',
    "NUL": b'{"type": "a\\u0000b", "data": {}}',
    "a lone surrogate": b'{"type": "\\ud800", "data": {}}',
    "too deep": b'{"type": "x", "data": {"a": ' + b"[" * 40 + b"]" * 40 + b"}}",
    "far too deep": b'{"type": "x", "data": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "no data": b'{"type": "session_started"}',
    "data of another kind": b'{"type": "session_started", "data": [1]}',
    "no type": b'{"data": {}}',
    "a long type": orjson.dumps({"type": "x" * 51, "data": {}}),
    "a long station": orjson.dumps({"type": "x", "data": {}, "station_id": "x" * 256}),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_body_that_is_no_event_is_refused_with_reasons(body: bytes) -> None:
    assert all(reasons for reasons in _errors(body).values())


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    try:
        parse(body)
    except InvalidEvent as refused:
        assert refused.errors


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_FIELDS = sorted({field for model in events.PAYLOADS.values() for field in model.model_fields})


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(sorted(events.PAYLOADS)),
    st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=4),
)
def test_no_data_raise_anything_else(kind: str, data: dict[str, Any]) -> None:
    try:
        body = orjson.dumps({"type": kind, "data": data})
    except TypeError:
        return  # an integer that JSON's reader does not take either
    try:
        parse(body)
    except InvalidEvent as refused:
        assert refused.errors


# Identity and signature


def test_an_event_is_known_by_its_header_before_its_body() -> None:
    body = orjson.dumps({"type": "x", "data": {}, "event_id": "inner"})
    event = parse(body)
    assert [identity({"webhook-id": "outer"}, event, body), identity({}, event, body)] == ["outer", "inner"]


def test_an_event_without_an_id_is_known_by_its_bytes() -> None:
    body = _body()
    assert identity({}, parse(body), body) == events.digest(body)


def _now() -> datetime:
    return datetime.now(UTC)


def _refused(secrets: list[str], headers: Mapping[str, str], body: bytes) -> bool:
    try:
        verify(secrets, headers, body)
    except InvalidSignature:
        return True
    return False


def test_what_we_sign_verifies() -> None:
    assert not _refused([NEW], sign([NEW], "id", "{}", _now()), b"{}")


def test_a_time_of_another_zone_signs_the_same() -> None:
    now = _now()
    east = now.astimezone(datetime.strptime("+0300", "%z").tzinfo)
    assert sign([NEW], "id", "{}", east) == sign([NEW], "id", "{}", now)


@pytest.mark.parametrize("signer", [OLD, NEW])
def test_while_a_secret_is_rotated_the_old_and_the_new_one_hold(signer: str) -> None:
    assert not _refused([NEW, OLD], sign([signer], "id", "{}", _now()), b"{}")


def test_a_secret_that_was_taken_away_does_not_hold() -> None:
    assert _refused([NEW], sign([OLD], "id", "{}", _now()), b"{}")


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_of_another_time_does_not_hold(minutes: int) -> None:
    assert _refused([NEW], sign([NEW], "id", "{}", _now() + timedelta(minutes=minutes)), b"{}")


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_may_be_off_by_some_minutes(minutes: int) -> None:
    assert not _refused([NEW], sign([NEW], "id", "{}", _now() + timedelta(minutes=minutes)), b"{}")


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,%%%"},
        {"webhook-signature": "v1,AAAA v2,ä"},
        {"webhook-signature": "v1,ä"},
        {"webhook-signature": ", , ,"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": ""},
        {"webhook-id": "another"},
        {"webhook-id": ""},
    ],
)
def test_a_malformed_signature_is_an_invalid_one(change: dict[str, str]) -> None:
    assert _refused([NEW], sign([NEW], "id", "{}", _now()) | change, b"{}")


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_signature_lacking_a_header_is_an_invalid_one(missing: str) -> None:
    headers = sign([NEW], "id", "{}", _now())
    del headers[missing]
    assert _refused([NEW], headers, b"{}")


@pytest.mark.parametrize("body", [b'{"a":1}', b"", b"\xff\xfe"])
def test_another_body_has_another_signature(body: bytes) -> None:
    assert _refused([NEW], sign([NEW], "id", "{}", _now()), body)


def test_without_a_secret_nothing_holds() -> None:
    assert _refused([], sign([], "id", "{}", _now()), b"{}")
