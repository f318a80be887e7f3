"""The wall clock of single processes, set forward and back while they run; the machine's is not touched.

A few lines of C, preloaded into a process, add the seconds in a file to every time that it is told. It needs
a C compiler. Clocks that only count, by which Python waits, run on, as they do where a real clock is set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SOURCE = Path(__file__).with_name("step_clock.c")


class Clocks:
    """One clock for each name, right until it is set. `why_not` says why none can be set, where none can."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._library = folder / "step_clock.so"
        self._files = {name: folder / f"{name}.clock" for name in names}
        self.why_not = _compile(self._library)
        for name in names:
            self.set(name, 0)

    def set(self, name: str, seconds: int) -> None:
        """Have the clock of that process go wrong by so many seconds."""
        content = seconds.to_bytes(8, "little", signed=True)
        file = os.open(self._files[name], os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            # In place: running processes have this very file mapped.
            os.pwrite(file, content, 0)
        finally:
            os.close(file)

    def environment(self, name: str) -> Mapping[str, str]:
        """With which the process has to be started."""
        if self.why_not or name not in self._files:
            return {}
        return {"LD_PRELOAD": str(self._library), "STEPPED_CLOCK": str(self._files[name])}


def _compile(library: Path) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        return "there is no C compiler (cc)"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else ""
