"""How a request waits: in a thread by blocking it, in the event loop by letting others go on meanwhile.

Code that handles a request is written once, as if it had a thread of its own. Where the gateway runs it in
the event loop (`in_loop`), it must wait through here and in no other way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from sqlalchemy.util.concurrency import await_, greenlet_spawn, in_greenlet

_T = TypeVar("_T")


async def in_loop(work: Callable[..., _T], *arguments: Any) -> _T:
    """`work`, in the thread of the event loop: no hand-over to a thread, and no thread that waits."""
    return await greenlet_spawn(work, *arguments)


def result(future: Future[_T], seconds: float) -> _T:
    """What `future` comes to. Raises `TimeoutError`, and what the future raises."""
    return await_(_awaited(future, seconds)) if in_greenlet() else future.result(seconds)


def blocking(work: Callable[..., _T], *arguments: Any) -> _T:
    """Whatever `work` returns, which may block its thread: so it gets another where this is the loop's."""
    return await_(asyncio.to_thread(work, *arguments)) if in_greenlet() else work(*arguments)


async def _awaited(future: Future[_T], seconds: float) -> _T:
    async with asyncio.timeout(seconds):
        return await asyncio.wrap_future(future)
