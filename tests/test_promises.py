"""`docs/reliability.md` names what proves each promise; all that it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from benchmarks.__main__ import available
from settings import ROOT

_TEST = re.compile(r"`(tests/test_\w+\.py)::(test_\w+)`")
_BENCHMARK = re.compile(r"`benchmarks (\w+)`")

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def _promises() -> list[list[str]]:
    """(area, promise, what proves it) of each row, without the table's head."""
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


@cache
def _tests_in(path: str) -> set[str]:
    if not (ROOT / path).is_file():
        return set()
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


@pytest.mark.parametrize("row", _promises(), ids=lambda row: row[0])
def test_a_promise_names_only_what_proves_it(row: list[str]) -> None:
    _, promise, proof = row
    assert promise
    # Nothing is named in any other way, which would not be checked.
    named = proof.split(", ")
    assert [each for each in named if not (_TEST.fullmatch(each) or _BENCHMARK.fullmatch(each))] == []


def test_every_test_that_is_named_exists() -> None:
    named = _TEST.findall(PAGE)
    assert [f"{path}::{name}" for path, name in named if name not in _tests_in(path)] == []


def test_every_benchmark_that_is_named_exists() -> None:
    assert set(_BENCHMARK.findall(PAGE)) <= available().keys()


def test_no_area_is_promised_twice() -> None:
    areas = [area for area, *_ in _promises()]
    assert areas and len(areas) == len(set(areas))
