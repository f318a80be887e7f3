"""The files that operators copy name only what there is."""

from __future__ import annotations

import importlib.util
import re
from configparser import RawConfigParser
from pathlib import Path

import pytest

from ocpp_integration.backend import longest_call
from settings import ROOT, Settings, load
from webhook_receiver.batches import MAX_BATCH_BYTES

DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
NGINX = (DEPLOY / "nginx" / "mengedmate.conf").read_text(encoding="utf-8")
CADDY = (DEPLOY / "caddy" / "Caddyfile").read_text(encoding="utf-8")
UNITS = sorted((DEPLOY / "systemd").iterdir())
MODULES = {"ocpp_backend", "webhook_receiver", "jobs", "dashboard"}
PORTS = {"dashboard": "dashboard_port", "receiver": "receiver_port", "backend": "ocpp_backend_port"}


def _unit(path: Path) -> RawConfigParser:
    # systemd lets a key stand twice, as its own parser does not.
    parser = RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    return parser


@pytest.mark.parametrize("name", ["upstreams-one-host.conf", "upstreams-several-hosts.conf"])
def test_the_proxys_upstreams_are_the_default_ports_of_their_processes(name: str) -> None:
    found = re.findall(
        r"upstream mengedmate_(\w+) \{([^}]*)\}", (DEPLOY / "nginx" / name).read_text(encoding="utf-8")
    )
    ports = {upstream: set(re.findall(r"server [\d.]+:(\d+);", body)) for upstream, body in found}
    assert ports == {each: {str(getattr(load(None), port))} for each, port in PORTS.items()}


def test_nginx_passes_to_every_upstream_and_to_no_other() -> None:
    assert set(re.findall(r"proxy_pass http://mengedmate_(\w+);", NGINX)) == PORTS.keys()


def test_caddy_passes_to_the_default_ports() -> None:
    told = re.findall(r"reverse_proxy 127\.0\.0\.1:(\d+)", CADDY)
    assert sorted(told) == sorted(str(getattr(load(None), port)) for port in PORTS.values())


def test_proxies_let_a_batch_of_webhooks_pass() -> None:
    assert MAX_BATCH_BYTES == 4 * 1024**2
    assert "client_max_body_size 4m;" in NGINX and "max_size 4MiB" in CADDY


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_names_where_it_is_copied_to(unit: Path) -> None:
    assert unit.read_text(encoding="utf-8").startswith(f"# /etc/systemd/system/{unit.name}")
    assert _unit(unit).has_section("Unit")


def test_the_guide_enables_every_process_of_the_procfile_but_the_simulator() -> None:
    commands = re.findall(r"python -m (\w+)", (ROOT / "Procfile").read_text(encoding="utf-8"))
    assert set(commands) - {"simulator"} == MODULES
    assert set(re.findall(r"mengedmate@(\w+)", GUIDE)) == MODULES
    assert all(importlib.util.find_spec(f"{module}.__main__") for module in MODULES)


def test_nobody_is_killed_while_a_call_of_the_backend_is_under_way() -> None:
    service = _unit(DEPLOY / "systemd" / "mengedmate@.service")["Service"]
    assert int(service["TimeoutStopSec"]) > longest_call(load(None))


def test_the_environment_for_production_names_settings_only_and_can_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    told = (DEPLOY / "environment.example").read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_0-9]+)=", told, re.MULTILINE)
    assert {name.lower() for name in named} <= Settings.model_fields.keys()
    both = tmp_path / "env"
    for text in (told, re.sub(r"^#(?=[A-Z])", "", told, flags=re.MULTILINE)):
        both.write_text(text, encoding="utf-8")
        assert load(both).public_url == "https://api.charging.example"


def test_every_file_to_copy_is_told_of_in_the_guide() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and path.parent.name != "systemd"]
    assert [path.name for path in files if path.name not in GUIDE] == []
