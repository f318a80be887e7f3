"""Calls that wait at the same time are made as one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """`work` gets what came together, and answers each in the same order; while it runs, more gathers."""

    def __init__(self, work: Callable[[Sequence[T]], Awaitable[Sequence[R]]]):
        self._work = work
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """Raises what `work` raises."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                await self._do(together)
        finally:
            self._running = None

    async def _do(self, together: list[tuple[T, asyncio.Future[R]]]) -> None:
        futures = [future for _, future in together]
        try:
            answers = await self._work([item for item, _ in together])
        except Exception as error:  # noqa: BLE001 - handed to every caller
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        for future, answer in zip(futures, answers, strict=True):
            if not future.done():
                future.set_result(answer)
