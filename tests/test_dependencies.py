"""What the product runs on: each package is pinned, needed, and told of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings import ROOT

_TESTED = ("tests", "benchmarks", "docs")
# Commands, plugins of pytest, and types for mypy.
_RUN_BY_NAME = {
    "mypy",
    "pandas-stubs",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "types-requests",
    "types-tqdm",
}
# Read by `zoneinfo`; looked for by granian.
_NEVER_IMPORTED = {"tzdata", "uvloop"}


def _required(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def _pinned() -> dict[str, str]:
    """Version by name; a line that is no `name==version` raises."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def _names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(each.name) for each in requirements}


def _needed(requirements: list[Requirement]) -> set[str]:
    """With all that these need in turn on this machine."""
    seen: set[tuple[str, str]] = set()
    ahead = [(each, "") for each in requirements]
    while ahead:
        requirement, wanted_by = ahead.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": wanted_by}):
            continue
        for extra in ("", *requirement.extras):
            if (key := (canonicalize_name(requirement.name), extra)) not in seen:
                seen.add(key)
                within = metadata.requires(requirement.name) or []
                ahead.extend((Requirement(line), extra) for line in within)
    return {name for name, _ in seen}


def _modules() -> Iterator[Path]:
    for package in sorted(path.parent for path in ROOT.glob("*/__init__.py")):
        if package.name not in _TESTED:
            yield from package.rglob("*.py")


def _imported(modules: Iterable[Path]) -> set[str]:
    """Distributions that these modules import, inside functions too."""
    found = set()
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(str(node.module).split(".")[0])
    distributions = metadata.packages_distributions()
    return {canonicalize_name(name) for module in found for name in distributions.get(module, ())}


def _told() -> set[str]:
    """The packages of the table in docs/developing.md that have a reason beside them."""
    _, _, table = (
        (ROOT / "docs" / "developing.md")
        .read_text(encoding="utf-8")
        .partition("\n| package | why it is there |\n")
    )
    rows = re.findall(r"^\| ([^|]+) \| [^|]*\w[^|]* \|$", table, re.MULTILINE)
    return {canonicalize_name(name) for row in rows for name in row.split(", ")}


def test_every_package_is_pinned_with_all_that_it_needs() -> None:
    needed = _needed(_required("requirements.txt") + _required("requirements-dev.txt"))
    assert needed - _pinned().keys() == set()


def test_what_is_tested_is_what_is_pinned() -> None:
    needed = _needed(_required("requirements.txt"))
    pinned = _pinned()
    assert {name: metadata.version(name) for name in needed} == {name: pinned[name] for name in needed}


def test_nothing_is_pinned_that_nobody_needs() -> None:
    needed = _needed(_required("requirements.txt") + _required("requirements-dev.txt"))
    lines = [line for name in needed for line in metadata.requires(name) or ()]
    # What they need on other machines than this.
    elsewhere = _names([Requirement(line) for line in lines if "extra ==" not in line])
    assert _pinned().keys() - needed - elsewhere == set()


def test_every_requirement_is_imported_by_the_product_and_nothing_else_is() -> None:
    assert _imported(_modules()) == _names(_required("requirements.txt")) - _NEVER_IMPORTED


def test_tests_import_what_is_required_and_every_requirement_of_theirs_is_used() -> None:
    own, product = _names(_required("requirements-dev.txt")), _names(_required("requirements.txt"))
    imported = _imported(path for folder in _TESTED for path in (ROOT / folder).rglob("*.py"))
    assert (imported - product - own, own - imported - _RUN_BY_NAME) == (set(), set())


def test_the_documentation_gives_a_reason_for_every_requirement_and_names_no_other() -> None:
    assert _told() == _names(_required("requirements.txt"))
