"""What the command line says to what cannot be: a sentence, never a traceback."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from sqlalchemy import Engine

import manage
from management.exports import ExportRefused, replacing

HUGE = "9" * 23


@pytest.mark.parametrize(
    "asked",
    [
        f"revoke-token {HUGE}",
        f"retry-event {HUGE}",
        f"accept-session {HUGE} --reason x",
        f"export meter-values --output x --transaction {HUGE}",
        f"tariffs assign x --station x --connector {HUGE}",
        f"tariffs end {HUGE}",
        f"revoke-exclusion {HUGE} --by admin",
        f"statements show {HUGE}",
        f"receipt {HUGE} --output x",
        "statements issue --month 9999-12",
        "rollup --from 0001-01-01 --to 0001-01-02",
        "rollup --from 31.3.2026",
        "export kpi-series --output x --from 2026-02-30",
        "add-exclusion X --from 0001-01-01T00:00 --to 9999-12-31T23:59 --reason vandalism --by admin",
        "tariffs end 1 --at noon",
    ],
)
def test_what_no_store_can_hold_is_refused_before_the_store_is_asked(
    asked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        manage.main(asked.split())
    assert ended.value.code == 2
    assert "invalid" not in capsys.readouterr().err.splitlines()[-1]


def test_a_store_that_lacks_its_tables_is_a_sentence_and_where_to_look(
    blank: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", blank.url.render_as_string(hide_password=False))
    assert manage.main(["list-users"]) == 1
    said = capsys.readouterr().err
    assert "The store failed" in said and "users" in said and "SELECT" not in said


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://root@localhost/x", "DATABASE_URL: sqlite:///FILE or postgresql"),
        ("store.db", "DATABASE_URL: sqlite:///FILE or postgresql"),
        ("sqlite:///{file}/store.db", "Run this as the user that runs the processes"),
    ],
)
def test_a_store_that_cannot_be_had_is_told_with_the_mend(
    url: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DATABASE_URL", url.format(file=tmp_path / "file"))
    assert manage.main(["list-users"]) == 1
    assert says in capsys.readouterr().err


def test_a_disk_that_is_full_is_told_with_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "backup.tar.gz")

    monkeypatch.setattr("management.commands.data.backup.back_up", full)
    assert manage.main(["backup", "backup.tar.gz"]) == 1
    assert capsys.readouterr().err == "backup.tar.gz: No space left on device\n"


@pytest.mark.parametrize("is_there", [False, True])
def test_a_file_is_written_where_files_have_one_name_only_such_as_on_a_memory_stick(
    is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hardlink_to(_self: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", hardlink_to)
    output = tmp_path / "sessions.csv"
    if not is_there:
        with replacing(output, force=False) as file:
            file.write(b"new")
    else:
        with pytest.raises(ExportRefused, match="meanwhile"), replacing(output, force=False):
            output.write_bytes(b"theirs")
    assert output.read_bytes() == (b"theirs" if is_there else b"new")
    assert list(tmp_path.iterdir()) == [output]


def test_a_folder_and_a_full_disk_are_told_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="is a folder"), replacing(tmp_path, force=True):
        pass
    with (
        pytest.raises(ExportRefused, match="No space left"),
        replacing(tmp_path / "x.csv", force=False) as file,
    ):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
