"""The rules of the house, held to the code's own imports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from db import models
from settings import ROOT

# What each may import besides itself. A name with a dot stands for that module alone.
_BASE = {"settings", "log", "partitioning", "schedule", "languages"}
_DOMAIN = _BASE | {"db", "ocpp_integration"}
MAY_IMPORT: dict[str, set[str]] = {
    "settings": {"schedule"},
    "schedule": set(),
    "log": set(),
    "partitioning": set(),
    "languages": set(),
    "db": _BASE,
    "ocpp_integration": _BASE | {"db"},
    "webhook_receiver": _DOMAIN,
    "jobs": _DOMAIN,
    "dashboard": _DOMAIN,
    "ocpp_backend": _BASE - {"languages"} | {"ocpp_integration.events"},
    "simulator": _BASE - {"languages"},
}
# The command line, the benchmarks and the tests reach into everything.
FREE = {"management", "manage", "benchmarks", "tests"}


def _files(name: str) -> Iterator[Path]:
    if (ROOT / name).is_dir():
        yield from sorted((ROOT / name).rglob("*.py"))
    else:
        yield ROOT / f"{name}.py"


def _ours() -> set[str]:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    return packages | {path.stem for path in ROOT.glob("*.py")}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, those inside functions too."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _allowed(name: str, importer: str) -> bool:
    top = name.split(".")[0]
    allowed = MAY_IMPORT[importer]
    return (
        top not in MAY_IMPORT.keys() | FREE
        or top == importer
        or top in allowed
        or any(name == module or name.startswith(f"{module}.") for module in allowed)
    )


@pytest.mark.parametrize("importer", MAY_IMPORT)
def test_imports_point_the_way_the_architecture_says(importer: str) -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in _files(importer)
        for line, name in _imported(path)
        if not _allowed(name, importer)
    ] == []


def test_what_a_module_keeps_to_itself_is_its_own() -> None:
    ours = _ours()
    assert [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for importer in MAY_IMPORT.keys() | {"management", "benchmarks"}
        for path in _files(importer)
        for line, name in _imported(path)
        if name.split(".")[0] in ours and "._" in name and name != "languages._" and "__" not in name
    ] == []


def test_every_package_has_its_place() -> None:
    assert _ours() <= MAY_IMPORT.keys() | FREE


@pytest.mark.parametrize("package", sorted(MAY_IMPORT.keys() - _BASE))
def test_every_folder_with_modules_is_a_package(package: str) -> None:
    folders = {path.parent.relative_to(ROOT) for path in _files(package)}
    lacking = {str(folder) for folder in folders if not (ROOT / folder / "__init__.py").exists()}
    # Alembic runs what is in its folder by path.
    assert lacking - {"db/migrations", "db/migrations/versions"} == set()


def test_no_module_hides_another_where_streamlit_puts_the_dashboard_first() -> None:
    within = {path.stem for path in (ROOT / "dashboard").iterdir() if path.stem.isidentifier()}
    assert within & _ours() == set()


def test_streamlits_old_multipage_mode_stays_off() -> None:
    assert not (ROOT / "dashboard" / "pages").exists()


# What `==` would betray, byte by byte, to who measures how long it takes.
_SECRETS = re.compile(r"secret|signature|password|key_hash|csrf|(^|_)token$", re.IGNORECASE)
# A connector's printed code, told apart from the codes of others.
_NO_SECRETS = {"ocpp_integration/platform/numbering.py"}


def _compared(path: Path) -> Iterator[tuple[int, str]]:
    """(line, name) of every plain name that `==` or `!=` compares. Not those that the store looks up."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
            sides = (node.left, *node.comparators)
            if any(isinstance(side, ast.Attribute) and _is_model(side.value) for side in sides):
                continue
            for side in sides:
                if isinstance(side, (ast.Name, ast.Attribute)):
                    yield side.lineno, side.id if isinstance(side, ast.Name) else side.attr


def _is_model(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in vars(models)


def test_secrets_are_compared_in_constant_time() -> None:
    assert [
        f"{path.relative_to(ROOT)}:{line} compares {name}"
        for package in MAY_IMPORT
        for path in _files(package)
        for line, name in _compared(path)
        if _SECRETS.search(name) and path.relative_to(ROOT).as_posix() not in _NO_SECRETS
    ] == []


# Not imported but run: by Alembic, and by Streamlit for each visitor, top to bottom.
_RUN = ("db/migrations/", "dashboard/main.py", "dashboard/views/")

# Watches a fresh interpreter while it imports our modules; each finding names the module at fault.
_WATCH = """
import importlib, json, os, sys, threading
root, modules = sys.argv[1], sys.argv[2:]
found = []
here = os.path.join(root, "")

def ours():
    frame = sys._getframe(2)
    between = (os.__file__, "<frozen _collections_abc>", "<frozen os>")
    while frame and frame.f_code.co_filename in between:
        frame = frame.f_back
    name = frame.f_code.co_filename if frame else ""
    return name if name.startswith(here) and os.sep + ".venv" + os.sep not in name else None

def audit(event, arguments):
    if event in ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen"):
        found.append(f"{current}: {event} {arguments[-1]!r}")

real = os._Environ.__getitem__
def read(self, key):
    if (who := ours()):
        found.append(f"{who} reads {key}")
    return real(self, key)

start = threading.Thread.start
def begin(self):
    found.append(f"{current}: starts the thread {self.name}")
    return start(self)

current = ""
# What others do at import is theirs; it is done before the watch begins.
for module in ("requests", "streamlit", "pandas", "plotly.graph_objects", "granian", "uvicorn", "websockets",
               "apscheduler.schedulers.background", "alembic.command", "honcho.printer"):
    try:
        importlib.import_module(module)
    except ImportError:
        pass
sys.addaudithook(audit)
os._Environ.__getitem__ = read
threading.Thread.start = begin
for current in modules:
    importlib.import_module(current)
print(json.dumps(found))
"""


def _modules() -> list[str]:
    paths = [path for name in sorted(MAY_IMPORT.keys() | {"management", "manage"}) for path in _files(name)]
    names = [path.relative_to(ROOT) for path in paths]
    return [
        ".".join(name.with_suffix("").parts).removesuffix(".__init__")
        for name in names
        if not str(name).startswith(_RUN)
    ]


def test_importing_any_module_connects_reads_and_starts_nothing() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _WATCH, str(ROOT), *_modules()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1]) == []
