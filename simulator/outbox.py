"""The queue between a charge point and its central system.

Transaction messages wait in order until they are answered, over any number of connections. A status tells
how things are now, so the ones that could not be sent are dropped and the current ones are sent instead.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from ocpp.exceptions import OCPPError

from simulator.messages import (
    Message,
    Metered,
    PassingMessage,
    Started,
    TransactionMessage,
    transaction_messages,
)

log = logging.getLogger(__name__)

ATTEMPTS = 3
RETRY_SECONDS = 10.0
MOST_WAITING = 5_000
MOST_WAITING_ONLINE = 20


class Outbox:
    """`on_delivered` is called with each message that was answered, `on_given_up` with each one dropped."""

    def __init__(
        self,
        *,
        waiting: Iterable[TransactionMessage] = (),
        on_delivered: Callable[[Message], None] = lambda _: None,
        on_given_up: Callable[[Message], None] = lambda _: None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._queue: deque[Message] = deque(waiting)
        self._on_delivered = on_delivered
        self._on_given_up = on_given_up
        self._retry_seconds = retry_seconds
        self._is_draining = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._mark()

    @property
    def waiting(self) -> list[TransactionMessage]:
        """Transaction messages not answered yet, oldest first."""
        return transaction_messages(self._queue)

    @property
    def is_empty(self) -> bool:
        return not self._queue

    def put(self, message: Message) -> None:
        # Samples are given up, as OCPP allows, where the memory is full or where a line in use cannot keep
        # up with a fast clock; starts and stops carry the energy.
        most = MOST_WAITING_ONLINE if self._is_draining else MOST_WAITING
        if isinstance(message, Metered) and len(self._queue) >= most:
            return
        self._queue.append(message)
        self._mark()

    def renew_statuses(self, reports: Iterable[PassingMessage]) -> None:
        """Forget statuses that were not sent; `reports` go out after everything that waits.

        A connector that called itself available before its transaction's stop has arrived would make the
        central system guess that stop.
        """
        self._queue = deque([*self.waiting, *reports])
        self._mark()

    async def wait_until_empty(self) -> None:
        await self._emptied.wait()

    async def drain(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """Send what waits and whatever comes, until the connection breaks: its exception passes through."""
        self._is_draining = True
        try:
            while True:
                await self._filled.wait()
                await self._send_first(send)
        finally:
            self._is_draining = False

    async def _send_first(self, send: Callable[[Message], Awaitable[None]]) -> None:
        message = self._queue[0]
        settled = self._on_delivered if await self._deliver(message, send) else self._on_given_up
        settled(message)
        if self._queue and self._queue[0] is message:
            self._queue.popleft()
        self._mark()

    async def _deliver(self, message: Message, send: Callable[[Message], Awaitable[None]]) -> bool:
        if _orphaned(message):
            log.warning("Dropped, its transaction was never taken: %s", message)
            return False
        attempts = 1 if isinstance(message, PassingMessage) else ATTEMPTS
        for attempt in range(1, attempts + 1):
            try:
                await send(message)
            except OCPPError as error:
                log.warning("Refused (%d of %d): %s: %s", attempt, attempts, message, error)
                if attempt < attempts:
                    await asyncio.sleep(self._retry_seconds * attempt)
            else:
                return True
        return False

    def _mark(self) -> None:
        for event, holds in ((self._filled, bool(self._queue)), (self._emptied, not self._queue)):
            if holds:
                event.set()
            else:
                event.clear()


def _orphaned(message: Message) -> bool:
    if isinstance(message, PassingMessage | Started):
        return False
    return message.transaction.transaction_id is None
