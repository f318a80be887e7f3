"""Receivers forked from a process that has imported all of it: of a start, the imports take longest."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import ForkServerProcess
from types import ModuleType
from unittest.mock import patch

from webhook_receiver.__main__ import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["webhook_receiver.__main__"])


def start(environment: dict[str, str]) -> ForkServerProcess:
    """A receiver in a process group of its own, with its worker."""
    process = _FORKS.Process(target=_serve, args=(environment,))
    # A fork runs the main module's file anew, and tests of pages leave that of the dashboard there.
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        process.start()
    return process


def _serve(environment: dict[str, str]) -> None:
    os.setsid()
    multiprocessing.set_start_method("fork", force=True)
    os.environ.update(environment)
    main()
