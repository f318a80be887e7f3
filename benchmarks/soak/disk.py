"""A small disk of its own for the stores, which can be full: a write to it then fails with ENOSPC."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SIZE = 1 << 30
_BLOCK = 4096


class Disk:
    """A tmpfs on `folder`, for which one has to be root. Where it cannot be had, `why_not` says why."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.why_not = _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=700", "tmpfs", str(folder))

    def fill(self) -> None:
        """Not a block is left: the disk becomes as small as what is on it."""
        told = os.statvfs(self.folder)
        used = (told.f_blocks - told.f_bfree) * told.f_frsize
        # What is written between the two calls makes the disk larger than the wish, which is then refused.
        for spare in range(0, 1024 * _BLOCK, 16 * _BLOCK):
            if not self._resize(used + max(spare, _BLOCK)):
                return
        raise RuntimeError(f"{self.folder} could not be made small")

    def empty(self) -> None:
        if refused := self._resize(_SIZE):
            raise RuntimeError(refused)

    def close(self) -> None:
        if not self.why_not:
            _run("umount", "--lazy", str(self.folder))

    def _resize(self, size: int) -> str:
        return _run("mount", "-o", f"remount,size={size}", str(self.folder))


def _run(*command: str) -> str:
    """What was wrong; nothing where all is well."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() if done.returncode else ""
