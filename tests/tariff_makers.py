"""Tariffs for the one station of tests, and how they get there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, select
from webhooks import NOON, STATION

from db.engine import writing
from db.models import StationOwner, Tariff
from ocpp_integration import tariff_book
from ocpp_integration.pricing import parse

BEFORE = NOON - timedelta(days=1)
IDLE = {
    "currency": "ETB",
    "tax_included": "YES",
    "elements": [
        {
            "price_components": [
                {"type": "ENERGY", "price": "10", "vat": 15, "step_size": 1},
                {"type": "PARKING_TIME", "price": "60", "vat": 15, "step_size": 1},
            ]
        }
    ],
}


def energy_at(price: str) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": price, "vat": 15, "step_size": 1}
    return {"currency": "ETB", "tax_included": "YES", "elements": [{"price_components": [component]}]}


def give(engine: Engine, code: str, document: dict[str, Any], *, to: str = "station", **when: Any) -> Tariff:
    """A tariff since yesterday, assigned to the station, its owner or its connector 1."""
    with writing(engine) as store:
        made = tariff_book.add_version(store, None, parse(document), code=code, now=BEFORE, **when)
        tariff_book.assign(store, None, code, place_of(store, to), now=BEFORE)
        return made


def place_of(store: Any, kind: str) -> tariff_book.Place:
    if kind == "owner":
        return tariff_book.find_owner(store, store.scalars(select(StationOwner.name)).one())
    if kind == "connector":
        return tariff_book.find_connector(store, STATION, 1)
    return tariff_book.find_station(store, STATION)
