"""`python -m benchmarks NAME [OPTIONS]`: runs one benchmark and prints its figures as one JSON line."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import benchmarks

_NO_BENCHMARKS = {"__main__", "clusters", "network", "stack"}
# `import` cannot be a module's name.
_NAMES = {"importing": "import"}


def available() -> dict[str, str]:
    """The module of each benchmark, by the benchmark's name."""
    found = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - _NO_BENCHMARKS
    return {_NAMES.get(name, name): name for name in found}


def main(arguments: list[str]) -> int:
    modules = available()
    if not arguments or arguments[0] not in modules:
        print(f"Say which benchmark: {', '.join(sorted(modules))}", file=sys.stderr)
        return 2
    result = importlib.import_module(f"benchmarks.{modules[arguments[0]]}").main(arguments[1:])
    print(json.dumps({"benchmark": arguments[0], **result}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
