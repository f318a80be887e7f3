"""Delivers the outbox: in order per station, stations side by side, each webhook until it is taken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from secrets import SystemRandom

import urllib3
from sqlalchemy.exc import SQLAlchemyError

from ocpp_backend import outbox
from ocpp_backend.clock import Clock
from ocpp_backend.outbox import Pending
from ocpp_backend.store import Store
from ocpp_backend.together import Together
from ocpp_integration.events import sign

_log = logging.getLogger(__name__)

PARALLEL = 16
TRIES_OF_A_REFUSED_EVENT = 5
_BATCH = 50
_GIVE_WAY_SECONDS = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_KEPT_ANSWER = 500
# These answers judge the event itself. All others, also 401 or 404, tell of a receiver that is down or not
# set up right: once that is mended the event will be taken, so it is not given up.
_REFUSALS = {400, 409, 413, 415, 422}
_random = SystemRandom()


@dataclass(frozen=True)
class _Answer:
    status: int | None
    text: str

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refuses_the_event(self) -> bool:
        return self.status in _REFUSALS


# What is told of a batch that was broken off.
_STOPPED = _Answer(None, "the backend stops")


class Sender:
    """One lane per station with something to deliver; a lane ends when its station's outbox is empty."""

    def __init__(self, store: Store, url: str, secrets: Sequence[str], clock: Clock):
        self._store = store
        self._url = url
        self._secrets = secrets
        self._clock = clock
        self._stopped = False
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._news: set[str] = set()
        self._answering = asyncio.Event()
        self._is_reached = True
        # At 200 webhooks a second, blocking connections in threads cost far less than asynchronous ones.
        self._next_of = Together(self._read)
        self._mark = Together(self._write_marks)
        self._threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="webhooks")
        self._client = urllib3.PoolManager(maxsize=PARALLEL, block=True, timeout=_TIMEOUT, retries=False)

    async def start(self) -> None:
        """Take up what an earlier process left."""
        self.wake(await self._store.read(outbox.waiting_stations))

    def wake(self, stations: Iterable[str]) -> None:
        """Something was committed to the outbox of these stations."""
        for station_id in stations:
            self._news.add(station_id)
            if station_id not in self._lanes and not self._stopped:
                self._lanes[station_id] = asyncio.create_task(self._run_lane(station_id))

    async def stop(self) -> None:
        """End at once; what is not delivered stays in the outbox."""
        self._stopped = True
        lanes = list(self._lanes.values())
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.clear()

    async def _run_lane(self, station_id: str) -> None:
        pauses = _pauses()
        while station_id in self._news:
            self._news.discard(station_id)
            try:
                batch = await self._next_of(station_id)
                await self._deliver(batch)
                pauses = _pauses()
                if len(batch) == _BATCH:
                    self._news.add(station_id)
            except Exception as error:  # noqa: BLE001 - the boundary of a lane: one that ends delivers no more
                # Of the store its own words are enough.
                trace = None if isinstance(error, SQLAlchemyError) else error
                _log.error("webhooks of %s cannot be delivered: %s", station_id, error, exc_info=trace)
                self._news.add(station_id)
                await asyncio.sleep(next(pauses))
        del self._lanes[station_id]

    async def _deliver(self, batch: Sequence[Pending]) -> None:
        """Deliver a batch; it is marked together, or up to the first event that was not taken at once."""
        while batch:
            taken, answer = await self._post(batch)
            if taken:
                await self._mark([event.id for event in batch[:taken]])
            if answer.taken:
                return
            await self._insist(batch[taken], answer)
            batch = batch[taken + 1 :]

    async def _read(self, station_ids: Sequence[str]) -> Sequence[list[Pending]]:
        return await self._store.read(lambda db: outbox.next_of_each(db, station_ids, _BATCH))

    async def _write_marks(self, taken: Sequence[list[int]]) -> Sequence[None]:
        ids, now = list(chain.from_iterable(taken)), self._clock()
        await self._store.write(lambda db: outbox.delivered(db, ids, now))
        return [None] * len(taken)

    async def _insist(self, event: Pending, answer: _Answer) -> None:
        """Repeat with growing pauses until the event is taken, or finally refused."""
        refusals = 0
        for pause in _pauses():
            refusals += answer.refuses_the_event
            if refusals >= TRIES_OF_A_REFUSED_EVENT:
                await self._put_aside(event, answer)
                return
            await self._store.write(lambda db, said=answer.text: outbox.failed(db, event, said))  # type: ignore[misc]
            if answer.status is not None:
                said = answer.text[:100]
                _log.warning(
                    "webhook %s (%s) is not taken and will be sent again: %s",
                    event.event_id,
                    event.type,
                    said,
                )
            await self._wait(pause, until_answering=answer.status is None)
            _, answer = await self._post([event])
            if answer.taken:
                await self._mark([event.id])
                return

    async def _wait(self, pause: float, *, until_answering: bool) -> None:
        """Pause; where the receiver could not be reached, no longer than until another lane reaches it."""
        if not until_answering:
            await asyncio.sleep(pause)
            return
        least = min(pause, _random.uniform(0, _FIRST_PAUSE))
        await asyncio.sleep(least)
        try:
            await asyncio.wait_for(self._answering.wait(), pause - least)
        except TimeoutError:
            return

    async def _post(self, batch: Sequence[Pending]) -> tuple[int, _Answer]:
        """How many of a batch were taken, one after the other, and the last answer."""
        loop = asyncio.get_running_loop()
        taken, answer = await loop.run_in_executor(self._threads, self._exchange_all, batch)
        if answer.status is None:
            self._answering.clear()
        elif taken:
            self._answering.set()
        if answer is not _STOPPED:
            self._tell_whether_reached(answer)
        return taken, answer

    def _tell_whether_reached(self, answer: _Answer) -> None:
        """Once for all stations, when it changes."""
        was, self._is_reached = self._is_reached, answer.status is not None
        if was and not self._is_reached:
            _log.warning("the receiver is not reached; webhooks wait until it is: %s", answer.text[:100])
        elif self._is_reached and not was:
            _log.info("the receiver is reached again")

    def _exchange_all(self, batch: Sequence[Pending]) -> tuple[int, _Answer]:
        answer = _STOPPED
        for number, event in enumerate(batch):
            if self._stopped:
                return number, _STOPPED
            answer = self._exchange(event)
            if not answer.taken:
                return number, answer
        return len(batch), answer

    def _exchange(self, event: Pending) -> _Answer:
        if self._store.is_crowded:
            # Charge points are answered first; what is not delivered now is safe where it is.
            time.sleep(_GIVE_WAY_SECONDS)
        headers = sign(self._secrets, event.event_id, event.body, self._clock())
        try:
            response = self._client.request(
                "POST", self._url, body=event.body.encode(), headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            return _Answer(None, f"{type(error).__name__}: {error}")
        text = response.data[:_KEPT_ANSWER].decode(errors="replace").replace("\0", "")
        return _Answer(response.status, f"{response.status} {text}")

    async def _put_aside(self, event: Pending, answer: _Answer) -> None:
        _log.error("webhook %s (%s) is refused for good: %s", event.event_id, event.type, answer.text)
        now = self._clock()
        await self._store.write(lambda db: outbox.refused(db, event, answer.text, now))


def _pauses() -> Iterator[float]:
    """Seconds between tries: doubling up to a minute, each shortened by chance by up to a half."""
    longest = _FIRST_PAUSE
    while True:
        yield _random.uniform(longest / 2, longest)
        longest = min(2 * longest, _LONGEST_PAUSE)
