"""Pricing a past period anew, and tariffs on the command line."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from one_station import add_network
from sqlalchemy import Engine, select
from tariff_makers import IDLE, energy_at, give
from webhooks import progress, started, status, stopped, tell

import manage
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import ChargingSession
from management.commands import tariffs
from ocpp_integration.pricing import parse
from ocpp_integration.repricing import reprice
from settings import Settings

DAY = Period(date(2026, 3, 10), date(2026, 3, 11))


@pytest.fixture
def booked(engine: Engine) -> Engine:
    """Two sessions under the platform's price, two under one that asks for idle time, one without energy."""
    add_network(engine)
    for number in (1, 2):
        stop = stopped(600, transaction=number, meter_stop=1333 * number)
        tell(engine, started(0, transaction=number), stop)
    tell(engine, started(0, transaction=3), stopped(600, transaction=3, meter_stop=1000))
    give(engine, "idle", IDLE)
    for number, start in ((4, 1000), (5, 2000)):
        tell(engine, started(start, transaction=number, meter_start=5000))
        tell(engine, progress(start + 300, 3.1, transaction=number), status(start + 300, "SuspendedEV"))
        tell(engine, status(start + 700, "Charging"))
        tell(engine, stopped(start + 900, transaction=number, meter_stop=9567))
    return engine


def test_under_the_booked_tariffs_the_booked_revenue_comes_out_to_the_cent(booked: Engine) -> None:
    with reading(booked) as store:
        (found,) = reprice(store, Scope.network(), DAY)
    assert found.booked == Decimal("3.33") + Decimal("16.66") + 2 * (Decimal("45.67") + Decimal("6.67"))
    assert (found.anew, found.differing, found.sessions) == (found.booked, 0, 5)


def test_held_sessions_are_left_out_as_in_the_revenue_and_corrected_ones_count_as_corrected(
    booked: Engine,
) -> None:
    with writing(booked) as store:
        held, corrected = store.scalars(
            select(ChargingSession)
            .where(ChargingSession.transaction_id.in_((1, 2)))
            .order_by("transaction_id")
        )
        held.verdict = "held"
        corrected.verdict, corrected.cost = "corrected", Decimal("12.34")
    with reading(booked) as store:
        (found,) = reprice(store, Scope.network(), DAY)
        (other,) = reprice(store, Scope.network(), DAY, parse(energy_at("20")))
    assert found.booked == Decimal("12.34") + 2 * (Decimal("45.67") + Decimal("6.67"))
    assert (found.anew, found.differing, found.sessions) == (found.booked, 0, 4)
    assert other.anew == 20 * Decimal("1.666") + 2 * 20 * Decimal("4.567")


def test_another_tariff_shows_what_it_would_have_earned(booked: Engine) -> None:
    with reading(booked) as store:
        (plain,) = reprice(store, Scope.network(), DAY, parse(energy_at("20")))
        (timed,) = reprice(store, Scope.network(), DAY, parse(IDLE))
        assert reprice(store, Scope.network(), DAY, parse(energy_at("1") | {"currency": "USD"})) == []
        assert reprice(store, Scope.owner(999), DAY) == []
    assert plain.anew == 20 * Decimal("0.333") + 20 * Decimal("1.666") + 2 * 20 * Decimal("4.567")
    assert (timed.anew, timed.booked) == (plain.booked, plain.booked)


@pytest.fixture
def commanded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A store with one station, that the command line works on."""
    monkeypatch.setattr(tariffs, "load", lambda: Settings(_env_file=None))
    monkeypatch.setattr(tariffs, "engine_of", lambda _settings: engine)
    add_network(engine)
    return engine


def test_a_tariff_is_added_assigned_shown_and_ended_on_the_command_line(
    commanded: Engine,  # noqa: ARG001 - the commands work on it
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "night.json"
    file.write_text(json.dumps(IDLE | {"id": "NIGHT"}))
    assert manage.main(["tariffs", "add", str(file), "--name", "Night"]) == 0
    assert (
        manage.main(["tariffs", "assign", "NIGHT", "--station", "STATION_BOLE_ROAD", "--connector", "1"]) == 0
    )
    assert "NIGHT holds at Bole Road connector 1." in capsys.readouterr().out
    assert manage.main(["tariffs", "list"]) == 0
    listed = capsys.readouterr().out
    assert "Idle time 60.00 ETB per hour with 15 % VAT" in listed
    number = listed.splitlines()[-1].split()[0]
    assert manage.main(["tariffs", "end", number]) == 0
    assert manage.main(["tariffs", "show", "NIGHT"]) == 0
    assert "NIGHT version 1: Night, ETB" in capsys.readouterr().out
    assert manage.main(["tariffs", "end", number]) == 1
    assert "has ended already" in capsys.readouterr().err


def test_what_cannot_be_done_is_told_in_one_line(
    commanded: Engine,  # noqa: ARG001 - the commands work on it
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(
        '{"currency": "ETB", "elements": [{"price_components": [{"type": "TIME", "price": -1}]}]}'
    )
    for command, told in (
        (["tariffs", "add", str(file)], "elements.0.price_components.0.price"),
        (["tariffs", "add", str(tmp_path / "none.json")], "cannot be read"),
        (["tariffs", "show", "nothing"], "no tariff is called nothing"),
        (["tariffs", "assign", "nothing", "--station", "NOWHERE"], "no station has the OCPP id NOWHERE"),
        (
            ["tariffs", "assign", "NIGHT", "--owner", "Selam Charging", "--connector", "2"],
            "name that with --station",
        ),
        (["reprice"], "Say which days"),
        (["reprice", "--quarter", "2026-Q1", "--version", "2"], "name it with --tariff"),
    ):
        assert manage.main(command) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


def test_a_period_is_priced_anew_on_the_command_line(
    commanded: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(commanded, started(0), stopped(600, meter_stop=2000))
    file = tmp_path / "dear.json"
    file.write_text(json.dumps(energy_at("12.5")))
    assert manage.main(["reprice", "--from", "2026-03-01", "--to", "2026-03-31", "--file", str(file)]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row == ["ETB", "1", "1.000", "kWh", "10.00", "12.50", "+2.50", "1", "0"]
