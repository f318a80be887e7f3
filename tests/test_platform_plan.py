"""What a list of stations changes, as a plan: no store, no network."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from mengedmate import connector, station, station_id

from ocpp_integration.platform.errors import StationRejected
from ocpp_integration.platform.known import Known, KnownConnector, KnownStation
from ocpp_integration.platform.listing import Listing, StationKey, WantedConnector, WantedStation
from ocpp_integration.platform.numbering import number
from ocpp_integration.platform.planning import FEW, Plan, Rules, make_plan
from ocpp_integration.platform.rows import read_station

PULL = Rules("mengedmate", "MengedMate", exhaustive=True)
FILE = Rules("file", "Imported", exhaustive=False, trusted=True)
UUIDS = [f"00000000-0000-4000-8000-00000000000{each}" for each in range(4)]


def known_connector(number: int, **changes: Any) -> KnownConnector:
    told = {
        "connector_type": "ccs2",
        "power_w": 60_000,
        "price_per_kwh": Decimal(10),
        "qr_code_token": f"qr-{number}",
        "is_active": True,
        "external_id": str(number),
        "unit": 1,
    }
    return KnownConnector(number, told | changes)


def known_station(number: int = 1, *connectors: KnownConnector, **changes: Any) -> KnownStation:
    """What the store has once `mengedmate.station(number)` was taken in, with one connector."""
    fields = {
        "name": f"Station {number}",
        "address": "Africa Avenue",
        "city": "Addis Ababa",
        "country": "Ethiopia",
        "latitude": 8.980603,
        "longitude": 38.757761,
        "is_active": True,
    }
    id = station_id(number)
    told: dict[str, Any] = {"source": "mengedmate", "owner": "Addis Charge"}
    fields |= {name: changes.pop(name) for name in list(changes) if name in fields}
    return KnownStation(
        **{"id": id, "station_id": f"STATION_{id}", **told, **changes},
        fields=fields,
        connectors=connectors or (known_connector(1),),
    )


def wanted(number: int = 1, *connectors: dict[str, Any], own: bool = True, **changes: Any) -> WantedStation:
    return read_station(station(number, *(connectors or (connector(1),)), **changes), is_own=own)


def plan(
    known: list[KnownStation],
    *stations: WantedStation,
    rules: Rules = PULL,
    owners: frozenset[str] = frozenset(),
    **listing: Any,
) -> Plan:
    names = frozenset(each.owner for each in known) | owners
    return make_plan(Known(tuple(known), names), Listing(list(stations), **listing), rules)


def words(*arguments: Any, **options: Any) -> list[str]:
    """The plan's lines, without the station's id."""
    return [str(change).replace(str(station_id(1)), "1") for change in plan(*arguments, **options).changes]


def numbers(known: list[KnownConnector], *listed: dict[str, Any]) -> list[int]:
    units = wanted(1, *listed).connectors
    assert units is not None
    return number(known, units)


# Stations


def test_a_list_that_says_what_is_known_changes_nothing() -> None:
    assert plan([known_station()], wanted()) == Plan()


def test_a_new_station_comes_with_its_owner_and_connectors() -> None:
    assert words([], wanted(1, connector(7), connector(9, connector_type="type2", power_kw="22"))) == [
        "new owner Addis Charge",
        "STATION_1: new station Station 1 of Addis Charge",
        "STATION_1 connector 1: added, ccs2, 60 kW, 10.00 per kWh",
        "STATION_1 connector 2: added, type2, 22 kW, 10.00 per kWh",
    ]


def test_an_owner_of_two_new_stations_is_new_once() -> None:
    lines = words([], wanted(1), wanted(2))
    assert lines.count("new owner Addis Charge") == 1


def test_a_new_station_without_an_owner_is_the_platforms() -> None:
    assert words([], wanted(owner_name=None))[0] == "new owner MengedMate"


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"name": "Bole"}, "STATION_1: name Station 1 -> Bole"),
        ({"address": None}, "STATION_1: address Africa Avenue -> none"),
        ({"latitude": None}, "STATION_1: latitude 8.980603 -> none"),
        ({"latitude": 9}, "STATION_1: latitude 8.980603 -> 9.0"),
        ({"is_active": False}, "STATION_1: deactivated"),
        ({"status": "closed"}, "STATION_1: deactivated"),
        ({"status": "coming_soon"}, "STATION_1: deactivated"),
    ],
)
def test_what_differs_is_told_in_words(told: dict[str, Any], line: str) -> None:
    assert words([known_station()], wanted(**told)) == [line]


@pytest.mark.parametrize("told", [{"status": "under_maintenance"}, {"status": None}, {"is_active": None}])
def test_a_station_under_maintenance_or_of_no_told_status_stays(told: dict[str, Any]) -> None:
    assert words([known_station()], wanted(**told)) == []


def test_a_number_and_its_decimal_string_are_the_same() -> None:
    told = wanted(1, connector(1, power_kw=60, price_per_kwh=10.0), latitude=8.980603)
    assert words([known_station()], told) == []


def test_a_station_that_is_gone_is_deactivated() -> None:
    assert words([known_station(1), known_station(2)], wanted(2)) == ["STATION_1: deactivated"]


def test_a_station_that_returns_is_activated() -> None:
    assert words([known_station(is_active=False)], wanted()) == ["STATION_1: activated"]


def test_a_station_that_mengedmate_never_had_is_not_gone() -> None:
    assert words([known_station(1, source="file"), known_station(2)], wanted(2)) == []


def test_a_list_that_was_not_read_to_its_end_deactivates_nothing_and_says_so() -> None:
    made = plan([known_station(1), known_station(2)], wanted(2), complete=False)
    assert (made.changes, len(made.problems)) == ((), 1)


def test_a_station_that_could_not_be_read_is_not_gone() -> None:
    left_out = [StationKey(station_id(1))]
    assert words([known_station(1), known_station(2)], wanted(2), left_out=left_out) == []


@pytest.mark.parametrize(("known", "gone"), [(1, 1), (5, 5), (2 * FEW, FEW + 1)])
def test_so_many_are_not_gone_at_once(known: int, gone: int) -> None:
    stations = [known_station(each) for each in range(known)]
    made = plan(stations, *(wanted(each) for each in range(gone, known)))
    assert made.changes == ()
    assert f"{gone} of {known}" in made.problems[0]


@pytest.mark.parametrize(("known", "gone"), [(2, 1), (FEW + 1, FEW), (4 * FEW, FEW + 1)])
def test_so_many_may_be_gone_at_once(known: int, gone: int) -> None:
    stations = [known_station(each) for each in range(known)]
    made = plan(stations, *(wanted(each) for each in range(gone, known)))
    assert (len(made.changes), made.problems) == (gone, ())


def test_a_trusted_list_may_be_empty() -> None:
    assert words([known_station()], rules=replace(PULL, trusted=True)) == ["STATION_1: deactivated"]


def test_an_ocpp_id_set_by_hand_stays() -> None:
    lines = words([known_station(station_id="BOLE-01")], wanted(name="Bole"))
    assert lines == ["BOLE-01: name Station 1 -> Bole"]


def test_a_station_known_by_its_ocpp_id_only_gets_the_platforms_id() -> None:
    imported = known_station(id=UUID(int=5), source="", owner="Imported", name="STATION_1")
    lines = words([imported], wanted())
    assert lines == [
        "new owner Addis Charge",
        "STATION_1: takes the platform's id 1",
        "STATION_1: kept up by MengedMate, before by nobody",
        "STATION_1: owner Imported -> Addis Charge",
        "STATION_1: name STATION_1 -> Station 1",
    ]


def test_a_station_listed_twice_is_taken_once() -> None:
    made = plan([], wanted(1), wanted(1))
    assert len(made.changes) == 3
    assert made.problems == (f"STATION_{station_id(1)}: is listed twice",)


# Owners


def test_the_tokens_owner_is_renamed_with_all_that_is_theirs() -> None:
    known = [known_station(1), known_station(2)]
    lines = words(known, wanted(1, owner_name="Addis Power"), wanted(2, owner_name="Addis Power"))
    assert lines == ["owner Addis Charge is now called Addis Power"]


@pytest.mark.parametrize(
    ("known", "listed", "owners"),
    [
        pytest.param(
            [known_station()], [wanted(own=False, owner_name="Power")], frozenset(), id="a public station"
        ),
        pytest.param(
            [known_station()], [wanted(owner_name="Power")], frozenset({"Power"}), id="a known owner"
        ),
        pytest.param(
            [known_station(), known_station(9, source="file")],
            [wanted(owner_name="Power")],
            frozenset(),
            id="an owner with stations of another source",
        ),
        pytest.param(
            [known_station(1), known_station(2)],
            [wanted(1, owner_name="Power"), wanted(2, own=False)],
            frozenset(),
            id="an owner who is still named",
        ),
        pytest.param(
            [known_station(1), known_station(2, owner="Other")],
            [wanted(1, owner_name="Power"), wanted(2, owner_name="Power")],
            frozenset(),
            id="two owners",
        ),
    ],
)
def test_otherwise_the_station_goes_to_another_owner(
    known: list[KnownStation], listed: list[WantedStation], owners: frozenset[str]
) -> None:
    lines = words(known, *listed, owners=owners)
    assert "STATION_1: owner Addis Charge -> Power" in lines
    assert not any("is now called" in line for line in lines)


def test_a_list_that_was_cut_renames_nobody() -> None:
    lines = words([known_station()], wanted(owner_name="Power"), complete=False)
    assert "STATION_1: owner Addis Charge -> Power" in lines


# Connectors


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"price_per_kwh": "12"}, "STATION_1 connector 1: price 10.00 per kWh -> 12.00 per kWh"),
        ({"price_per_kwh": "0"}, "STATION_1 connector 1: price 10.00 per kWh -> 0.00 per kWh"),
        ({"price_per_kwh": 10.125}, "STATION_1 connector 1: price 10.00 per kWh -> 10.1250 per kWh"),
        ({"power_kw": "120.5"}, "STATION_1 connector 1: power 60 kW -> 120.5 kW"),
        ({"connector_type": "CHAdeMO"}, "STATION_1 connector 1: type ccs2 -> chademo"),
        ({"connector_type": "gbt"}, "STATION_1 connector 1: type ccs2 -> other"),
        ({"qr_code_token": "new"}, "STATION_1 connector 1: QR token qr-1 -> new"),
        ({"quantity": 0}, "STATION_1 connector 1: deactivated"),
    ],
)
def test_what_differs_of_a_connector_is_told_in_words(told: dict[str, Any], line: str) -> None:
    assert words([known_station()], wanted(1, connector(1, **told))) == [line]


@pytest.mark.parametrize("name", ["price_per_kwh", "power_kw", "qr_code_token", "quantity"])
def test_what_the_platform_does_not_know_of_a_connector_stays(name: str) -> None:
    assert words([known_station()], wanted(1, connector(1, **{name: None}))) == []


@pytest.mark.parametrize("told", [{"status": "out_of_order"}, {"is_available": False}])
def test_the_moment_of_a_connector_is_the_charge_points_to_tell(told: dict[str, Any]) -> None:
    assert words([known_station()], wanted(1, connector(1, **told))) == []


def test_a_quantity_is_that_many_connectors() -> None:
    assert words([known_station()], wanted(1, connector(1, quantity="3"))) == [
        "STATION_1 connector 2: added, ccs2, 60 kW, 10.00 per kWh",
        "STATION_1 connector 3: added, ccs2, 60 kW, 10.00 per kWh",
    ]


def test_a_quantity_that_shrinks_deactivates_the_last_ones() -> None:
    known = known_station(1, known_connector(1), known_connector(2, external_id="1", unit=2))
    assert words([known], wanted(1, connector(1))) == ["STATION_1 connector 2: deactivated"]


def test_a_connector_that_is_gone_is_deactivated_and_keeps_its_number() -> None:
    known = known_station(1, known_connector(1), known_connector(2))
    assert words([known], wanted(1, connector(2), connector(3))) == [
        "STATION_1 connector 3: added, ccs2, 60 kW, 10.00 per kWh",
        "STATION_1 connector 1: deactivated",
    ]


def test_a_connector_that_returns_has_its_number() -> None:
    known = [known_connector(1, is_active=False), known_connector(2), known_connector(3)]
    assert numbers(known, connector(3), connector(1), connector(2)) == [3, 1, 2]


def test_a_station_whose_connectors_are_not_told_keeps_them() -> None:
    assert words([known_station()], replace(wanted(), connectors=None)) == []


def test_new_numbers_go_on_from_the_greatest_there_ever_was() -> None:
    known = [known_connector(2), known_connector(5, is_active=False)]
    assert numbers(known, connector(8), connector(2), connector(9)) == [6, 2, 7]


def test_connectors_keep_their_numbers_when_the_platform_turns_to_uuids() -> None:
    known = [
        known_connector(1, connector_type="type2", qr_code_token=None),
        known_connector(2, qr_code_token=None),
        known_connector(3, qr_code_token="kept"),
    ]
    listed = [
        connector(UUIDS[0], qr_code_token="kept"),
        connector(UUIDS[1], qr_code_token="a"),
        connector(UUIDS[2], qr_code_token="b", connector_type="type2"),
    ]
    assert numbers(known, *listed) == [3, 2, 1]


def test_another_integer_is_another_connector() -> None:
    assert numbers([known_connector(1)], connector(2)) == [2]


def test_connectors_without_an_id_are_taken_over_by_what_they_are() -> None:
    known = [
        known_connector(1, external_id=None, qr_code_token=None, power_w=22_000),
        known_connector(2, external_id=None, qr_code_token=None),
        known_connector(3, external_id=None, qr_code_token=None, connector_type="other", power_w=None),
    ]
    assert numbers(known, connector(7, connector_type="tesla"), connector(8), connector(9)) == [3, 2, 1]


# Files


def by_number(*connectors: WantedConnector, **changes: Any) -> WantedStation:
    return WantedStation(StationKey(ocpp_id="BOLE-01"), {}, connectors, **changes)


def test_a_file_says_nothing_of_what_it_does_not_list() -> None:
    known = known_station(1, known_connector(1), known_connector(2), station_id="BOLE-01", source="file")
    other = known_station(2, source="file")
    told = WantedConnector({"power_w": 50_000}, number=2)
    lines = words([known, other], by_number(told), rules=FILE)
    assert lines == ["BOLE-01 connector 2: power 60 kW -> 50 kW"]


@pytest.mark.parametrize("owner", ["Addis Charge", None])
def test_a_file_that_replaces_deactivates_what_it_lacks_of_its_owners(owner: str | None) -> None:
    known = [
        known_station(1, known_connector(1), known_connector(2), station_id="BOLE-01", source="file"),
        known_station(2, source="", station_id="SARIS-01"),
        known_station(3, source="", owner="Other"),
        known_station(4),
    ]
    told = by_number(WantedConnector(number=2), owner=owner)
    assert words(known, told, rules=replace(FILE, exhaustive=True)) == [
        "BOLE-01 connector 1: deactivated",
        "SARIS-01: deactivated",
    ]


def test_a_file_does_not_take_a_station_from_mengedmate() -> None:
    lines = words([known_station()], WantedStation(StationKey(station_id(1)), {"city": "Adama"}), rules=FILE)
    assert lines == ["STATION_1: city Addis Ababa -> Adama"]


@pytest.mark.parametrize(
    ("station", "reason"),
    [
        (WantedStation(StationKey(station_id(1), "OTHER")), "its OCPP id stays"),
        (
            WantedStation(StationKey(UUID(int=9), f"STATION_{station_id(1)}")),
            "its OCPP id is that of the station",
        ),
        (
            WantedStation(
                StationKey(station_id(1)), {}, (WantedConnector(number=1), WantedConnector(external_id="1"))
            ),
            "the same number",
        ),
        (
            WantedStation(StationKey(station_id(1)), {}, (WantedConnector(number=2, external_id="1"),)),
            "connector 1 has the number 1, which stays",
        ),
    ],
)
def test_a_file_that_contradicts_the_store_is_refused_for_that_station(
    station: WantedStation, reason: str
) -> None:
    made = plan([known_station()], station, rules=FILE)
    assert (made.changes, len(made.left_out)) == ((), 1)
    assert reason in made.problems[0]


def test_where_it_is_all_or_nothing_a_problem_leaves_no_change() -> None:
    rules = replace(FILE, all_or_nothing=True)
    assert plan([], by_number(), rules=rules, problems=["line 7, power_kw is negative"]).changes == ()


def test_a_station_of_an_ocpp_id_alone_has_the_same_id_each_time() -> None:
    assert StationKey(ocpp_id="BOLE-01").new_id == StationKey(ocpp_id="BOLE-01").new_id
    assert StationKey(ocpp_id=f"STATION_{station_id(1)}").new_id == station_id(1)


# Rows that are wrong


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (station(id="7"), "id is not a UUID: 7"),
        (station(id=None), "id is missing"),
        (station(name=""), "name is missing"),
        (station(name="x" * 256), "name is longer than 255 characters"),
        (station(name="a\0b"), "name has characters that cannot be shown"),
        (station(name=["x"]), "name is neither a text nor a number"),
        (station(latitude="NaN"), "latitude is not a number of degrees from -90 to 90: NaN"),
        (station(latitude="90.1"), "latitude is not a number of degrees from -90 to 90: 90.1"),
        (station(longitude="east"), "longitude is not a number of degrees from -180 to 180: east"),
        (station(is_active="perhaps"), "is_active is neither true nor false: perhaps"),
        (station(status="melting"), "status is none of operational, under_maintenance, closed, coming_soon"),
        (station(connectors={}), "connectors is not a list"),
        (station(1, "x"), "connector 1: is not an object"),  # type: ignore[arg-type]
        (station(1, connector("seven")), "connector 1: id is neither a whole number nor a UUID: seven"),
        (station(1, connector(1), connector(None)), "connector 2: id is missing"),
        (station(1, connector(1), connector(1)), "connector 1 is listed twice"),
        (station(1, connector(quantity=-1)), "connector 1: quantity is not a whole number: -1"),
        (station(1, connector(quantity=101)), "connector 1: quantity is more than 100: 101"),
        (station(1, connector(quantity=True)), "connector 1: quantity is not a whole number: true"),
        (station(1, connector(1, quantity=60), connector(2, quantity=60)), "has more than 100 connectors"),
        (station(1, connector(power_kw="-5")), "connector 1: power_kw is negative: -5"),
        (station(1, connector(power_kw=1e6)), "connector 1: power_kw is above 10000 kW: 1000000.0"),
        (station(1, connector(price_per_kwh="-1")), "connector 1: price_per_kwh is not a price from 0"),
        (station(1, connector(price_per_kwh="inf")), "connector 1: price_per_kwh is not a price from 0"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(StationRejected) as rejection:
        read_station(row)
    assert reason in str(rejection.value)


def test_what_is_told_of_a_wrong_row_is_short_and_on_one_line() -> None:
    with pytest.raises(StationRejected) as rejection:
        read_station(station(latitude="1\n\x1b[31m" + "x" * 10_000))
    assert len(str(rejection.value)) < 250
    assert str(rejection.value).isprintable()


def test_an_address_of_several_lines_is_one_line() -> None:
    assert (
        wanted(address=" Africa Avenue\r\n near the bridge ").fields["address"]
        == "Africa Avenue near the bridge"
    )
