"""Exclusions of outages: who enters and revokes them, what is refused, what is told of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta

import factories
import pytest
from sqlalchemy import Engine, select

import manage
from db.analytics import exclusions
from db.analytics.exclusions import ExclusionRefused, local_span
from db.analytics.scope import Scope
from db.analytics.spans import Span
from db.engine import reading, writing
from db.models import AuditEntry, OCPPStation, User

NINE = datetime(2025, 6, 10, 9, tzinfo=UTC)
HOUR = Span(NINE, NINE + timedelta(hours=1))


@pytest.fixture
def station(engine: Engine) -> OCPPStation:
    with writing(engine) as store:
        factories.add_user(store)
        return factories.add_station(store, factories.add_owner(store))


def _enter(engine: Engine, station: OCPPStation, span: Span = HOUR, **more: object) -> int:
    with writing(engine) as store:
        asked: dict[str, object] = {
            "connector_pk": None,
            "reason": "maintenance",
            "by": store.scalars(select(User)).first(),
        }
        return exclusions.enter(store, station_pk=station.id, span=span, **asked | more).id  # type: ignore[arg-type]


def _revoke(engine: Engine, pk: int, scope: Scope) -> None:
    with writing(engine) as store:
        exclusions.revoke(store, scope, pk, by=store.scalars(select(User)).one(), at=NINE)


def test_of_two_admins_who_enter_the_same_at_once_one_is_told_that_it_is_there(
    engine: Engine, station: OCPPStation
) -> None:
    with ThreadPoolExecutor(1) as other:
        with writing(engine) as store:
            by = store.scalars(select(User)).one()
            exclusions.enter(
                store, station_pk=station.id, connector_pk=None, span=HOUR, reason="maintenance", by=by
            )
            second = other.submit(_enter, engine, station)
            wait([second], timeout=0.5)
            assert not second.done(), "it waits for the first"
        with pytest.raises(ExclusionRefused, match="excluded already"):
            second.result()
    with reading(engine) as store:
        assert len(exclusions.entered(store, Scope.network())) == 1


def test_what_is_entered_and_revoked_is_told_with_who_did_it(engine: Engine, station: OCPPStation) -> None:
    pk = _enter(engine, station, connector_pk=station.connectors[1].id, notes="Ticket 7")
    _revoke(engine, pk, Scope.network())
    with reading(engine) as store:
        assert exclusions.entered(store, Scope.network()) == []
        (found,) = exclusions.entered(store, Scope.network(), with_revoked=True)
        told = list(store.scalars(select(AuditEntry).order_by(AuditEntry.id)))[-2:]
    assert (found.connector_number, found.entered_by, found.revoked_at) == (2, "admin", NINE)
    assert [(entry.user_name, entry.action) for entry in told] == [
        ("admin", "exclude outages"),
        ("admin", "revoke exclusion"),
    ]
    assert told[0].subject == "STATION_BOLE_ROAD connector 2"
    assert (told[0].details["reason"], told[0].details["notes"]) == ("maintenance", "Ticket 7")


def test_the_same_time_cannot_be_excluded_twice(engine: Engine, station: OCPPStation) -> None:
    pk = _enter(engine, station)
    with pytest.raises(ExclusionRefused, match="excluded already"):
        _enter(engine, station)
    _revoke(engine, pk, Scope.network())
    assert _enter(engine, station) != pk


@pytest.mark.parametrize(
    ("span", "notes", "reason"),
    [
        (Span(NINE, NINE + timedelta(days=400)), "", "at most 366 days"),
        (Span(datetime(1990, 1, 1, tzinfo=UTC), datetime(1990, 1, 2, tzinfo=UTC)), "", "2000 or later"),
        (HOUR, "x" * 1_001, "at most 1000 characters"),
    ],
)
def test_a_time_that_is_a_slip_is_refused(
    engine: Engine, station: OCPPStation, span: Span, notes: str, reason: str
) -> None:
    with pytest.raises(ExclusionRefused, match=reason):
        _enter(engine, station, span, notes=notes)


def test_of_another_owners_station_nothing_can_be_revoked(engine: Engine, station: OCPPStation) -> None:
    pk = _enter(engine, station)
    with writing(engine) as store:
        other = factories.add_owner(store, "Other")
    with pytest.raises(ExclusionRefused, match="no exclusion"):
        _revoke(engine, pk, Scope.owner(other.id))


def test_times_are_read_on_the_stations_clock() -> None:
    nine = datetime(2025, 7, 1, 9)  # noqa: DTZ001
    assert local_span(nine, nine + timedelta(hours=1), "Europe/Berlin").start.hour == 7


def test_the_command_line_enters_lists_and_revokes(
    engine: Engine,
    station: OCPPStation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("management.commands.exclusions.engine_of", lambda _: engine)
    hours = ["--from", "2025-06-10T12:00", "--to", "2025-06-10T13:00"]
    entering = ["add-exclusion", station.station_id, *hours, "--reason", "vandalism", "--by", "admin"]
    assert manage.main([*entering, "--connector", "2"]) == 0
    assert manage.main([*entering, "--connector", "9"]) == 1
    assert manage.main([*entering, "--notes", "a byte that is not UTF-8: \udce9"]) == 1
    assert manage.main(["list-exclusions"]) == 0
    said = capsys.readouterr()
    assert "2025-06-10 12:00 EAT" in said.out and "vandalism" in said.out and "no connector 9" in said.err
    assert "characters that cannot be stored" in said.err
    with reading(engine) as store:
        (found,) = exclusions.entered(store, Scope.network())
    assert Span(found.start, found.end) == HOUR
    assert manage.main(["revoke-exclusion", str(found.pk), "--by", "admin"]) == 0
    assert manage.main(["revoke-exclusion", str(found.pk), "--by", "admin"]) == 1
    assert "revoked already" in capsys.readouterr().err


def test_only_by_an_admins_word_the_command_line_excludes(
    engine: Engine,
    station: OCPPStation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("management.commands.exclusions.engine_of", lambda _: engine)
    with writing(engine) as store:
        factories.add_user(store, "almaz", "driver")
    hours = ["--from", "2025-06-10T12:00", "--to", "2025-06-10T13:00"]
    entering = ["add-exclusion", station.station_id, *hours, "--reason", "vandalism", "--by", "almaz"]
    assert manage.main(entering) == 1
    assert "almaz is no admin" in capsys.readouterr().err
