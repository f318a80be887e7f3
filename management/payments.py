"""`manage.py print-codes`, `list-unsettled` and `record-refund`."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Engine, select

from db import accounts
from db.engine import reading, writing
from db.models import OCPPConnector, OCPPStation, utc_now
from management.table import print_table
from ocpp_integration.errors import InvalidRequest, NotFound
from ocpp_integration.payments import codes, provider_work
from ocpp_integration.payments.movements import by_reference
from ocpp_integration.payments.tokens import token_of
from settings import ConfigurationError, Settings


def write_codes(
    engine: Engine, settings: Settings, station_id: str, folder: Path, *, pictures: bool
) -> tuple[list[Path], dict[int, str]]:
    """Write `STATION-codes.pdf`, and a PNG and an SVG for each connector. Returns what was written, and where
    the code of each connector leads, by its number.

    Raises `NotFound` for a station without connectors, `ConfigurationError` where no payments are taken.
    """
    if settings.payment_provider == "none":
        raise ConfigurationError("PAYMENT_PROVIDER is none: codes would lead nowhere")
    with writing(engine) as store:
        connectors = store.scalars(
            select(OCPPConnector)
            .join(OCPPStation)
            .where(OCPPStation.station_id == station_id)
            .order_by(OCPPConnector.connector_id)
        ).all()
        if not connectors:
            raise NotFound(f"There is no station {station_id} with connectors.")
        labels = {
            each.connector_id: codes.Label.of(each, settings.phone_url, token_of(store, each, utc_now()))
            for each in connectors
        }
        name = connectors[0].station.charging_station.name
    files = {"codes.pdf": codes.sheet(name, list(labels.values()))}
    if pictures:
        for number, label in labels.items():
            files |= {f"{number}.png": codes.png(label.url), f"{number}.svg": codes.svg(label.url)}
    folder.mkdir(parents=True, exist_ok=True)
    # An id may hold what a file's name may not.
    prefix = re.sub(r"[^A-Za-z0-9_.-]", "_", station_id)
    written = {folder / f"{prefix}-{file}": content for file, content in files.items()}
    for path, content in written.items():
        path.write_bytes(content)
    return list(written), {number: label.url for number, label in labels.items()}


def print_unsettled(engine: Engine) -> None:
    heads = ("reference", "phone", "state", "refund", "paid", "billed", "held", "currency", "why")
    rows = [
        (
            each.reference,
            each.phone,
            each.state,
            each.refund_state or "",
            *(f"{amount:.2f}" for amount in (each.paid, each.billed, each.held)),
            each.currency,
            each.error or "",
        )
        for each in provider_work.to_pay_out(engine)
    ]
    print_table(heads, rows, none="No payment waits for anybody.")


def record_refund(engine: Engine, reference: str, *, user_name: str) -> None:
    """By the word of an admin. Raises `AccessError`, `NotFound`, `InvalidRequest` where it is not to be."""
    with reading(engine) as store:
        by = accounts.find_admin(store, user_name, to="record refunds")
        payment = by_reference(store, reference)
    if payment is None:
        raise NotFound(f"There is no payment {reference}.")
    if not provider_work.record_refund(engine, payment.id, utc_now(), by=by):
        raise InvalidRequest("reference", "Nothing of this payment is to be given back by hand.")
