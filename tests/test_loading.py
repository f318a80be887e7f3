"""What pages load is shared by those who may see it, for as long as it is fresh."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from factories import add_owner, add_station
from sqlalchemy import Engine

from dashboard import language, live_panel, loading, resources
from dashboard.drawn import once
from dashboard.loading import kept as keeping
from dashboard.loading.kept import Kept
from db.analytics.live import NetworkState
from db.analytics.scope import Scope
from db.engine import writing
from languages import speaking

TTL = 2.0
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Shelf:
    """A value that is loaded: how often it was, and whether that works."""

    def __init__(self, clock: Clock, *, ahead: bool = False):
        self.clock, self.loads, self.is_broken = clock, 0, False
        self.get = Kept(self._load, ttl=TTL, most=2, ahead=ahead, clock=clock)

    def _load(self, key: str) -> str:
        if self.is_broken:
            raise OSError("the store is away")
        self.loads += 1
        return f"{key} {self.loads}"


class AtOnce:
    """Does in the background's place, and at once, what is handed to it."""

    @staticmethod
    def submit(work: Callable[..., None], *args: object) -> None:
        work(*args)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "engine", lambda: "one")


@pytest.fixture
def ahead(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    monkeypatch.setattr(keeping, "_renewing", AtOnce)
    return Shelf(clock, ahead=True)


def test_those_who_ask_at_once_share_one_load() -> None:
    is_asked, may_come = Event(), Event()

    def load() -> object:
        is_asked.set()
        may_come.wait(5)
        return object()

    value = Kept(load, ttl=TTL, most=1)
    with ThreadPoolExecutor(4) as sessions:
        first = sessions.submit(value)
        is_asked.wait(5)
        others = [sessions.submit(value) for _ in range(3)]
        may_come.set()
        assert all(other.result() is first.result() for other in others)


def test_a_value_is_loaded_anew_when_its_time_is_over(clock: Clock) -> None:
    shelf = Shelf(clock)
    assert [shelf.get("a"), shelf.get("a")] == ["a 1", "a 1"]
    clock.now += TTL
    assert shelf.get("a") == "a 2"


def test_what_is_renewed_in_the_background_is_there_for_the_next_who_asks(ahead: Shelf, clock: Clock) -> None:
    ahead.get("a")
    clock.now += TTL
    assert [ahead.get("a"), ahead.get("a"), ahead.loads] == ["a 1", "a 2", 2]


def test_nobody_is_given_what_is_older_than_twice_its_time(ahead: Shelf, clock: Clock) -> None:
    ahead.get("a")
    clock.now += 2 * TTL
    assert ahead.get("a") == "a 2"


def test_a_value_that_cannot_be_renewed_serves_to_its_end_and_then_the_fault_is_told(
    ahead: Shelf, clock: Clock
) -> None:
    ahead.get("a")
    ahead.is_broken = True
    clock.now += TTL
    assert ahead.get("a") == "a 1"
    clock.now += TTL
    with pytest.raises(OSError, match="away"):
        ahead.get("a")
    ahead.is_broken = False
    assert ahead.get("a") == "a 2"


def test_values_are_kept_apart_by_what_was_asked_and_by_store(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(clock)
    assert [shelf.get("a"), shelf.get("b")] == ["a 1", "b 2"]
    monkeypatch.setattr(resources, "engine", lambda: "other")
    assert shelf.get("a") == "a 3"


def test_those_asked_for_longest_ago_make_room(clock: Clock) -> None:
    shelf = Shelf(clock)
    for key in "aba":
        shelf.get(key)
    shelf.get("c")
    assert shelf.get("a") == "a 1"
    assert shelf.get("b") == "b 4"


@pytest.fixture
def stations(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Scope]]:
    """The scopes of two owners with a station each, by its name."""
    monkeypatch.setattr(resources, "engine", lambda: engine)
    scopes = {}
    with writing(engine) as store:
        for name in ("Bole Road", "Adama Gate"):
            owner = add_owner(store, name)
            add_station(store, owner, name)
            scopes[name] = Scope.owner(owner.id)
    yield scopes
    loading.forget()


def test_owners_share_what_they_see_with_themselves_and_with_nobody_else(stations: dict[str, Scope]) -> None:
    for name, scope in stations.items():
        found = loading.live_state(scope)
        assert {each.station_name for each in found.connectors} == {name}
        assert loading.live_state(Scope.owner(scope.id)) is found


def test_what_was_drawn_of_the_same_object_is_drawn_once_in_each_language() -> None:
    drawn: list[list[int]] = []

    @once
    def draw(numbers: list[int], title: str) -> str:
        drawn.append(numbers)
        return f"{title} {len(drawn)}"

    numbers, equal = [1, 2], [1, 2]
    assert [draw(numbers, "a"), draw(numbers, "a"), draw(numbers, "b")] == ["a 1", "a 1", "b 2"]
    # Equal now is not equal for ever: whose list it is decides.
    assert draw(equal, "a") == "a 3"
    with speaking("am"):
        assert draw(numbers, "a") == "a 4"


@pytest.mark.parametrize("age, word", [(timedelta(seconds=5), "Live"), (timedelta(minutes=3), "Not live")])
def test_a_strip_says_that_what_it_shows_is_old(age: timedelta, word: str) -> None:
    state = NetworkState(1, 2, 0, 0, 2, 0, 0, 0, 0, NOW - age)
    assert f"<b>{word}</b>" in live_panel.strip(state, NOW, None)


def test_texts_of_a_fragment_ask_the_session_for_its_language_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("languages._sources", [lambda: asked.append("am") or "am"])
    assert language.spoken(lambda: (language._("Energy"), language._("Sessions")))()[0] != "Energy"
    assert asked == ["am"]
