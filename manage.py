#!/usr/bin/env python
"""The way in from the command line: `python manage.py COMMAND`, each explained by `--help`."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence

import log
from management import cli
from settings import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="manage.py", description=__doc__)
    parser.add_argument("--version", action="version", version=version())
    cli.add_commands(parser.add_subparsers(metavar="COMMAND", required=True))
    options = parser.parse_args(arguments)
    log.configure("WARNING")
    try:
        return int(options.run(options) or 0)
    except cli.REFUSALS as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def version() -> str:
    """The product's, which stands in `pyproject.toml` and nowhere else."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(described["project"]["version"])


if __name__ == "__main__":
    sys.exit(main())
