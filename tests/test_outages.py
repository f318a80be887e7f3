"""Outages and the three definitions of availability, from the statuses in the store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import factories
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db.analytics import exclusions, outages
from db.analytics.exclusions import ExclusionRefused
from db.analytics.outages import PortLog
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span
from db.engine import reading, writing
from db.models import OCPPConnector, OCPPStation

DAY = date(2025, 6, 10)
MIDNIGHT = datetime(2025, 6, 9, 21, tzinfo=UTC)  # in Addis Ababa
TODAY = Period(DAY, DAY + timedelta(days=1))
TOMORROW = MIDNIGHT + timedelta(days=1)


def _at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def _history(store: Session, connector: OCPPConnector, *changes: tuple[str, float]) -> None:
    """The connector's statuses, each with the hour at which it began; the last one is still open."""
    ends: list[float | None] = [begun for _, begun in changes[1:]]
    for (status, begun), end in zip(changes, [*ends, None], strict=True):
        factories.add_status(store, connector, status, _at(begun), None if end is None else _at(end))


def _station(store: Session, **more: object) -> OCPPStation:
    return factories.add_station(store, factories.add_owner(store), connectors=1, **more)  # type: ignore[arg-type]


def _logs(engine: Engine, now: datetime = TOMORROW) -> list[PortLog]:
    with reading(engine) as store:
        return outages.logs(store, Scope.network(), TODAY, now)


def test_an_outage_is_listed_with_what_it_was(engine: Engine) -> None:
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        _history(store, connector, ("available", -5), ("faulted", 10), ("offline", 11), ("available", 12))
    (log,) = _logs(engine)
    (outage,) = log.outages
    assert (outage.start, outage.end, outage.statuses) == (_at(10), _at(12), ("faulted", "offline"))
    assert not outage.is_open
    assert log.observed == timedelta(days=1)


def test_an_outage_is_clipped_to_the_period_and_to_now(engine: Engine) -> None:
    with writing(engine) as store:
        connector = _station(store).connectors[0]
        _history(store, connector, ("faulted", -5), ("available", 2), ("unavailable", 20))
    first, second = _logs(engine, now=_at(21))[0].outages
    assert (first.start, first.end) == (_at(0), _at(2))
    assert (second.start, second.end, second.is_open) == (_at(20), _at(21), True)


def test_before_a_connector_was_known_nothing_is_observed(engine: Engine) -> None:
    with writing(engine) as store:
        _history(store, _station(store).connectors[0], ("available", 18))
    assert _logs(engine)[0].observed == timedelta(hours=6)


def test_the_three_definitions_differ_as_they_say(engine: Engine) -> None:
    with writing(engine) as store:
        admin = factories.add_user(store)
        station = _station(store, power_w=60_000)
        # 2 h faulted, of them 1 h excluded; 3 h offline, which the UK's rule takes for reliable.
        changes = (("available", 0), ("faulted", 6), ("available", 8), ("offline", 12), ("available", 15))
        _history(store, station.connectors[0], *changes)
        span = Span(_at(7), _at(9))
        exclusions.enter(
            store,
            station_pk=station.id,
            connector_pk=None,
            span=span,
            reason="utility_interruption",
            by=admin,
        )
    found = outages.definitions(_logs(engine))
    assert found.plain == pytest.approx(19 / 24)
    assert found.nevi_mean == pytest.approx(20 / 24)
    (uptime,) = found.nevi.values()
    assert (float(uptime.share), uptime.passes) == (pytest.approx(20 / 24), False)
    assert found.uk is not None
    assert float(found.uk.share) == pytest.approx(22 / 24)


def test_whether_the_unknown_counts_is_a_setting(engine: Engine) -> None:
    with writing(engine) as store:
        station = _station(store, power_w=60_000)
        _history(store, station.connectors[0], ("faulted", 0), ("offline", 6), ("available", 12))
    found = outages.definitions(_logs(engine), unknown_counts=False)
    assert found.uk is not None
    assert float(found.uk.share) == pytest.approx(12 / 18)


def test_only_rapid_charge_points_are_in_the_uk_mean(engine: Engine) -> None:
    with writing(engine) as store:
        _history(store, _station(store, power_w=22_000).connectors[0], ("available", 0))
    assert outages.definitions(_logs(engine)).uk is None


def test_without_any_log_there_is_no_availability(engine: Engine) -> None:
    found = outages.definitions(_logs(engine))
    assert (found.plain, found.nevi_mean, found.uk) == (None, None, None)


def test_of_another_owners_stations_nothing_is_seen(engine: Engine) -> None:
    with writing(engine) as store:
        _history(store, _station(store).connectors[0], ("faulted", 0))
        other = factories.add_owner(store, "Other")
    with reading(engine) as store:
        assert outages.logs(store, Scope.owner(other.id), TODAY, TOMORROW) == []


def test_an_exclusion_of_one_connector_is_not_its_neighbours(engine: Engine) -> None:
    with writing(engine) as store:
        admin = factories.add_user(store)
        station = factories.add_station(store, factories.add_owner(store), connectors=2)
        for connector in station.connectors:
            _history(store, connector, ("faulted", 0))
        exclusions.enter(
            store,
            station_pk=station.id,
            connector_pk=station.connectors[0].id,
            span=Span(_at(0), _at(6)),
            reason="maintenance",
            by=admin,
        )
    assert [log.outages[0].excluded for log in _logs(engine)] == [timedelta(hours=6), timedelta()]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"reason": "boredom"}, "no reason is called boredom"),
        ({"span": Span(_at(3), _at(3))}, "ends after it begins"),
        ({"connector_pk": 99}, "no such connector"),
    ],
)
def test_an_exclusion_that_cannot_be_is_refused(engine: Engine, more: dict[str, object], told: str) -> None:
    with writing(engine) as store:
        station = _station(store)
        asked: dict[str, object] = {
            "station_pk": station.id,
            "connector_pk": None,
            "span": Span(_at(0), _at(1)),
            "reason": "maintenance",
            "by": factories.add_user(store),
        }
        with pytest.raises(ExclusionRefused, match=told):
            exclusions.enter(store, **(asked | more))  # type: ignore[arg-type]
