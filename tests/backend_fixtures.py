"""Fixtures of the tests of the OCPP backend; a test file names this module in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from backend_support import Backend, ChargePoint, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def backend(tmp_path: Path, receiver: Receiver) -> Iterator[Backend]:
    backend = Backend(tmp_path, receiver.url)
    yield backend
    backend.stop()


@pytest.fixture
def station(backend: Backend) -> Iterator[ChargePoint]:
    """Station ST1 with two connectors at 12.50 ETB/kWh, connected, booted and free."""
    backend.sync(price_per_kwh="12.50", currency="ETB")
    with backend.charge_point() as charge_point:
        charge_point.boot()
        charge_point.status("Available")
        yield charge_point
