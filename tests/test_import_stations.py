"""Stations from files: what changes, what is refused, and what `manage.py import-stations` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import factories
import pytest
from mengedmate import Platform, connector, running_platform, station, station_id
from sqlalchemy import Engine, func, select

import manage
from db import audit
from db.engine import reading, writing
from db.models import AuditEntry, ChargingConnector, ChargingStation, OCPPStation, StationOwner, Tariff
from ocpp_integration import sync
from ocpp_integration.platform.table import COLUMNS
from settings import ROOT

EXAMPLES = ROOT / "docs" / "examples"
HEADER = "station_id,name,owner_name,connector_id,connector_type,power_kw,price_per_kwh"
BOLE = ["BOLE-01,Bole,Addis,1,ccs2,60,10", "BOLE-01,,,2,type2,22,8.5"]


@dataclass
class Command:
    engine: Engine
    folder: Path
    capsys: pytest.CaptureFixture[str]
    errors: str = ""
    code: int = 0

    def run(self, *arguments: str) -> list[str]:
        """The lines that the command printed."""
        self.code = manage.main(arguments)
        out, self.errors = self.capsys.readouterr()
        return out.splitlines()

    def file(self, file: Path, *options: str) -> list[str]:
        return self.run("import-stations", str(file), *options)

    def table(self, *lines: str, header: str = HEADER, options: tuple[str, ...] = ()) -> list[str]:
        return self.file(self.write("stations.csv", "\n".join([header, *lines])), *options)

    def json(self, content: Any, *options: str) -> list[str]:
        return self.file(self.write("stations.json", json.dumps(content)), *options)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def count(self, model: type) -> int:
        with reading(self.engine) as store:
            return store.scalar(select(func.count()).select_from(model)) or 0

    def audited(self) -> list[AuditEntry]:
        with reading(self.engine) as store:
            return audit.newest(store, limit=10)

    def is_untouched(self) -> bool:
        return not any(
            map(self.count, (ChargingStation, ChargingConnector, StationOwner, Tariff, OCPPStation))
        )


@pytest.fixture
def command(
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return Command(engine, tmp_path, capsys)


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with running_platform() as running:
        monkeypatch.setenv("MENGEDMATE_URL", running.url)
        monkeypatch.setenv("MENGEDMATE_TOKEN", "a token")
        yield running


# What changes


def test_a_table_of_a_spreadsheet_has_semicolons_and_decimal_commas(command: Command) -> None:
    header = "station_id;connector_id;connector_type;power_kw;price_per_kwh;latitude"
    assert command.table("BOLE-01;1;type2;22,5;8,50;8,9806", header=header)[2:] == [
        "BOLE-01 connector 1: added, type2, 22.5 kW, 8.50 per kWh",
        "3 changes made.",
    ]
    command.table("BOLE-01;1;type2;22.5;8,50;8,9806", header=header)
    assert "power_kw has a point" in command.errors


def test_a_table_of_connectors_is_stations(command: Command) -> None:
    assert command.table(*BOLE) == [
        "new owner Addis",
        "BOLE-01: new station Bole of Addis",
        "BOLE-01 connector 1: added, ccs2, 60 kW, 10.00 per kWh",
        "BOLE-01 connector 2: added, type2, 22 kW, 8.50 per kWh",
        "4 changes made.",
    ]
    with reading(command.engine) as store:
        row = store.scalars(select(OCPPStation)).one()
        place = row.charging_station
        assert (row.station_id, place.name, place.source, place.timezone) == (
            "BOLE-01",
            "Bole",
            "file",
            "Africa/Addis_Ababa",
        )
        assert sync.stations_to_sync(store, datetime.now(UTC)) == [place.id]


def test_a_dry_run_prints_the_same_and_changes_nothing(command: Command) -> None:
    told = command.table(*BOLE, options=("--dry-run",))
    assert command.is_untouched()
    assert told[-1] == "4 changes would be made; nothing was changed."
    assert told[:-1] == command.table(*BOLE)[:-1]


def test_a_file_imported_twice_changes_nothing(command: Command) -> None:
    command.table(*BOLE)
    assert command.table(*BOLE) == ["Nothing to change."]


def test_a_new_price_is_told_and_is_a_new_version(command: Command) -> None:
    command.table(*BOLE)
    assert command.table("BOLE-01,,,1,,,12") == [
        "BOLE-01 connector 1: price 10.00 per kWh -> 12.00 per kWh",
        "1 change made.",
    ]
    with reading(command.engine) as store:
        prices = list(store.scalars(select(Tariff.price_per_kwh).order_by(Tariff.id)))
    assert prices == [Decimal(10), Decimal("8.5"), Decimal(12)]


def test_an_empty_cell_tells_nothing(command: Command) -> None:
    command.table(*BOLE)
    assert command.table("BOLE-01,,,1,,,", "BOLE-01,,,2,,,") == ["Nothing to change."]


def test_connectors_without_numbers_are_counted(command: Command) -> None:
    told = command.table("A-1,,Addis,,ccs2,60,", "B-1,,Addis,,ccs2,60,", "A-1,,,,type2,22,")
    assert [line for line in told if "connector" in line] == [
        "A-1 connector 1: added, ccs2, 60 kW",
        "A-1 connector 2: added, type2, 22 kW",
        "B-1 connector 1: added, ccs2, 60 kW",
    ]


def test_a_station_without_connectors_is_a_station(command: Command) -> None:
    assert command.table("A-1,,Addis,,,,")[1] == "A-1: new station A-1 of Addis"


def test_options_are_for_what_the_file_does_not_tell(command: Command) -> None:
    options = ("--owner", "Rift", "--timezone", "Africa/Nairobi", "--currency", "KES")
    command.table("A-1,,,1,ccs2,60,30", options=options)
    with reading(command.engine) as store:
        place = store.scalars(select(ChargingStation)).one()
        tariff = place.connectors[0].tariff
        assert (place.owner.name, place.timezone, place.currency) == ("Rift", "Africa/Nairobi", "KES")
        assert tariff is not None and tariff.currency == "KES"


def test_a_platforms_id_makes_the_ocpp_id(command: Command) -> None:
    told = command.table(f"{station_id(1)},Bole", header="id,name")
    assert f"STATION_{station_id(1)}: new station Bole of Imported" in told


def test_a_station_that_sessions_were_imported_for_is_described(command: Command) -> None:
    with writing(command.engine) as store:
        owner = factories.add_owner(store, "Imported")
        factories.add_station(store, owner, "BOLE-01", station_id="BOLE-01", connectors=1)
    told = command.table("BOLE-01,Bole,,1,,120,")
    assert told == [
        "BOLE-01: name BOLE-01 -> Bole",
        "BOLE-01 connector 1: power 60 kW -> 120 kW",
        "2 changes made.",
    ]


def test_what_a_file_does_not_list_stays(command: Command) -> None:
    command.table(*BOLE, "ADAMA-01,Adama,Addis,1,ccs2,60,10")
    assert command.table(BOLE[0]) == ["Nothing to change."]


def test_a_file_that_replaces_deactivates_what_it_does_not_list(command: Command) -> None:
    command.table(*BOLE, "ADAMA-01,Adama,Addis,1,ccs2,60,10")
    assert command.table(BOLE[0], options=("--replace",)) == [
        "BOLE-01 connector 2: deactivated",
        "ADAMA-01: deactivated",
        "2 changes made.",
    ]


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"next": None, "results": rows}])
def test_json_has_the_platforms_shapes(command: Command, wrap: Any) -> None:
    told = command.json(wrap([station(1, connector("17", quantity=2))]))
    assert told[1:4] == [
        f"STATION_{station_id(1)}: new station Station 1 of Addis Charge",
        f"STATION_{station_id(1)} connector 1: added, ccs2, 60 kW, 10.00 per kWh",
        f"STATION_{station_id(1)} connector 2: added, ccs2, 60 kW, 10.00 per kWh",
    ]


def test_json_may_be_one_station(command: Command) -> None:
    assert command.json(station(1))[-1] == "4 changes made."


def test_json_may_have_ocpp_ids_and_numbers_of_its_own(command: Command) -> None:
    told = command.json([station(1, connector(None, connector_id=3), station_id="BOLE-01")])
    assert told[1:3] == [
        "BOLE-01: new station Station 1 of Addis Charge",
        "BOLE-01 connector 3: added, ccs2, 60 kW, 10.00 per kWh",
    ]


def test_a_file_and_then_the_platform_are_the_same_station(command: Command, platform: Platform) -> None:
    command.json([station(1)])
    platform.lists(station(1))
    assert command.run("pull-stations") == [
        f"STATION_{station_id(1)}: kept up by MengedMate, before by a file",
        "1 change made.",
    ]


def test_a_station_imported_with_both_ids_keeps_the_one_set_by_hand(
    command: Command, platform: Platform
) -> None:
    command.table(f"BOLE-01,{station_id(1)},Bole", header="station_id,id,name")
    platform.lists(station(1, connector(7)))
    assert command.run("pull-stations")[2:4] == [
        "BOLE-01: owner Imported -> Addis Charge",
        "BOLE-01: name Bole -> Station 1",
    ]


def test_an_import_is_told_in_the_audit_log_a_dry_run_and_what_changes_nothing_are_not(
    command: Command,
) -> None:
    command.table(*BOLE, options=("--dry-run",))
    command.table(*BOLE, options=("--replace",))
    command.table(*BOLE)
    (entry,) = command.audited()
    assert (entry.action, entry.subject, entry.user_name) == ("import stations", "stations.csv", "")
    assert entry.details["replace"] == "yes" and int(entry.details["changes"]) > 0


# What is refused


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["BOLE-01,Bole,,1,ccs2,-60,10"], "line 2, power_kw is negative: -60"),
        (["BOLE-01,Bole,,1,ccs,60,10"], "line 2, connector_type is none of type1"),
        (["BOLE-01,Bole,,0,ccs2,60,10"], "line 2, connector_id is not a connector's number"),
        (["BOLE-01,Bole,,1,ccs2,60,ten"], "line 2, price_per_kwh is not a price from 0"),
        ([",Bole,,1,ccs2,60,10"], "line 2, station_id is missing"),
        (["BOLE-01,Bole,,1,ccs2,60"], "line 2, has 6 cells, the header has 7"),
        (["BOLE-01,Bole,,1,,,", "BOLE-01,Bole,,1,,,"], "line 3, connector_id 1 is listed twice"),
        (["BOLE-01,Bole,,1,,,", "BOLE-01,,,,ccs2,,"], "line 3, connector_id is missing"),
        (["BOLE-01,Bole,,1,,,", "BOLE-01,Bola,,2,,,"], "line 3, name differs from line 2"),
    ],
)
def test_a_wrong_row_refuses_the_file_and_is_named(command: Command, lines: list[str], error: str) -> None:
    told = command.table("ADAMA-01,Adama,Addis,1,ccs2,60,10", header=HEADER, options=())
    assert told[-1] == "3 changes made."
    before = command.count(ChargingStation)
    command.table(*lines, "NEW-01,New,Addis,1,ccs2,60,10")
    assert (command.code, command.count(ChargingStation)) == (1, before)
    assert error in command.errors
    assert "Traceback" not in command.errors


def test_every_wrong_row_is_named(command: Command) -> None:
    command.table("A-1,,,1,ccs2,-1,-1", "B-1,,,1,ccs,1,1")
    assert [line.strip() for line in command.errors.splitlines()[1:4]] == [
        "line 2, power_kw is negative: -1",
        "line 2, price_per_kwh is not a price from 0 to 1000000: -1",
        "line 3, connector_type is none of type1, type2, ccs1, ccs2, chademo, tesla, other: ccs",
    ]


def test_wrong_stations_are_left_out_where_that_is_asked_for(command: Command) -> None:
    told = command.table(
        "A-1,,Addis,1,ccs2,-1,", "A-1,,,2,ccs2,60,", "B-1,,,1,ccs2,60,", options=("--skip-bad",)
    )
    assert [line for line in told if "A-1" in line] == []
    assert "B-1: new station B-1 of Imported" in told
    assert "Problem: line 2, power_kw is negative: -1" in command.errors
    assert "Left out: 1 station (A-1)." in command.errors


def test_a_station_with_a_wrong_row_is_not_taken_for_gone(command: Command) -> None:
    command.table(*BOLE, "ADAMA-01,Adama,Addis,1,ccs2,60,10")
    told = command.table(BOLE[0], "ADAMA-01,Adama,Addis,1,ccs,60,10", options=("--replace", "--skip-bad"))
    assert told == ["BOLE-01 connector 2: deactivated", "1 change made."]


def test_wrong_json_names_the_station_and_what_is_wrong(command: Command) -> None:
    command.json([station(1), station(2, connector(1, power_kw="x"))])
    assert "station 2 (Station 2, " in command.errors
    assert "connector 1: power_kw is not a number: x" in command.errors
    assert command.is_untouched()


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"station_id,name\n", "lists no station"),
        ("a.csv", b"name,city\nBole,Addis\n", "no column station_id"),
        ("a.csv", b"station_id,name,Name\nA,B,C\n", "More than one column is called name"),
        ("a.csv", b"station_id\n\xff\n", "not UTF-8"),
        ("a.json", b"[", "is no JSON"),
        ("a.json", b"7", "is not a list of stations"),
        ("a.json", b"[]", "lists no station"),
        ("a.json", b'{"results": 7}', "is not a list of stations"),
    ],
)
def test_a_file_that_is_none_is_refused(command: Command, name: str, content: bytes, error: str) -> None:
    path = command.folder / name
    path.write_bytes(content)
    command.file(path)
    assert command.code == 1
    assert error in command.errors


def test_a_file_that_is_not_there_is_refused(command: Command) -> None:
    for name in ("none.csv", "none.json"):
        command.file(command.folder / name)
        assert (command.code, "cannot be read" in command.errors) == (1, True)


def test_a_column_that_is_not_used_is_named(command: Command) -> None:
    command.table("A-1,5", header="station_id,price")
    assert "Columns not used: price." in command.errors


def test_an_option_that_is_wrong_is_refused(command: Command) -> None:
    command.table(*BOLE, options=("--timezone", "Mars/Base"))
    assert (command.code, command.is_untouched()) == (1, True)
    assert "Mars/Base" in command.errors


# Documentation


@pytest.mark.parametrize("name", ["stations.csv", "stations.json"])
def test_the_example_is_imported_as_it_stands(command: Command, name: str) -> None:
    command.file(EXAMPLES / name)
    assert (command.code, command.errors) == (0, "")
    assert command.count(ChargingConnector) >= 3


def test_every_column_is_documented() -> None:
    text = (ROOT / "docs" / "import-format.md").read_text(encoding="utf-8")
    section = text[text.index("# Importing stations") :]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == set(COLUMNS)


# Pulling by hand


def test_a_pull_by_hand_tells_what_changes(command: Command, platform: Platform) -> None:
    platform.lists(station(1, connector(1)))
    told = command.run("pull-stations", "--dry-run")
    untouched = command.is_untouched()
    assert untouched and told[-1] == "3 changes would be made; nothing was changed."
    assert command.run("pull-stations")[:-1] == told[:-1]


def test_a_pull_by_hand_that_is_not_believed_says_how_to_believe_it(
    command: Command, platform: Platform
) -> None:
    platform.lists(station(1))
    command.run("pull-stations")
    platform.lists()
    assert command.run("pull-stations") == ["Nothing to change."]
    assert (command.code, "pull-stations --trust" in command.errors) == (1, True)
    assert command.audited() == []
    assert command.run("pull-stations", "--trust")[0] == f"STATION_{station_id(1)}: deactivated"
    assert "stay connected until their keys are withdrawn" in command.errors
    (entry,) = command.audited()
    assert (entry.action, entry.subject, entry.details) == (
        "pull stations",
        platform.url,
        {"changes": "1", "trust": "yes"},
    )


def test_a_pull_without_an_address_says_which_settings_are_needed(command: Command) -> None:
    command.run("pull-stations")
    assert (command.code, "MENGEDMATE_URL" in command.errors) == (1, True)
