"""Kill -9 under load: what was acknowledged is in the store, and nothing is in it twice."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess
from uuid import uuid4

import orjson
import pytest
import requests
from forked_receiver import start
from ports import free_port
from receiver_app import BATCH, SECRET, WEBHOOK
from sqlalchemy import Engine, select
from test_receiver_process import environment, wait_until

from db.engine import reading
from db.models import WebhookEvent
from ocpp_integration import events

# At each of three seeds.
KILLS = {"sqlite": 20, "postgresql": 20}


@dataclass
class Senders:
    """Backends that send events, singly and in batches, each again until it is acknowledged."""

    url: str
    stopping: threading.Event = field(default_factory=threading.Event)
    acknowledged: set[str] = field(default_factory=set)

    def send_singly(self) -> None:
        while not self.stopping.is_set():
            self._send_until_acknowledged(WEBHOOK, [str(uuid4())])

    def send_batches(self) -> None:
        while not self.stopping.is_set():
            self._send_until_acknowledged(BATCH, [str(uuid4()) for _ in range(50)])

    def _send_until_acknowledged(self, path: str, event_ids: list[str]) -> None:
        told = [{"type": "station_status", "data": {}, "event_id": event_id} for event_id in event_ids]
        body = orjson.dumps(told if path == BATCH else told[0]).decode()
        while not self.stopping.is_set():
            headers = events.sign([SECRET], event_ids[0], body, datetime.now(UTC))
            try:
                answer = requests.post(self.url + path, data=body, headers=headers, timeout=10)
            except requests.RequestException:
                time.sleep(0.02)
                continue
            assert answer.status_code == 200
            self.acknowledged.update(event_ids)
            return


@contextmanager
def _sending(senders: Senders) -> Iterator[None]:
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(senders.send_singly) for _ in range(3)] + [pool.submit(senders.send_batches)]
        try:
            yield
        finally:
            senders.stopping.set()
        for each in sent:
            each.result()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_acknowledged_event_is_lost_and_none_recorded_twice(engine: Engine, seed: int) -> None:
    moments, port = random.Random(seed), free_port()
    url = engine.url.render_as_string(hide_password=False)
    senders = Senders(f"http://127.0.0.1:{port}")
    with _sending(senders):
        for _ in range(KILLS[engine.dialect.name]):
            process = start(environment(url, port))
            try:
                before = len(senders.acknowledged)
                wait_until(lambda before=before: len(senders.acknowledged) > before, seconds=60)
                time.sleep(moments.uniform(0, 0.2))
            finally:
                _kill(process)
            wait_until(lambda: not _is_listened_on(port))
    recorded = Counter(_event_ids(engine))
    assert (senders.acknowledged - recorded.keys(), set(recorded.values())) == (set(), {1})


def _kill(process: ForkServerProcess) -> None:
    """The process and its worker at once, as a power cut would."""
    pid = process.pid
    assert pid is not None
    # What was acknowledged may have been by the one before, and this one not be so far as to lead a group.
    wait_until(lambda: os.getpgid(pid) == pid)
    os.killpg(pid, signal.SIGKILL)
    process.join()


def _is_listened_on(port: int) -> bool:
    """The worker is no child of ours, so its end is seen by its port."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _event_ids(engine: Engine) -> list[str]:
    with reading(engine) as store:
        return [orjson.loads(body)["event_id"] for body in store.scalars(select(WebhookEvent.body))]
