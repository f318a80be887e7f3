"""The fleet file: the demo's own holds, and a wrong one is refused with the entry's name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest

from simulator.__main__ import main
from simulator.fleet import DEFAULT_FLEET, FleetError, Quirk, load_fleet


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = DEFAULT_FLEET.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "fleet.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_demo_has_two_owners_with_stations_each() -> None:
    fleet = load_fleet()
    assert {station.owner for station in fleet.stations} == {owner.key for owner in fleet.owners}
    assert len(fleet.owners) == 2
    assert len(fleet.stations) == 12


def test_every_station_has_two_or_three_connectors_numbered_from_one() -> None:
    for station in load_fleet().stations:
        assert [number for number, _ in station.numbered_connectors] in ([1, 2], [1, 2, 3])


def test_prices_are_exact_decimals() -> None:
    assert load_fleet().stations[0].connectors[0].price_per_kwh == Decimal("21.50")


def test_the_ocpp_id_is_made_of_the_platforms() -> None:
    station = load_fleet().stations[0]
    assert station.station_id == f"STATION_{station.id}"


def test_a_third_of_the_demo_speaks_201() -> None:
    versions = [station.ocpp for station in load_fleet().stations]
    assert (versions.count("2.0.1"), versions.count("1.6")) == (4, 8)


def test_every_quirk_is_played_somewhere_in_the_demo() -> None:
    played = {quirk for station in load_fleet().stations for quirk in station.quirks}
    assert played == set(get_args(Quirk))


def test_a_busier_fleet_has_more_cars_and_more_outages() -> None:
    fleet, busier = load_fleet(), load_fleet().busier(traffic=3, trouble=10)
    assert busier.stations[0].sessions_per_day == 3 * fleet.stations[0].sessions_per_day
    assert busier.outages[0].per_day == 10 * fleet.outages[0].per_day
    assert busier.outages[0].minutes == fleet.outages[0].minutes


def test_the_first_stations_can_be_played_alone() -> None:
    assert load_fleet().first(3).stations == load_fleet().stations[:3]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('owner = "addis"', 'owner = "nobody"', "no owner has the key nobody"),
        ("power_kw = 120", "power_kw = -1", "stations.0.connectors.0.power_kw"),
        ('place = "public"', 'place = "moon"', "stations.0.place"),
        ("trouble = 0.6", "truoble = 0.6", "stations.0.truoble"),
        ('error_code = "GroundFailure"', 'error_code = "Gremlins"', "outages.1.error_code"),
        ('ocpp = "2.0.1"', 'ocpp = "3.0"', "stations.2.ocpp"),
        ('quirks = ["stop_twice"', 'quirks = ["stops_thrice"', "stations.1.quirks"),
        ('quirks = ["stop_twice"', 'quirks = ["seq_no_zero"', "no quirks of OCPP 1.6: seq_no_zero"),
        ('"boots_on_reconnect"]', '"boots_on_reconnect", "quiet_on_reconnect"]', "is not quiet"),
        ("latitude = 8.9836", "latitude = 90.1", "stations.0.latitude"),
        ("clock_skew = -95", "clock_skew = nan", "stations.3.clock_skew"),
        ("[arrivals.highway]", "[arrivals.moon]", "arrivals.moon"),
        ("weekday = [0, ", "weekday = [", "arrivals.workplace.weekday"),
        ("drivers = 900", "drivers = [", "cannot be read"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    with pytest.raises(FleetError, match=named):
        load_fleet(changed(tmp_path, old, new))


@pytest.mark.parametrize("old", ["latitude = 8.9836", "longitude = 38.7963"])
def test_a_network_may_be_south_of_the_equator_and_west_of_greenwich(tmp_path: Path, old: str) -> None:
    there = load_fleet(changed(tmp_path, old, old.replace("= ", "= -"))).stations[0]
    assert (there.latitude < 0) != (there.longitude < 0)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"none\.toml cannot be read"):
        load_fleet(tmp_path / "none.toml")


@pytest.mark.parametrize("asked", ["--stations -3", "--stations 0", "--traffic nan", "--trouble much"])
def test_numbers_that_play_nothing_are_refused(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(asked.split())
    assert "invalid" not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--diary", "--memory"])
def test_a_file_that_cannot_be_had_is_told(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simulator.__main__.logs.configure", lambda _level: None)
    (tmp_path / "file").touch()
    taken = tmp_path if option == "--diary" else tmp_path / "file"
    assert main(["--memory", str(tmp_path / "memory"), option, str(taken)]) == 2
    assert str(taken) in capsys.readouterr().err
