"""OCPI 2.2.1: what a partner reads in our sessions and CDRs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from db.analytics.sessions import SessionAtPlace
from db.models import (
    ChargingConnector,
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    Tariff,
)
from ocpp_integration.exports import ocpi
from ocpp_integration.exports.countries import alpha3
from ocpp_integration.exports.files import to_json
from ocpp_integration.pricing import Reading, Stretch, Usage, parse, price

START = datetime(2026, 3, 4, 8, tzinfo=UTC)
PARTY = ocpi.Party("ET", "MGM")
PLACE_ID = UUID("6f1c2a4e-3b0d-4c58-9a51-0f6a8d2e7b13")

MANDATORY_OF_SESSION = {
    *("country_code", "party_id", "id", "start_date_time", "kwh", "cdr_token", "auth_method", "location_id"),
    *("evse_uid", "connector_id", "currency", "status", "last_updated"),
}
MANDATORY_OF_CDR = {
    *("country_code", "party_id", "id", "start_date_time", "end_date_time", "cdr_token", "auth_method"),
    *("cdr_location", "currency", "charging_periods", "total_cost", "total_energy", "total_time"),
    "last_updated",
}
MANDATORY_OF_TOKEN = {"country_code", "party_id", "uid", "type", "contract_id"}
MANDATORY_OF_LOCATION = {
    *("id", "address", "city", "country", "coordinates", "evse_uid", "evse_id", "connector_id"),
    *("connector_standard", "connector_format", "connector_power_type"),
}
MANDATORY_OF_TARIFF = {"country_code", "party_id", "id", "currency", "elements", "last_updated"}


def _row(
    *,
    connector_type: str | None = "ccs2",
    power_w: int | None = 60_000,
    place: Mapping[str, Any] | None = None,
    with_tariff: bool = True,
    **columns: Any,
) -> SessionAtPlace:
    known: dict[str, Any] = {
        "id": 7,
        "transaction_id": 501,
        "start_time": START,
        "stop_time": START + timedelta(hours=2),
        "status": "completed",
        "energy_wh": 12_345,
        "cost": Decimal("123.45"),
        "tax": Decimal("16.10"),
        "charging_seconds": 5_400,
        "id_tag": "TAG1",
        "updated_at": START + timedelta(hours=3),
        "stop_is_estimated": False,
    }
    where = {"city": "Addis Ababa", "country": "Ethiopia", "latitude": 9.0105, "longitude": 38.7612}
    described = {"name": "Bole Road", "address": "Africa Avenue", "currency": "ETB"}
    tariff = Tariff(
        id=3, currency="ETB", price_per_kwh=Decimal(10), vat_percent=Decimal(15), valid_from=START
    )
    return SessionAtPlace(
        ChargingSession(**known | columns),
        OCPPStation(id=4, station_id="STATION_7"),
        ChargingStation(id=PLACE_ID, **described | where | dict(place or {})),
        OCPPConnector(connector_id=1),
        ChargingConnector(connector_type=connector_type, power_w=power_w) if connector_type else None,
        tariff if with_tariff else None,
    )


def test_a_session_has_every_mandatory_member() -> None:
    session = ocpi.session(_row(), PARTY)
    assert set(session) >= MANDATORY_OF_SESSION
    assert set(session["cdr_token"]) == MANDATORY_OF_TOKEN


def test_a_cdr_has_every_mandatory_member() -> None:
    cdr = ocpi.cdr(_row(), PARTY)
    assert set(cdr) >= MANDATORY_OF_CDR
    assert set(cdr["cdr_location"]) >= MANDATORY_OF_LOCATION
    assert set(cdr["tariffs"][0]) >= MANDATORY_OF_TARIFF


def test_a_member_of_which_nothing_is_known_is_left_out() -> None:
    row = _row(stop_time=None, cost=None, status="charging", charging_seconds=None, with_tariff=False)
    session = ocpi.session(row, PARTY)
    assert {"end_date_time", "total_cost", "authorization_reference"} & set(session) == set()
    assert b"null" not in b"".join(to_json(ocpi.sessions([row], PARTY)))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("pending", "PENDING"),
        ("started", "ACTIVE"),
        ("charging", "ACTIVE"),
        ("suspended", "ACTIVE"),
        ("stopping", "ACTIVE"),
        ("stopped", "COMPLETED"),
        ("completed", "COMPLETED"),
        ("failed", "INVALID"),
    ],
)
def test_a_status_is_one_of_ocpis(status: str, told: str) -> None:
    assert ocpi.session(_row(status=status), PARTY)["status"] == told


def test_cost_stands_without_and_with_vat() -> None:
    cdr = ocpi.cdr(_row(), PARTY)
    assert cdr["total_cost"] == {"excl_vat": Decimal("107.35"), "incl_vat": Decimal("123.45")}


def test_where_the_tax_is_not_known_no_price_with_vat_is_told() -> None:
    assert ocpi.cdr(_row(tax=None), PARTY)["total_cost"] == {"excl_vat": Decimal("123.45")}


def test_energy_charging_and_parking_are_dimensions_of_the_period() -> None:
    (period,) = ocpi.cdr(_row(), PARTY)["charging_periods"]
    assert [(each["type"], each["volume"]) for each in period["dimensions"]] == [
        ("ENERGY", Decimal("12.345")),
        ("TIME", Decimal("1.5000")),
        ("PARKING_TIME", Decimal("0.5000")),
    ]


def test_time_that_nobody_told_apart_is_no_dimension() -> None:
    cdr = ocpi.cdr(_row(charging_seconds=None), PARTY)
    assert [each["type"] for each in cdr["charging_periods"][0]["dimensions"]] == ["ENERGY"]
    assert ("total_parking_time" in cdr, cdr["total_time"]) == (False, Decimal("2.0000"))


def test_a_tariff_is_the_price_of_energy_without_vat() -> None:
    (tariff,) = ocpi.cdr(_row(), PARTY)["tariffs"]
    (element,) = tariff["elements"]
    assert element["price_components"] == [
        {"type": "ENERGY", "price": Decimal("8.6957"), "vat": Decimal(15), "step_size": 1}
    ]


def test_a_cdr_of_a_tariff_with_several_prices_has_the_periods_and_costs_of_its_bill() -> None:
    document = parse(
        {
            "currency": "ETB",
            "elements": [
                {
                    "price_components": [
                        {"type": "ENERGY", "price": "10", "vat": 15, "step_size": 1},
                        {"type": "PARKING_TIME", "price": "30", "vat": 15, "step_size": 1},
                    ],
                    "restrictions": {"start_time": "22:00", "day_of_week": ["FRIDAY"]},
                },
                {"price_components": [{"type": "PARKING_TIME", "price": "20", "vat": 15, "step_size": 1}]},
            ],
        }
    )
    full, end = START + timedelta(minutes=90), START + timedelta(hours=2)
    readings = (Reading(START, 0), Reading(full, 12_345), Reading(end, 12_345))
    bill = price(document, Usage(readings, "Africa/Addis_Ababa", (Stretch("idle", full, end),)))
    row = _row(cost=bill.payable, tax=bill.tax, bill=bill.stored())
    assert row.tariff is not None
    row.tariff.document = document.stored()
    cdr = ocpi.cdr(row, PARTY)
    assert [
        [(each["type"], each["volume"]) for each in p["dimensions"]] for p in cdr["charging_periods"]
    ] == [
        [("ENERGY", Decimal("12.345")), ("TIME", Decimal("1.5"))],
        [("ENERGY", 0), ("PARKING_TIME", Decimal("0.5"))],
    ]
    assert cdr["total_parking_cost"] == cdr["total_cost"] == {"excl_vat": 10, "incl_vat": Decimal("11.50")}
    assert "total_energy_cost" not in cdr
    assert cdr["tariffs"][0]["elements"][0]["restrictions"] == {
        "start_time": "22:00",
        "day_of_week": ("FRIDAY",),
    }
    assert json.loads(b"".join(to_json(ocpi.cdrs([row], PARTY))))[0]["total_parking_time"] == 0.5


@pytest.mark.parametrize(
    ("connector_type", "power_w", "told"),
    [
        ("type1", 7_000, ("IEC_62196_T1", "CABLE", "AC_1_PHASE")),
        ("type2", 7_400, ("IEC_62196_T2", "SOCKET", "AC_1_PHASE")),
        ("type2", 22_000, ("IEC_62196_T2", "SOCKET", "AC_3_PHASE")),
        ("type2", None, ("IEC_62196_T2", "SOCKET", "AC_3_PHASE")),
        ("ccs1", 50_000, ("IEC_62196_T1_COMBO", "CABLE", "DC")),
        ("ccs2", 60_000, ("IEC_62196_T2_COMBO", "CABLE", "DC")),
        ("chademo", 50_000, ("CHADEMO", "CABLE", "DC")),
        ("tesla", 120_000, ("TESLA_S", "CABLE", "DC")),
    ],
)
def test_a_connector_is_told_in_ocpis_words(
    connector_type: str, power_w: int | None, told: tuple[str, ...]
) -> None:
    location = ocpi.cdr(_row(connector_type=connector_type, power_w=power_w), PARTY)["cdr_location"]
    members = ("connector_standard", "connector_format", "connector_power_type")
    assert tuple(location[each] for each in members) == told


@pytest.mark.parametrize("connector_type", ["other", None])
def test_a_connector_that_nobody_named_is_remarked_on(connector_type: str | None) -> None:
    cdr = ocpi.cdr(_row(connector_type=connector_type, place={"latitude": None}), PARTY)
    assert cdr["remark"] == "connector type not known; coordinates not known"
    assert re.fullmatch(r"-?\d{1,2}\.\d{5,7}", cdr["cdr_location"]["coordinates"]["latitude"])


@pytest.mark.parametrize(
    ("columns", "method", "kind"),
    [
        ({}, "WHITELIST", "RFID"),
        ({"id_tag": None}, "WHITELIST", "OTHER"),
        ({"payment_transaction_id": "PAY-1"}, "COMMAND", "AD_HOC_USER"),
        ({"payment_transaction_id": "PAY-1", "user_id": uuid4()}, "COMMAND", "APP_USER"),
    ],
)
def test_how_a_session_was_authorised_is_told(columns: dict[str, Any], method: str, kind: str) -> None:
    session = ocpi.session(_row(**columns), PARTY)
    assert (session["auth_method"], session["cdr_token"]["type"]) == (method, kind)


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "charging", "stop_time": None},
        {"energy_wh": 0},
        {"energy_wh": None},
        {"cost": None},
        {"stop_time": None},
    ],
)
def test_there_is_a_cdr_only_of_what_ended_with_energy_and_a_cost(columns: dict[str, Any]) -> None:
    row = _row(**columns)
    assert list(ocpi.cdrs([row, _row()], PARTY).rows) == [ocpi.cdr(_row(), PARTY)]
    with pytest.raises(ValueError, match="did not end"):
        ocpi.cdr(row, PARTY)


def test_numbers_are_json_numbers_as_exact_as_they_are() -> None:
    text = b"".join(to_json(ocpi.cdrs([_row()], PARTY))).decode()
    assert '"total_energy":12.345' in text
    assert '"incl_vat":123.45' in text
    assert json.loads(text)[0]["total_time"] == 2


def test_times_are_rfc_3339_in_utc() -> None:
    later = START.replace(microsecond=123_456) + timedelta(hours=1)
    text = b"".join(to_json(ocpi.cdrs([_row(updated_at=later)], PARTY))).decode()
    times = re.findall(r'"\w*(?:date_time|updated)":"([^"]+)"', text)
    assert len(times) >= 4
    assert [each for each in times if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each)] == []


def test_ids_are_as_short_and_plain_as_ocpi_has_them() -> None:
    row = _row(transaction_id=2**63 - 1, id_tag="ካርድ " + "x" * 200, payment_transaction_id="p" * 200)
    session = ocpi.session(row, PARTY)
    ids = [session[each] for each in ("id", "location_id", "evse_uid", "connector_id")]
    ids += [session["cdr_token"]["uid"], session["authorization_reference"]]
    assert all(len(each) <= 36 and each.isascii() and each.isprintable() for each in ids)


def test_an_imported_session_has_an_id_that_no_transaction_can_have() -> None:
    imported = ocpi.session(_row(transaction_id=None, id=501), PARTY)["id"]
    assert imported != ocpi.session(_row(transaction_id=501), PARTY)["id"]


def test_an_evse_id_names_country_and_party() -> None:
    assert ocpi.cdr(_row(), PARTY)["cdr_location"]["evse_id"] == "ET*MGM*EP4*1"


@pytest.mark.parametrize(
    ("given", "told"),
    [("Ethiopia", "ETH"), ("ET", "ETH"), ("eth", "ETH"), ("Kenya", "KEN"), ("", None), ("Atlantis", None)],
)
def test_a_country_is_told_in_three_letters(given: str, told: str | None) -> None:
    assert alpha3(given) == told


def test_a_place_without_a_country_is_in_the_operators() -> None:
    assert ocpi.cdr(_row(place={"country": ""}), PARTY)["cdr_location"]["country"] == "ETH"
