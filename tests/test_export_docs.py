"""`docs/exports.md` tells every file with every column, in their order, and no other."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import factories
import pytest
from sqlalchemy import Engine

from db.analytics.scope import Scope
from db.engine import reading, writing
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.table import Table
from settings import ROOT, load

DOCUMENT = ROOT / "docs" / "exports.md"
NOW = datetime(2025, 6, 10, 12, tzinfo=UTC)


def _sections() -> dict[str, str]:
    """The text below each heading that names a file."""
    parts = re.split(r"^### `([a-z-]+)`$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _columns(section: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)


def test_every_file_has_its_section() -> None:
    assert list(_sections()) == list(EXPORTS)


@pytest.mark.parametrize("name", EXPORTS)
def test_a_section_tells_what_the_list_tells(name: str) -> None:
    section = " ".join(_sections()[name].split())
    assert EXPORTS[name].about in section
    assert "Formats: " + ", ".join(EXPORTS[name].formats) in section


@pytest.mark.parametrize("name", [name for name, export in EXPORTS.items() if "csv" in export.formats])
def test_a_section_tells_every_column_in_its_place(engine: Engine, name: str) -> None:
    with writing(engine) as store:
        station = factories.add_station(store, factories.add_owner(store))
        factories.add_session(store, station, NOW, transaction_id=1)
    asked = Asked(scope=Scope.network(), now=NOW, settings=load(None), transaction_id=1)
    with reading(engine) as store:
        content = EXPORTS[name].make(store, asked)
        assert isinstance(content, Table)
        headers = content.headers
    assert _columns(_sections()[name]) == headers
