"""`python -m benchmarks NAME [OPTIONS]`: runs one benchmark and prints its figures as one JSON line.

`python -m benchmarks all [--quick] [--only NAME ...]` runs one after the other and prints a table of what is
wanted of each and what came of it; its exit code is 1 where one failed or missed a target.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys
from types import ModuleType

import benchmarks
from benchmarks import targets
from benchmarks.targets import Row
from settings import ROOT

_NO_BENCHMARKS = {"__main__", "books", "clusters", "network", "soak", "stack", "targets"}
# `import` cannot be a module's name.
_NAMES = {"importing": "import"}


def available() -> dict[str, str]:
    """The module of each benchmark, by the benchmark's name."""
    found = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - _NO_BENCHMARKS
    return {_NAMES.get(name, name): name for name in sorted(found)}


def main(arguments: list[str]) -> int:
    modules = available()
    if arguments[:1] == ["all"]:
        return _all(arguments[1:])
    if not arguments or arguments[0] not in modules:
        print(f"Say which benchmark: all, {', '.join(sorted(modules))}", file=sys.stderr)
        return 2
    result = load(arguments[0]).main(arguments[1:])
    print(json.dumps({"benchmark": arguments[0], **result}))
    return 0


def load(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{available()[name]}")


def _all(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks all", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, with fewer things measured")
    parser.add_argument("--only", nargs="+", choices=available(), default=list(available()), metavar="NAME")
    options = parser.parse_args(arguments)
    rows = {name: _rows(name, quick=options.quick) for name in options.only}
    print(f"\n{targets.table(rows)}")
    return int(any(not judged or any(row.is_met is False for row in judged) for judged in rows.values()))


def _rows(name: str, *, quick: bool) -> list[Row]:
    """One benchmark in a process of its own, which what ran before cannot slow; none if it failed."""
    module = load(name)
    command = [sys.executable, "-m", "benchmarks", name, *(module.QUICK if quick else ())]
    print(f"{name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return []
    print(lines[-1], flush=True)
    return [target.judge(json.loads(lines[-1])) for target in module.TARGETS]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
