"""What everyone who keeps account of a transaction holds of it: simulator, backend and product."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import create_engine, func, select

from benchmarks.stack import Stack
from db.engine import reading
from db.models import ChargingSession, WebhookEvent
from ocpp_backend.tables import transactions

# By then the backend has given up waiting for the stops that charge points forgot.
SETTLE_WITHIN = 180.0
_OVER = ("completed", "failed", "stopped")

Key = tuple[str, str]  # station, and the transaction's id in its own protocol


@dataclass(frozen=True)
class Held:
    """What a store holds of a transaction."""

    energy_wh: int | None
    is_open: bool


def diary(path: Path) -> dict[Key, dict[str, Any]]:
    """The simulator's transactions; one told of again, as it had to wait for its delivery, counts once."""
    entries = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    told = [entry for entry in entries if entry["event"] == "transaction"]
    latest = {entry["key"]: entry for entry in told}
    return {(entry["station_id"], str(entry["transaction_id"])): entry for entry in latest.values()}


def undelivered(path: Path) -> list[dict[str, Any]]:
    return [entry for entry in diary(path).values() if not entry["delivered"]]


def backend(stack: Stack) -> tuple[dict[Key, Held], dict[Key, int]]:
    """What the backend holds, and its own numbers."""
    engine = create_engine(stack.settings.ocpp_backend_database_url)
    with engine.connect() as db:
        begun = transactions.c.start_time.is_not(None)
        rows = db.execute(select(transactions).where(begun)).all()
    engine.dispose()
    keys = {(row.station_id, row.ocpp_id or str(row.transaction_id)): row for row in rows}
    held = {key: Held(row.energy_wh, row.status != "stopped") for key, row in keys.items()}
    return held, {key: row.transaction_id for key, row in keys.items()}


def product(stack: Stack) -> dict[int | None, Held]:
    """What the product holds, by the backend's numbers."""
    with reading(stack.engine) as store:
        sessions = store.scalars(select(ChargingSession)).all()
    return {s.transaction_id: Held(s.energy_wh, s.status not in _OVER) for s in sessions}


def is_settled(stack: Stack) -> bool:
    """Whether every webhook is delivered and applied, and nothing is open."""
    with reading(stack.engine) as store:
        unapplied = store.scalar(
            select(func.count())
            .select_from(WebhookEvent)
            .where(WebhookEvent.state.in_(("received", "waiting")))
        )
    held, _ = backend(stack)
    is_open = [one for one in [*held.values(), *product(stack).values()] if one.is_open]
    return not (unapplied or is_open or ask(stack, "/healthz")["outbox"])


def known_stations(stack: Stack) -> set[str]:
    """Of which the backend knows."""
    return {station["station_id"] for station in ask(stack, "/api/locator/stations/")}


def ask(stack: Stack, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What the backend answers."""
    settings = stack.settings.ocpp_settings
    key = {"Authorization": f"Bearer {settings['API_KEY']}"}
    method = "GET" if body is None else "POST"
    url = f"{settings['BASE_URL']}{path}"
    return requests.request(method, url, json=body, headers=key, timeout=20).json()


def until(what: str, holds: Callable[[], bool], within: float = SETTLE_WITHIN) -> None:
    """Wait for it; where it does not come, say so and go on: the comparison will tell what is missing."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            print(f"not within {within:.0f} s: {what}")
            return
        time.sleep(0.5)
