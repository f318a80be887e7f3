"""The way in: `.env`, ports, the doctor, users and tokens, the demo, the list of commands."""

from __future__ import annotations

import base64
import getpass
import io
import logging
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import factories
import pytest
import requests
from locator import reply, running_locator
from mengedmate import OWN, running_platform
from sqlalchemy import Engine, create_engine, func, select, update

import manage
from db import accounts, job_runs, job_schedules, rollups
from db.access import AccessError, api_token, authenticate
from db.engine import reading, writing
from db.job_runs import Ending
from db.job_schedules import Expected
from db.models import (
    BackendState,
    ChargingSession,
    JobRun,
    JobSchedule,
    OCPPConnector,
    SessionMeterValue,
    User,
    utc_now,
)
from jobs.work import all_jobs
from management import cli, demo, doctor, environment, jobs, people, processes
from management.commands import access
from management.table import print_table
from ocpp_backend import keys, stations
from ocpp_backend.engine import open_engine
from ocpp_integration.backend import BackendClient
from schedule import Schedule
from settings import ROOT, ConfigurationError, Settings, load
from simulator.fleet import load_fleet
from simulator.keys import load_keys
from tests.factories import add_owner, add_station, make_store


def _settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type, call-arg]


def test_a_new_env_file_has_fresh_secrets_and_is_its_owners_only(tmp_path: Path) -> None:
    first, second = tmp_path / "a.env", tmp_path / "b.env"
    assert environment.write_env(first)
    assert environment.write_env(second)
    secrets = [load(path).webhook_secrets for path in (first, second)]
    assert secrets[0] and secrets[1] and secrets[0] != secrets[1]
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_a_port_given_to_the_first_command_holds_for_those_that_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_PORT", "9080")
    environment.write_env(tmp_path / ".env")
    monkeypatch.delenv("RECEIVER_PORT")
    assert load(tmp_path / ".env").receiver_port == 9080


def test_an_env_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("HOST=127.0.0.2\n")
    assert not environment.write_env(path)
    assert path.read_text() == "HOST=127.0.0.2\n"


def test_a_broken_env_file_names_the_setting_and_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("DASHBOARD_PORT=eighty\nTIMEZONE=Mars/Base\n")
    with pytest.raises(ConfigurationError) as refusal:
        load(path)
    assert "DASHBOARD_PORT" in str(refusal.value)
    assert "TIMEZONE" in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_port_in_use_is_named_with_the_setting_that_moves_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"RECEIVER_PORT={port} is in use"):
            processes.check_ports(_settings(receiver_port=port))


def test_an_address_of_another_machine_is_not_told_as_a_port_in_use() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        processes.check_ports(_settings(host="192.0.2.1"))
    assert str(refusal.value).startswith("HOST=192.0.2.1 is no address of this machine")


def test_the_doctor_finds_lines_of_the_env_file_that_set_nothing(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# A=b\nHOST=127.0.0.1\nRECIEVER_PORT=9080\nPGPASSWORD=x\nDASHBOARD_PORT 8501\n")
    assert [finding.message for finding in doctor._env_file(path) if not finding.good] == [
        "line 3 sets RECIEVER_PORT, which is no setting; RECEIVER_PORT is",
        "line 5 is not NAME=value: DASHBOARD_PORT 8501",
    ]


def test_a_python_without_the_packages_is_told_which_to_run() -> None:
    ended = subprocess.run(
        [sys.executable, "-S", "manage.py", "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "make install" in ended.stderr and "Traceback" not in ended.stderr


def test_a_store_that_does_not_answer_is_not_healthy_yet(tmp_path: Path) -> None:
    settings = _settings(database_url=f"sqlite:///{tmp_path / 'not made yet.db'}")
    assert not processes.jobs_ran_since(settings, utc_now())
    assert not processes.has_synced(settings)


def test_virtual_charge_points_are_played_only_where_their_stations_are(tmp_path: Path) -> None:
    settings = _settings(database_url=f"sqlite:///{tmp_path / 'store.db'}")
    engine = make_store(tmp_path)
    without = processes.commands_of(processes.PROCFILE, settings)
    assert "simulator" not in without and "backend" in without
    with writing(engine) as store:
        played = load_fleet(settings.simulator_fleet).stations[3].station_id
        add_station(store, add_owner(store), station_id=played)
    assert "simulator" in processes.commands_of(processes.PROCFILE, settings)
    engine.dispose()


def test_virtual_charge_points_wait_for_the_end_of_a_sync(tmp_path: Path) -> None:
    settings = _settings(database_url=f"sqlite:///{tmp_path / 'store.db'}")
    engine = make_store(tmp_path)
    assert not processes.has_synced(settings)
    now = utc_now()
    with writing(engine) as store:
        store.add(JobRun(job="sync", slot=now, started_at=now))
    assert not processes.has_synced(settings)
    with writing(engine) as store:
        store.execute(update(JobRun).values(ended_at=now))
    assert processes.has_synced(settings)
    engine.dispose()


def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    settings = _settings(
        database_url=f"sqlite:///{tmp_path / 'store.db'}",
        receiver_port=free,
        dashboard_port=free,
        ocpp_backend_port=free,
    )
    monkeypatch.setattr(doctor, "load", lambda: settings)
    findings = {finding.subject: finding for finding in doctor.examine()}
    assert findings["python"].good
    assert "manage.py migrate" in findings["store"].message
    assert "manage.py init" in findings["WEBHOOK_SECRET"].message
    assert "python -m webhook_receiver" in findings["receiver"].message


def test_the_doctor_finds_a_clock_that_went_back_and_a_disk_that_is_full(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backend = f"sqlite:///{tmp_path / 'backend.db'}"
    url = engine.url.render_as_string(hide_password=False)
    settings = _settings(database_url=url, ocpp_backend_database_url=backend)
    assert [finding.good for finding in doctor._clock(settings)] == [True]
    with writing(engine) as store:
        store.add(JobSchedule(job="apply", next_due=utc_now(), updated_at=utc_now() + timedelta(days=400)))
    (finding,) = doctor._clock(settings)
    assert not finding.good and "set it by NTP" in finding.message
    monkeypatch.setattr(doctor, "LEAST_FREE", 10**18)
    assert {(finding.good, finding.subject) for finding in doctor._disk(settings)} == {(False, "disk")}


@pytest.mark.parametrize("told", ["not a date", "Tue, 10 Mar 2026 12:00:00 -0000"])
def test_the_doctor_goes_on_whatever_date_a_foreign_backend_tells(
    told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = requests.Response()
    response.status_code, response.headers["Date"] = 200, told
    monkeypatch.setattr(requests, "get", lambda *_, **__: response)
    found = list(doctor._reachable("backend", "http://backend.example/healthz", "python -m ocpp_backend"))
    # The one clock is found to be wrong, of the other nothing is known.
    assert [finding.good for finding in found] == ([True] if told == "not a date" else [True, False])


def test_the_doctor_says_since_when_the_backend_is_down_and_which_stations_it_refuses(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    with writing(engine) as store:
        station = add_station(store, add_owner(store), station_id="STATION_7")
        station.sync_error, station.sync_failed_at = "latitude: too far north", noon
        store.add(BackendState(id=1, down_since=noon, last_error="It gave no answer in time."))
    url = engine.url.render_as_string(hide_password=False)
    monkeypatch.setattr(
        doctor, "load", lambda: _settings(database_url=url, ocpp_base_url="http://127.0.0.1:1")
    )
    findings = {finding.subject: finding for finding in doctor.examine()}
    down, refused = findings["calls to the backend"], findings["STATION_7"]
    assert "down since 2026-03-10 12:00 UTC: It gave no answer in time." in down.message
    assert "(2026-03-10 12:00 UTC): latitude: too far north" in refused.message
    assert not down.good and not refused.good


def test_an_owners_user_can_sign_in_and_has_an_owner(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    people.add_user(
        engine,
        user_name="selam",
        role="owner",
        password="long enough 1",
        name="Selam",
        owner="Addis",
        new_owner=True,
    )
    with reading(engine) as store:
        user = authenticate(store, "selam", "long enough 1")
        assert user is not None and user.owner is not None and user.owner.name == "Addis"


def test_a_short_password_makes_no_user(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    with pytest.raises(AccessError):
        people.add_user(engine, user_name="x", role="admin", password="short", name="", owner=None)
    with reading(engine) as store:
        assert store.scalar(select(func.count()).select_from(User)) == 0


def test_a_token_works_and_is_not_stored(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    people.add_user(engine, user_name="admin", role="admin", password="long enough 1", name="", owner=None)
    token = people.add_token(engine, user_name="admin", name="test", days=1)
    with reading(engine) as store:
        found = api_token(store, token, datetime.now(UTC))
        assert found is not None and found.user.user_name == "admin"
        assert found.token_hash != token


@pytest.fixture(autouse=True)
def _hooks() -> Iterator[None]:
    """The command line sets hooks for what nobody foresaw; pytest wants its own back."""
    hooks = sys.excepthook, threading.excepthook
    yield
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(False)


@pytest.fixture
def commanded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A store that the command line works on, with an admin and one token of hers."""
    monkeypatch.setattr(access, "load", _settings)
    monkeypatch.setattr(access, "engine_of", lambda _settings: engine)
    monkeypatch.setenv("NEW_USER_PASSWORD", "long enough 1")
    assert manage.main(["create-user", "admin", "--role", "admin"]) == 0
    assert manage.main(["create-token", "admin", "--name", "first", "--days", "30"]) == 0
    return engine


def test_tokens_are_listed_with_whose_they_are_and_until_when(
    commanded: Engine,  # noqa: ARG001 - its rows are listed
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert manage.main(["list-tokens", "--user", "admin"]) == 0
    heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == ["number", "name", "user", "role", "state", "created", "expires", "last", "used"]
    assert row.split()[1:5] == ["first", "admin", "admin", "active"]
    assert row.split()[-1] == "never"


def test_a_token_is_revoked_by_its_number(commanded: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["create-token", "admin", "--name", "second"]) == 0
    token = capsys.readouterr().out.strip()
    with reading(commanded) as store:
        found = api_token(store, token, datetime.now(UTC))
        assert found is not None
    assert manage.main(["revoke-token", str(found.id)]) == 0
    with reading(commanded) as store:
        assert api_token(store, token, datetime.now(UTC)) is None
    assert manage.main(["list-tokens"]) == 0
    assert "second" not in capsys.readouterr().out
    assert manage.main(["list-tokens", "--all"]) == 0
    assert "revoked" in capsys.readouterr().out


def test_what_is_not_there_is_refused_in_one_line(
    commanded: Engine,  # noqa: ARG001 - nothing of that name is in it
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    for command in (["revoke-token", "99"], ["deactivate-user", "nobody"], ["set-password", "nobody"]):
        assert manage.main(command) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_statistics_are_made_anew_from_the_first_day_on(
    commanded: Engine,  # noqa: ARG001 - nothing is done to it
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert manage.main(["rollup", "--from", "2026-03-01", "--to", "2026-02-01"]) == 1
    assert "comes before the first" in capsys.readouterr().err


def test_a_fee_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.main(["statements", "fee", "--owner", "Selam Charging", "--percent", "nan"])
    assert "a number like 7.5" in capsys.readouterr().err


def test_a_new_password_is_taken_from_no_argument(commanded: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_USER_PASSWORD", "another long one")
    assert manage.main(["set-password", "admin"]) == 0
    with reading(commanded) as store:
        assert authenticate(store, "admin", "another long one") is not None


def test_a_deactivated_user_is_listed_as_such(commanded: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["create-user", "driver", "--role", "driver"]) == 0
    assert manage.main(["deactivate-user", "driver"]) == 0
    capsys.readouterr()
    assert manage.main(["list-users"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[-3] for line in told[1:]] == ["active", "deactivated"]
    with reading(commanded) as store:
        assert authenticate(store, "driver", "long enough 1") is None


def test_a_deactivated_user_comes_back(commanded: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["create-user", "driver", "--role", "driver"]) == 0
    assert manage.main(["deactivate-user", "driver"]) == 0
    assert manage.main(["set-password", "driver"]) == 0
    assert "activate-user" in capsys.readouterr().err
    assert manage.main(["activate-user", "driver"]) == 0
    with reading(commanded) as store:
        assert authenticate(store, "driver", "long enough 1") is not None


def test_who_starts_an_empty_store_is_told_how_to_get_in(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    assert "create-user" in people.way_in(engine)
    people.add_user(engine, user_name="admin", role="admin", password="long enough 1", name="", owner=None)
    assert people.way_in(engine) == ""
    engine.dispose()


def test_an_owner_that_is_mistyped_is_not_made(commanded: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["create-user", "selam", "--role", "owner", "--owner", "Addis"]
    assert manage.main([*command, "--new-owner"]) == 0
    assert manage.main(["create-user", "dawit", "--role", "owner", "--owner", "Adis"]) == 1
    assert "no owner is called 'Adis' (known are Addis)" in capsys.readouterr().err
    with reading(commanded) as store:
        assert accounts.list_owners(store) == ["Addis"]


def test_a_password_is_taken_from_standard_input(
    commanded: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NEW_USER_PASSWORD")
    monkeypatch.setattr(sys, "stdin", io.StringIO("piped password\n"))
    assert manage.main(["set-password", "admin"]) == 0
    assert manage.main(["set-password", "admin"]) == 1
    assert capsys.readouterr().err == "no password: give it on standard input, or set NEW_USER_PASSWORD\n"
    with reading(commanded) as store:
        assert authenticate(store, "admin", "piped password") is not None


@pytest.mark.parametrize(("again", "code"), [("typed password", 0), ("typed pasword", 1)])
def test_a_password_is_typed_twice(
    commanded: Engine, monkeypatch: pytest.MonkeyPatch, again: str, code: int
) -> None:
    typed = iter(("typed password", again))
    monkeypatch.delenv("NEW_USER_PASSWORD")
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(typed))
    assert manage.main(["set-password", "admin"]) == code
    with reading(commanded) as store:
        assert (authenticate(store, "admin", "typed password") is not None) == (code == 0)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_key_of_a_station_that_is_not_known_is_made_with_a_word_of_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'backend.db'}"
    monkeypatch.setattr("management.commands.access.load", lambda: _settings(ocpp_backend_database_url=url))
    assert manage.main(["create-station-key", "STATION_7"]) == 0
    told = capsys.readouterr()
    assert len(told.out.strip()) == 40 and "Keys may be made in advance" in told.err
    assert "None elsewhere reaches that" in told.err
    backend = open_engine(url)
    with backend.execution_options(writes=True).begin() as db:
        stations.sync(db, "STATION_7", {}, (), datetime.now(UTC))
    backend.dispose()
    assert manage.main(["create-station-key", "STATION_7"]) == 0
    assert "in advance" not in capsys.readouterr().err


def test_users_are_listed_with_the_id_that_the_rest_api_takes(
    commanded: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert manage.main(["list-users"]) == 0
    with reading(commanded) as store:
        admin = store.scalars(select(User)).one()
    assert capsys.readouterr().out.splitlines()[1].split()[-1] == str(admin.id)


def test_a_name_cannot_move_the_cursor_of_who_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [("\x1b[2J",)])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("days", ["0", "-1", "soon"])
def test_a_token_cannot_end_before_it_begins(days: str) -> None:
    with pytest.raises(SystemExit):
        manage.main(["create-token", "admin", "--days", days])


@pytest.mark.parametrize(
    "command",
    ["list-events --limit -1", "list-quarantine --limit 0", "billing-audit --days -1", "demo --days -1"],
)
def test_what_is_less_than_none_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.main(command.split())
    assert ": from " in capsys.readouterr().err


@pytest.fixture(scope="module")
def demo_store(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("demo")
    engine = make_store(folder)
    settings = _settings(
        demo_password="a demo password",
        simulator_keys=folder / "keys.json",
        ocpp_backend_database_url=f"sqlite:///{folder / 'backend.db'}",
    )
    assert demo.create(engine, settings, days=20)
    return engine, settings


def test_the_demo_is_made_once(demo_store) -> None:  # type: ignore[no-untyped-def]
    engine, settings = demo_store
    assert not demo.create(engine, settings, days=20)


def test_only_logins_that_work_are_told(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    url = engine.url.render_as_string(hide_password=False)
    settings = _settings(database_url=url, demo_password="a demo password")
    for name, password in (("admin", "a demo password"), ("selam", "another password")):
        people.add_user(engine, user_name=name, role="admin", password=password, name="", owner=None)
    told = demo.welcome(settings)
    logins, changed = told.split("Changed since the demo was made")
    assert "admin    sees all stations" in logins
    assert "selam" in changed and "selam  " not in logins


def test_a_demo_is_not_mixed_with_ones_own_stations(tmp_path: Path) -> None:
    engine = make_store(tmp_path)
    with writing(engine) as store:
        add_station(store, add_owner(store))
    with pytest.raises(ConfigurationError, match="a folder of its own"):
        demo.create(engine, _settings(demo_password="a demo password"), days=1)
    with reading(engine) as store:
        assert store.scalar(select(func.count()).select_from(ChargingSession)) == 0
    engine.dispose()


def test_each_charge_point_of_the_demo_has_a_key_that_the_backend_takes(
    demo_store,  # type: ignore[no-untyped-def]
) -> None:
    _, settings = demo_store
    known = load_keys(settings.simulator_keys)
    assert known.keys() == {station.station_id for station in load_fleet().stations}
    assert stat.S_IMODE(settings.simulator_keys.stat().st_mode) == 0o600
    backend = create_engine(settings.ocpp_backend_database_url)
    with backend.connect() as db:
        for station_id, key in known.items():
            sent = base64.b64encode(f"{station_id}:{key}".encode()).decode()
            held = keys.hash_of(db, station_id)
            assert held is not None
            assert keys.objection(f"Basic {sent}", station_id, held) is None


def test_keys_of_the_demo_are_made_anew_only_where_their_file_is_gone(
    demo_store,  # type: ignore[no-untyped-def]
) -> None:
    engine, settings = demo_store
    first = load_keys(settings.simulator_keys)
    demo.create(engine, settings, days=20)
    assert load_keys(settings.simulator_keys) == first
    settings.simulator_keys.unlink()
    demo.create(engine, settings, days=20)
    assert load_keys(settings.simulator_keys).keys() == first.keys()
    assert load_keys(settings.simulator_keys) != first


def test_the_demos_statistics_equal_the_rows_they_sum(demo_store) -> None:  # type: ignore[no-untyped-def]
    engine, _ = demo_store
    with reading(engine) as store:
        first = store.scalars(select(func.min(ChargingSession.start_time))).one()
        today = datetime.now(UTC)
        for day in (first.date(), today.date()):
            assert rollups.stored(store, day, day) == rollups.computed(store, day, day)


def test_a_demo_session_has_the_energy_that_its_meter_values_show(demo_store) -> None:  # type: ignore[no-untyped-def]
    engine, _ = demo_store
    with reading(engine) as store:
        register = SessionMeterValue.measurand == "energy_active_import_register"
        rows = store.execute(
            select(ChargingSession.energy_wh, ChargingSession.meter_start, func.max(SessionMeterValue.value))
            .join(SessionMeterValue, SessionMeterValue.session_id == ChargingSession.id)
            .where(register)
            .group_by(ChargingSession.id)
        ).all()
        assert len(rows) > 100
        assert all(last - begun == energy for energy, begun, last in rows)


def test_every_connector_of_the_demo_has_a_price(demo_store) -> None:  # type: ignore[no-untyped-def]
    engine, _ = demo_store
    with reading(engine) as store:
        connectors = store.scalars(select(OCPPConnector)).all()
        assert len(connectors) > 20
        assert all(c.charging_connector and c.charging_connector.tariff for c in connectors)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        manage.main([command, "--help"])
    assert end.value.code == 0
    assert "usage: manage.py" in capsys.readouterr().out


def test_the_version_is_the_newest_that_the_changelog_tells_of(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        manage.main(["--version"])
    told = re.findall(r"^## (\d+\.\d+\.\d+) ", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert capsys.readouterr().out.strip() == told[0]


def test_the_env_example_lists_every_setting() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {line.partition("=")[0] for line in lines if re.match(r"[A-Z0-9_]+=", line)}
    assert named == {name.upper() for name in Settings.model_fields}


def test_the_doctor_asks_mengedmate_for_its_list() -> None:
    with running_platform() as platform:
        platform.answer(OWN, reply(200, []), reply(401, {}))
        found = [next(doctor._platform(platform.settings())) for _ in range(2)]
    assert [finding.good for finding in found] == [True, False]
    assert "MENGEDMATE_TOKEN" in found[1].message


@pytest.mark.parametrize("lacking", ["mengedmate_url", "mengedmate_token"])
def test_the_doctor_names_the_half_of_mengedmates_settings_that_is_missing(lacking: str) -> None:
    known = {"mengedmate_url": "http://127.0.0.1:1", "mengedmate_token": "t"}
    (finding,) = doctor._platform(_settings(**known | {lacking: None}))
    assert (finding.good, finding.subject) == (False, lacking.upper())


def test_the_doctor_says_nothing_of_mengedmate_where_it_is_not_used() -> None:
    assert list(doctor._platform(_settings())) == []


# Jobs by hand


def _job_settings(engine: Engine) -> Settings:
    return _settings(
        database_url=engine.url.render_as_string(hide_password=False),
        ocpp_base_url="http://127.0.0.1:1",
        ocpp_retry_attempts=0,
    )


@pytest.fixture
def _signals() -> Iterator[None]:
    """What a job by hand does with signals ends with the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _run_by_hand(engine: Engine, name: str) -> tuple[int, str]:
    said: list[str] = []
    code = jobs.run_by_name(_job_settings(engine), engine, name, said.append)
    return code, "\n".join(said)


@pytest.mark.usefixtures("_signals")
def test_a_job_run_by_hand_says_what_became_of_it(engine: Engine) -> None:
    code, said = _run_by_hand(engine, "rollup")
    assert code == 0
    assert re.search(r"rollup: done in [0-9.]+ s, 0 processed, 0 failed", said)


@pytest.mark.usefixtures("_signals")
def test_a_job_by_hand_that_fails_says_why_and_what_to_do(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store))
    code, said = _run_by_hand(engine, "sync")
    assert code == 1
    assert "0 of 1" in said and "sync: failed" in said
    assert "cannot be reached" in said and "Start the OCPP backend" in said


@pytest.mark.usefixtures("_signals")
def test_a_job_by_hand_ends_what_was_told_of_a_backend_that_answers_again(engine: Engine) -> None:
    with writing(engine) as store:
        factories.add_station(store, factories.add_owner(store))
        store.add(BackendState(id=1, down_since=utc_now(), last_error="it was down"))
    with running_locator() as locator:
        locator.answer(reply(200, {"ocpp_websocket": "ws://x"}))
        settings = locator.settings(database_url=engine.url.render_as_string(hide_password=False))
        assert jobs.run_by_name(settings, engine, "sync", lambda _: None) == 0
    with reading(engine) as store:
        assert store.scalars(select(BackendState.down_since)).all() == [None]


@pytest.mark.usefixtures("_signals")
def test_a_job_by_hand_that_is_interrupted_ends_at_its_next_safe_point(engine: Engine) -> None:
    with writing(engine) as store:
        for number in range(3):
            factories.add_station(store, factories.add_owner(store, f"O{number}"), f"S{number}")

    def interrupt(_: str) -> None:
        signal.raise_signal(signal.SIGINT)

    assert jobs.run_by_name(_job_settings(engine), engine, "sync", interrupt) == 130
    with reading(engine) as store:
        assert store.scalars(select(JobRun.state)).all() == ["cancelled"]


@pytest.mark.usefixtures("_signals")
def test_a_job_that_there_is_not_is_refused_with_the_names_of_those_that_are(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="No job is called syn; it is one of apply, sync"):
        _run_by_hand(engine, "syn")


def test_the_list_of_jobs_says_what_ran_and_what_is_late(engine: Engine) -> None:
    minute = Expected("sync", Schedule(seconds=60))
    with writing(engine) as store:
        now = utc_now()
        run_id = job_runs.begin(store, "sync", now, now=now)
        assert run_id
        job_runs.finish(store, run_id, Ending("done", 3), now)
        job_schedules.note_next(store, minute, next_due=now, now=now)
    later = now + timedelta(minutes=5)
    (line,) = (line for line in jobs.table(engine, later).splitlines() if line.startswith("sync"))
    assert "every 60 s" in line and "done, 3 processed, 0 failed" in line and line.endswith("LATE")


def test_every_job_is_in_the_operators_table(engine: Engine) -> None:
    settings = _settings(
        mengedmate_url="http://127.0.0.1:1",
        mengedmate_token="t",
        payment_provider="sandbox",
        chapa_webhook_secret="s",
    )
    table = (ROOT / "docs" / "operations.md").read_text()
    all_of_them = all_jobs(settings, engine, BackendClient(settings))
    assert [job.name for job in all_of_them if f"\n| `{job.name}` | " not in table] == []


def test_the_list_of_jobs_says_how_to_start_a_scheduler(engine: Engine) -> None:
    assert "python -m jobs" in jobs.table(engine)
