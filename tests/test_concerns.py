"""What wants attention in words, of values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.attention.concerns import Present, concerns
from dashboard.loading import Troubles, Upkeep
from dashboard.stations.row import ORDERS
from db.analytics.attention import StuckSession
from db.analytics.stations import Station
from languages import LANGUAGES, speaking

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOLE = Station(
    *(1, "BOLE", "Bole", "Addis", "", "", "", None, None, "Africa/Addis_Ababa"),
    is_active=True,
    is_online=True,
    heard_at=NOW - timedelta(minutes=1),
    vendor="",
    model="",
    firmware_version="",
)
WELL = Present([BOLE], [], NOW - timedelta(minutes=1), Troubles([], 0), Upkeep([], 0), None)


def _told(found: Present) -> list[tuple[str, str]]:
    return [(concern.headline, concern.detail) for concern in concerns(found, NOW)]


def test_where_all_is_well_there_is_nothing_to_say() -> None:
    assert _told(WELL) == []


def test_data_that_nobody_added_to_for_long_is_called_old() -> None:
    assert _told(replace(WELL, newest=NOW - timedelta(minutes=45))) == [
        ("What is shown may be old", "nothing was heard of any station for 45\u00a0min")
    ]
    # Where every station is offline, silence is no news.
    assert "What is shown" not in str(
        _told(replace(WELL, stations=[replace(BOLE, is_online=False)], newest=NOW - timedelta(minutes=45)))
    )


def test_a_station_that_never_connected_is_offline_and_one_that_is_not_active_is_not_missed() -> None:
    new = replace(BOLE, is_online=False, heard_at=None)
    assert _told(replace(WELL, stations=[new])) == [("1 station offline", "Bole never heard")]
    assert _told(replace(WELL, stations=[replace(new, is_active=False)])) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_silent_stations_are_led_to_in_an_order_that_the_list_knows_in_every_language(language: str) -> None:
    silent = [replace(BOLE, pk=n, heard_at=NOW - timedelta(days=2)) for n in (1, 2)]
    with speaking(language):
        (concern,) = concerns(replace(WELL, stations=silent), NOW)
    assert concern.query["station-order"] in ORDERS


def test_many_are_named_by_the_first_and_counted() -> None:
    gone = [
        replace(BOLE, pk=n, name=f"S{n}", is_online=False, heard_at=NOW - timedelta(hours=n))
        for n in range(1, 6)
    ]
    assert _told(replace(WELL, stations=gone)) == [
        (
            "5 stations offline",
            "S1 for 1\u00a0h 00\u00a0min, S2 for 2\u00a0h 00\u00a0min, "
            "S3 for 3\u00a0h 00\u00a0min and 2 more",
        )
    ]


def test_only_admins_are_told_of_the_backend_and_led_to_the_quarantine() -> None:
    stuck = StuckSession(7, 1, "Bole", NOW - timedelta(hours=2))
    found = replace(WELL, troubles=Troubles([stuck], 2), backend_down_since=NOW - timedelta(minutes=5))
    assert [concern.page for concern in concerns(found, NOW)] == [
        "views/ocpp_log.py",
        "views/sessions.py",
        "views/quarantine.py",
    ]
    of_owner = concerns(replace(found, upkeep=None), NOW)
    assert [(concern.key, concern.page) for concern in of_owner] == [
        ("stuck", "views/sessions.py"),
        ("held", None),
    ]
    assert of_owner[0].query == {"session": "7"}
