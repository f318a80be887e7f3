"""A TCP proxy that spoils what a server answers: late, byte by byte, cut, reset, or not at all."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Fault = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def nothing_wrong(answer: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    while part := await answer.read(65536):
        client.write(part)
        await client.drain()


def latency(seconds: float) -> Fault:
    async def late(answer: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while part := await answer.read(65536):
            await asyncio.sleep(seconds)
            client.write(part)

    return late


def drip(every: float) -> Fault:
    """A byte every so many seconds."""

    async def slow(answer: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while byte := await answer.read(1):
            client.write(byte)
            await client.drain()
            await asyncio.sleep(every)

    return slow


async def blackhole(answer: asyncio.StreamReader, _client: asyncio.StreamWriter) -> None:
    while await answer.read(65536):
        pass
    await asyncio.Event().wait()


async def reset(answer: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    await answer.read(1)
    connection: socket.socket = client.get_extra_info("socket")
    # Closing with nothing to linger for sends RST instead of FIN.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()


async def cut_in_headers(answer: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """The status line, and half of what follows."""
    head = await answer.readuntil(b"\r\n\r\n")
    client.write(head[: (head.index(b"\r\n") + len(head)) // 2])


async def cut_in_body(answer: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """All headers, and the first byte of the body."""
    client.write(await answer.readuntil(b"\r\n\r\n"))
    client.write(await answer.read(1))


@dataclass
class Proxy:
    """`fault` spoils the answers of connections that are made from now on."""

    url: str = ""
    fault: Fault = field(default=nothing_wrong)
    connections: int = 0


@contextmanager
def running_proxy(upstream: str) -> Iterator[Proxy]:
    proxy = Proxy()
    address = urlsplit(upstream)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    listening = threading.Event()

    async def serve(client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        answer, server = await asyncio.open_connection(address.hostname, address.port)
        asking = asyncio.create_task(nothing_wrong(client_reader, server))
        with suppress(OSError, asyncio.IncompleteReadError):
            await proxy.fault(answer, client)
        asking.cancel()
        for writer in (client, server):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        listening.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    listening.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
