"""Receivers as processes of their own, on any store, and a backend for them that agrees to everything."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import requests
from locator import Answer, Locator, reply, running_locator
from ports import free_port
from receiver_app import SECRET
from sqlalchemy import Engine

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def receivers(engine: Engine, number: int = 1, **environment: str) -> Iterator[list[str]]:
    """The addresses of `number` receivers that share the store behind `engine`."""
    with ExitStack() as stack:
        started = [stack.enter_context(_receiver(engine, environment)) for _ in range(number)]
        for process, url in started:
            _wait_until_healthy(process, url)
        yield [url for _, url in started]


@contextmanager
def agreeing_backend() -> Iterator[Locator]:
    with running_locator() as locator:
        locator.answer(_agree())
        yield locator


@contextmanager
def _receiver(engine: Engine, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    known = {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "HOST": "127.0.0.1",
        "RECEIVER_PORT": str(port),
        "WEBHOOK_SECRET": SECRET,
        "OCPP_BASE_URL": "http://127.0.0.1:9",
        "OCPP_RETRY_ATTEMPTS": "0",
        "LOG_LEVEL": "ERROR",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "webhook_receiver"], cwd=ROOT, env=os.environ | known | environment
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _agree() -> Answer:
    transactions = itertools.count(70_001)

    def send(handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.removeprefix("/api/locator/").split("/")[0]
        body = {
            "sync-station": {"station_id": "S", "ocpp_websocket": "ws://backend.test/S"},
            "session": {"session_data": {"status": "Charging", "energy_consumed_kwh": 1.5}},
            "stop-charging": {"status": "Stopping"},
        }.get(name) or {"transaction": {"transaction_id": next(transactions), "status": "Started"}}
        reply(200, body)(handler)

    return send


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the receiver ended"
        try:
            if requests.get(f"{url}/healthz", timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.05)
    raise AssertionError("the receiver did not answer in time")
