"""`python -m benchmarks NAME [OPTIONS]`: runs one benchmark and prints its figures as one JSON line."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys

import benchmarks

_NO_BENCHMARKS = {"__main__", "clusters", "stack"}


def main(arguments: list[str]) -> int:
    names = sorted({found.name for found in pkgutil.iter_modules(benchmarks.__path__)} - _NO_BENCHMARKS)
    if not arguments or arguments[0] not in names:
        print(f"Say which benchmark: {', '.join(names)}", file=sys.stderr)
        return 2
    result = importlib.import_module(f"benchmarks.{arguments[0]}").main(arguments[1:])
    print(json.dumps({"benchmark": arguments[0], **result}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
