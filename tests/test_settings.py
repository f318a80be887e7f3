"""Settings: read once, at a process's entry, and refused in plain words."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest

import settings as configuration
from settings import ConfigurationError, Settings, load


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.env"
    path.write_text(text)
    return path


def _refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(_file(tmp_path, text))
    return str(caught.value)


def test_everything_has_a_default_that_works() -> None:
    assert load(None).ocpp_settings == {
        "BASE_URL": "http://127.0.0.1:8000",
        "WEBSOCKET_URL": "ws://127.0.0.1:8000/ws/ev-locator/",
        "WEBHOOK_URL": "http://127.0.0.1:8080/api/ocpp/webhook/",
        "API_KEY": None,
        "TIMEOUT": 30,
        "RETRY_ATTEMPTS": 3,
    }


def test_addresses_follow_the_ports() -> None:
    settings = load(None, ocpp_backend_port=9001, receiver_port=9002)
    assert (settings.ocpp_base_url, settings.ocpp_webhook_url) == (
        "http://127.0.0.1:9001",
        "http://127.0.0.1:9002/api/ocpp/webhook/",
    )


def test_an_ipv6_address_is_in_brackets_in_urls() -> None:
    settings = load(None, host="::1")
    assert (settings.receiver_url, settings.dashboard_url, settings.ocpp_websocket_url) == (
        "http://[::1]:8080",
        "http://[::1]:8501",
        "ws://[::1]:8000/ws/ev-locator/",
    )


@pytest.mark.parametrize(("host", "own"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])  # noqa: S104
def test_what_listens_everywhere_is_reached_here(host: str, own: str) -> None:
    assert load(None, host=host).receiver_url == f"http://{own}:8080"


def test_an_address_that_is_set_stays() -> None:
    assert load(None, ocpp_base_url="https://ocpp.example/root/").ocpp_base_url == "https://ocpp.example/root"


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_INTERVAL", "7")
    assert load(_file(tmp_path, "METER_INTERVAL=9\nHEARTBEAT_INTERVAL=11")).meter_interval == 7


def test_the_file_comes_before_the_defaults(tmp_path: Path) -> None:
    assert load(_file(tmp_path, "HEARTBEAT_INTERVAL=11")).heartbeat_interval == 11


def test_an_empty_value_is_as_good_as_none(tmp_path: Path) -> None:
    assert load(_file(tmp_path, "HEARTBEAT_INTERVAL=\nOCPP_API_KEY=")).heartbeat_interval == 60


def test_a_file_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path / "none.env").heartbeat_interval == 60


def test_every_wrong_setting_is_named_in_a_line_of_its_own(tmp_path: Path) -> None:
    lines = _refusal(tmp_path, "DASHBOARD_PORT=90000\nCURRENCY=birr\nTIMEZONE=Addis").splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["DASHBOARD_PORT", "TIMEZONE", "CURRENCY"]


@pytest.mark.parametrize("told", ["60", "*/5 * * * *", '"*/5 * * * *"'])
def test_a_schedule_is_seconds_or_a_cron_expression(tmp_path: Path, told: str) -> None:
    assert str(load(_file(tmp_path, f"SYNC_SCHEDULE={told}")).sync_schedule) == told.strip('"')


def test_a_schedule_that_cannot_be_read_says_how_it_is_written(tmp_path: Path) -> None:
    said = _refusal(tmp_path, "SYNC_SCHEDULE=* * * *")
    assert "SYNC_SCHEDULE" in said and "five fields" in said and '"*/5 * * * *"' in said


def test_a_refusal_names_the_file(tmp_path: Path) -> None:
    assert "settings.env" in _refusal(tmp_path, "DASHBOARD_PORT=x")


def test_a_refusal_does_not_tell_the_value(tmp_path: Path) -> None:
    assert "hunter2" not in _refusal(tmp_path, "OCPP_TIMEOUT=hunter2")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.env"
    path.write_bytes(b"CURRENCY=\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(path)


@pytest.mark.parametrize("name", sorted(n for n, f in Settings.model_fields.items() if "Secret" in str(f)))
def test_a_secret_is_not_told_by_its_settings(name: str) -> None:
    settings = load(None, **{name: "hunter2"})
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("name", sorted(name for name in Settings.model_fields if name.endswith("_url")))
def test_the_password_of_an_address_is_a_secret(name: str) -> None:
    settings = load(None).model_copy(update={name: "postgresql://app:hunter%402@store/x"})
    assert {"hunter%402", "hunter@2"} <= set(settings.secrets)


def test_several_webhook_secrets_hold_while_one_is_rotated() -> None:
    assert load(None, webhook_secret="whsec_b whsec_a").webhook_secrets == ("whsec_b", "whsec_a")


def test_without_a_webhook_secret_there_is_none() -> None:
    assert load(None).webhook_secrets == ()


def test_a_charge_point_is_offline_after_three_heartbeats() -> None:
    assert load(None, heartbeat_interval=20).offline_after == 60


def test_nothing_listens_beyond_this_machine_unless_told() -> None:
    assert load(None).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("listed", "networks"),
    [("", []), ("10.0.0.1, 2001:db8::/32", ["10.0.0.1/32", "2001:db8::/32"]), ("*", ["0.0.0.0/0", "::/0"])],
)
def test_proxies_are_addresses_and_networks(listed: str, networks: list[str]) -> None:
    assert list(map(str, load(None, forwarded_allow_ips=listed).proxies)) == networks


def test_a_proxy_that_is_no_address_is_refused(tmp_path: Path) -> None:
    assert "FORWARDED_ALLOW_IPS" in _refusal(tmp_path, "FORWARDED_ALLOW_IPS=proxy.example")


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_setting_is_read_by_somebody() -> None:
    root, named = configuration.ROOT, re.compile(r"\.(\w+)")
    read: set[str] = set()
    for folder in root.glob("*/__init__.py"):
        if folder.parent.name != "tests":
            read.update(*(named.findall(path.read_text("utf-8")) for path in folder.parent.rglob("*.py")))
    read.update(named.findall((root / "log.py").read_text("utf-8")))
    # Some are read by way of a property.
    for name, member in vars(Settings).items():
        if name in read and isinstance(member, property):
            read.update(named.findall(inspect.getsource(member.fget)))  # type: ignore[arg-type]
    assert Settings.model_fields.keys() - read == set()


@pytest.mark.parametrize("document", [".env.example", "README.md"])
def test_every_setting_is_documented(document: str) -> None:
    path = configuration.ROOT / document
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert [name.upper() for name in Settings.model_fields if name.upper() not in text] == []


def test_the_example_holds_no_setting_that_is_none() -> None:
    path = configuration.ROOT / ".env.example"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = (line.removeprefix("#").strip() for line in text.splitlines())
    names = {line.split("=")[0].strip() for line in lines if "=" in line and line.split("=")[0].isupper()}
    assert {name for name in names if name.lower() not in Settings.model_fields} == set()


@pytest.mark.parametrize(
    "address", ["mengedmate.example", "ftp://x", "https://", "http://user:pw@x/", "http://x/?a=1"]
)
def test_an_address_of_the_platform_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    assert "MENGEDMATE_URL" in _refusal(tmp_path, f"MENGEDMATE_URL={address}")
