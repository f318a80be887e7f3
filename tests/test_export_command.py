"""`manage.py export`: a file, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import factories
import pytest
from sqlalchemy import Engine

import manage
from db.engine import writing
from ocpp_integration.exports import files

NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
Command = Callable[..., int]


@pytest.fixture
def export(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command on a store with one session at each of two owners."""
    monkeypatch.setenv("DATABASE_URL", engine.url.render_as_string(hide_password=False))
    with writing(engine) as store:
        for name in ("Mine", "Theirs"):
            station = factories.add_station(store, factories.add_owner(store, f"Owner of {name}"), name)
            factories.add_session(store, station, NOON)

    def run(name: str, output: Path, *more: str) -> int:
        return manage.main(["export", name, "--output", str(output), *more])

    return run


def test_a_table_is_written_and_its_size_told(
    export: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sessions.csv"
    assert export("sessions", file) == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == 3
    assert capsys.readouterr().out == f"Wrote {file} ({file.stat().st_size:,} bytes).\n"


def test_the_file_holds_the_stations_of_the_owner_that_is_named(export: Command, tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"
    assert export("sessions", file, "--owner", "Owner of Mine") == 0
    assert ("Mine" in file.read_text(), "Theirs" in file.read_text()) == (True, False)


@pytest.mark.parametrize(
    ("days", "rows"),
    [
        (("--from", "2025-06-10", "--to", "2025-06-10"), 2),
        (("--from", "2025-06-11"), 0),
        (("--quarter", "2025-Q2"), 2),
        (("--quarter", "2025-Q3"), 0),
    ],
)
def test_the_file_holds_the_days_that_are_named(
    export: Command, tmp_path: Path, days: tuple[str, ...], rows: int
) -> None:
    assert export("sessions", tmp_path / "s.csv", *days) == 0
    assert len((tmp_path / "s.csv").read_text().splitlines()) == rows + 1


def test_objects_are_written_as_json(export: Command, tmp_path: Path) -> None:
    file = tmp_path / "cdrs.json"
    assert export("ocpi-cdrs", file, "--format", "json", "--station", "STATION_MINE") == 0
    assert len(json.loads(file.read_text())) == 1


def test_a_file_that_is_there_is_replaced_only_by_force(
    export: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text("precious")
    assert export("sessions", file) == 1
    assert (file.read_text(), "--force" in capsys.readouterr().err) == ("precious", True)
    assert export("sessions", file, "--force") == 0
    assert "precious" not in file.read_text()


def test_what_fails_on_the_way_leaves_no_file_and_the_old_one_as_it_was(
    export: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(_table: Any) -> Any:
        yield b"half"
        raise RuntimeError("the disk is full")

    monkeypatch.setitem(files.FORMATS, "csv", files.Format("text/csv", half))
    file = tmp_path / "sessions.csv"
    with pytest.raises(RuntimeError):
        export("sessions", file)
    assert list(tmp_path.glob("*sessions*")) == []
    file.write_text("precious")
    with pytest.raises(RuntimeError):
        export("sessions", file, "--force")
    assert [each.read_text() for each in tmp_path.glob("*sessions*")] == ["precious"]


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("sessions", ("--format", "json"), "made as csv, xlsx, parquet"),
        ("sessions", ("--owner", "Nobody"), "no owner is called Nobody"),
        ("sessions", ("--station", "NONE"), "no station NONE"),
        ("sessions", ("--station", "STATION_MINE", "--owner", "Owner of Theirs"), "no station STATION_MINE"),
        ("sessions", ("--from", "2025-06-10", "--to", "2025-06-09"), "comes before"),
        ("sessions", ("--quarter", "2025"), "written like"),
        ("meter-values", (), "name its transaction id"),
        ("meter-values", ("--transaction", "99"), "no session 99"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    export: Command,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    more: tuple[str, ...],
    said: str,
) -> None:
    assert export(name, tmp_path / "file", *more) == 1
    told = capsys.readouterr().err
    assert (said in told, told.count("\n"), list(tmp_path.glob("*file*"))) == (True, 1, [])


def test_a_folder_that_is_not_there_is_refused_in_one_line(
    export: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("sessions", tmp_path / "none" / "file.csv") == 1
    assert "cannot be written to" in capsys.readouterr().err
