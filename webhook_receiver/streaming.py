"""Answers that are sent while they are made, no faster than they are read.

granian takes whatever a stream is given into memory, however slowly its client reads, and ends a stream that
fails as if it were whole. A file it reads only as fast as the client does: so it is given a named pipe for a
file. And an answer that fails is cut off at its socket, which tells the client that this was not all.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

# granian documents the name but does not list it as an export.
from granian.rsgi import HTTPProtocol  # type: ignore[attr-defined]

Headers = list[tuple[str, str]]

_LOOK_EVERY = 0.005
_OPENED_WITHIN = 5.0


class ClientLeft(Exception):
    """Nobody reads the answer any more."""


class Stream:
    """The writing end of an answer; holds what a pipe does, 64 KiB, beside the piece that is being sent."""

    def __init__(self, pipe: int, *, patience: float):
        self._pipe = pipe
        self._patience = patience

    async def send(self, piece: bytes) -> None:
        """Raises `ClientLeft`, and `TimeoutError` where the client takes nothing for `patience` seconds."""
        left = memoryview(piece)
        while left:
            try:
                left = left[os.write(self._pipe, left) :]
            except BlockingIOError:
                async with asyncio.timeout(self._patience):
                    await self._is_writable()
            except BrokenPipeError as error:
                raise ClientLeft from error

    async def _is_writable(self) -> None:
        loop = asyncio.get_running_loop()
        writable = asyncio.Event()
        loop.add_writer(self._pipe, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(self._pipe)


@asynccontextmanager
async def streaming(
    protocol: HTTPProtocol, status: int, headers: Headers, *, client: str, patience: float
) -> AsyncIterator[Stream]:
    """Begins the answer; at the end it is complete, or cut off if anything was raised.

    `client` is its address and port, as granian writes them. Raises `ClientLeft`.
    """
    with TemporaryDirectory(prefix="answer") as folder:
        path = Path(folder) / "body"
        os.mkfifo(path, 0o600)
        protocol.response_file(status, headers, str(path))
        pipe = await _opened(path)
    try:
        yield Stream(pipe, patience=patience)
    except BaseException:
        # Before the pipe is closed, whose end would be the answer's.
        cut(client)
        raise
    finally:
        os.close(pipe)


async def _opened(path: Path) -> int:
    """The pipe, once its reader has opened it."""
    try:
        async with asyncio.timeout(_OPENED_WITHIN):
            while True:
                try:
                    return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                except OSError as error:
                    if error.errno != errno.ENXIO:
                        raise
                await asyncio.sleep(_LOOK_EVERY)
    except TimeoutError as error:
        # A reader that comes now would wait for us for ever; with both ends open for a moment, it does not.
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
        raise ClientLeft from error


def cut(client: str) -> None:
    """End the connection with `client` (an address and a port) where it is, if it is still there."""
    for number in [int(each.name) for each in Path("/dev/fd").iterdir()]:
        # Some of what is listed is closed by now, the listing itself for one; others have no peer.
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as found:
                    if _written(found.getpeername()) == client:
                        found.shutdown(socket.SHUT_RDWR)


def _written(name: object) -> str:
    """As granian writes it; empty for what is no address of the internet."""
    if not isinstance(name, tuple):
        return ""
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
