"""The settings in force as they may be shown: of a secret only that it is set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from languages import N_, _
from settings import ENV_FILE, ROOT, Settings

EXAMPLE = ROOT / ".env.example"
MASKED = "••••••••"
NOT_SET = N_("Not set")
_HEADING = re.compile(r"## (.+)")
_NAME = re.compile(r"([A-Z0-9_]+)=")


@dataclass(frozen=True)
class Told:
    """`name` as in the environment; `source` is Environment, .env or Default."""

    name: str
    value: str
    source: str
    description: str


def told(settings: Settings, env_file: Path = ENV_FILE) -> list[Told]:
    """Every setting in the order of `.env.example`."""
    sources = _sources(env_file)
    return [
        Told(name.upper(), shown(value), sources.get(name, N_("Default")), _description(name))
        for name, value in settings
    ]


def shown(value: Any) -> str:
    """A setting's value without what is secret in it."""
    if isinstance(value, SecretStr):
        return MASKED if value.get_secret_value() else _(NOT_SET)
    if value is None or value == "":
        return _(NOT_SET)
    return _without_password(str(value))


def listed(found: Sequence[Told]) -> str:
    """As HTML."""
    rows = "".join(
        f"<li><span><code>{escape(each.name)}</code><span>{escape(_(each.description))}</span></span>"
        f"<b>{escape(each.value)}</b>"
        f'<i class="mm-source-{each.source.strip(".").lower()}">{escape(_(each.source))}</i></li>'
        for each in found
    )
    return f'<ul class="mm-settings">{rows}</ul>'


def groups(example: Path = EXAMPLE) -> dict[str, str]:
    """Under which heading of the example each setting stands, by its name; empty without that file."""
    return dict(_grouped(example.read_text("utf-8").splitlines())) if example.exists() else {}


def _grouped(lines: list[str]) -> Iterator[tuple[str, str]]:
    heading = ""
    for line in lines:
        if found := _HEADING.match(line):
            heading = found.group(1)
        elif found := _NAME.match(line):
            yield found.group(1), heading


def _sources(env_file: Path) -> dict[str, str]:
    in_file = DotEnvSettingsSource(Settings, env_file=env_file).env_vars
    in_environment = EnvSettingsSource(Settings).env_vars
    return {
        **{name.lower(): ".env" for name, value in in_file.items() if value},
        **{name.lower(): N_("Environment") for name, value in in_environment.items() if value},
    }


def _description(name: str) -> str:
    return Settings.model_fields[name].description or ""


def _without_password(text: str) -> str:
    if "://" not in text:
        return text
    parts = urlsplit(text)
    if parts.password is None:
        return text
    return text.replace(f":{parts.password}@", f":{MASKED}@", 1)
