#!/usr/bin/env python
"""The way in from the command line: `python manage.py COMMAND`, each explained by `--help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

try:
    import log
    from db import texts
    from management import cli
    from settings import version
except ImportError as error:
    if sys.version_info >= (3, 11) and not isinstance(error, ModuleNotFoundError):
        raise
    sys.exit(f"{error}: not for {sys.executable}. Run `make install`, then `.venv/bin/python manage.py ...`.")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="manage.py", description=__doc__)
    parser.add_argument("--version", action="version", version=version())
    cli.add_commands(parser.add_subparsers(metavar="COMMAND", required=True))
    options = parser.parse_args(arguments)
    log.configure("WARNING")
    try:
        texts.check(vars(options).values())
        return int(options.run(options) or 0)
    except BrokenPipeError:
        # Whoever reads the output has enough of it, such as `head`; nothing is left to be flushed there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except cli.REFUSALS as refusal:
        print(cli.told(refusal), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
