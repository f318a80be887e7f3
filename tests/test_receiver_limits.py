"""How often the receiver may be asked, whichever of its processes is asked, and by whom."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import requests
from receiver_app import Running, populate, running_receiver
from receiver_process import receivers
from sqlalchemy import Engine, func, select

from db.engine import make_engine, reading
from db.models import RequestCount
from db.request_counts import CountsUnavailable, RequestCounts
from webhook_receiver.addresses import origin

STATIONS = "/api/ocpp/stations/"
STATUS = "/api/ocpp/session-status/"


def _statuses(receiver: Running, number: int, who: str | None = "owner", path: str = STATIONS) -> list[int]:
    return [receiver.ask(who, "GET", path).status_code for _ in range(number)]


# The counts


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_within_the_limit_passes(engine: Engine) -> None:
    counts = RequestCounts(engine, clock=_Clock())
    assert [counts.take("k", 2) for _ in range(3)] == [None, None, 60]
    counts.close()


def test_a_new_window_begins_with_the_first_request_after_the_old_one(engine: Engine) -> None:
    clock = _Clock()
    counts = RequestCounts(engine, clock=clock)
    first = [counts.take("k", 1) for _ in range(2)]
    clock.now += 59.5
    late = counts.take("k", 1)
    clock.now += 0.5
    assert (first, late, counts.take("k", 1), counts.take("k", 1)) == ([None, 60], 1, None, 60)
    counts.close()


def test_a_window_that_was_begun_by_a_clock_that_was_ahead_ends_when_it_is_set_right(engine: Engine) -> None:
    clock = _Clock()
    counts = RequestCounts(engine, clock=clock)
    clock.now += 900
    ahead = [counts.take("k", 1) for _ in range(2)]
    clock.now -= 900
    assert (ahead, counts.take("k", 1), counts.take("k", 1)) == ([None, 60], None, 60)
    counts.close()


def test_keys_are_counted_apart(engine: Engine) -> None:
    counts = RequestCounts(engine, clock=_Clock())
    assert [counts.take(key, 1) for key in ("a", "b", "a")] == [None, None, 60]
    counts.close()


def test_two_that_count_at_once_count_together(engine: Engine) -> None:
    both = [RequestCounts(engine, clock=_Clock()) for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: both[number % 2].take("k", 20), range(60)))
    assert taken.count(None) == 20
    for counts in both:
        counts.close()


def test_counts_of_past_windows_are_removed(engine: Engine) -> None:
    clock = _Clock()
    counts = RequestCounts(engine, clock=clock)
    for number in range(50):
        counts.take(str(number), 1)
    clock.now += 120
    counts.take("now", 1)
    with counts._engine.connect() as connection:
        left = connection.scalar(select(func.count()).select_from(RequestCount))
    counts.close()
    assert left == 1


def test_counting_on_sqlite_leaves_the_store_alone(sqlite: Engine) -> None:
    counts = RequestCounts(sqlite)
    with sqlite.execution_options(writes=True).connect() as holder, holder.begin():
        assert counts.take("k", 1) is None
    with reading(sqlite) as store:
        assert store.scalar(select(func.count()).select_from(RequestCount)) == 0
    counts.close()


def test_counts_that_cannot_be_kept_are_told_and_kept_again_afterwards(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}")
    counts = RequestCounts(engine)
    counts.take("k", 2)
    holder = sqlite3.connect(tmp_path / "store-counts.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(CountsUnavailable):
        counts.take("k", 2)
    holder.rollback()
    holder.close()
    assert counts.take("k", 2) is None
    counts.close()
    engine.dispose()


# The receiver


def test_more_requests_than_the_limit_are_answered_429_with_the_time_to_wait(engine: Engine) -> None:
    with running_receiver(engine, rate_limit_per_minute=2) as receiver:
        _statuses(receiver, 2)
        refused = receiver.ask("owner", "GET", STATIONS)
    assert (refused.status_code, refused.json()["success"]) == (429, False)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


def test_tokens_are_limited_apart(engine: Engine) -> None:
    with running_receiver(engine, rate_limit_per_minute=1) as receiver:
        assert [_statuses(receiver, 2, who) for who in ("owner", "admin")] == [[200, 429]] * 2


def test_what_asks_the_backend_has_a_limit_of_its_own(engine: Engine) -> None:
    with running_receiver(engine, commands_per_minute=1) as receiver:
        asked = [_statuses(receiver, 2, path=path)[-1] for path in (STATUS, STATIONS)]
    assert asked == [429, 200]


def test_a_limit_of_nought_is_none(engine: Engine) -> None:
    with running_receiver(engine, rate_limit_per_minute=0) as receiver:
        assert set(_statuses(receiver, 5)) == {200}


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json", "/docs"])
def test_what_needs_no_token_has_no_limit(engine: Engine, path: str) -> None:
    with running_receiver(engine, rate_limit_per_minute=1, auth_failures_per_minute=1) as receiver:
        assert set(_statuses(receiver, 3, None, path)) == {200}


def test_wrong_tokens_are_answered_429_after_a_while_but_a_right_one_passes(engine: Engine) -> None:
    with running_receiver(engine, auth_failures_per_minute=2) as receiver:
        receiver.people.tokens["guess"] = "wrong"
        assert (_statuses(receiver, 3, "guess"), _statuses(receiver, 1)) == ([401, 401, 429], [200])


def test_wrong_signatures_are_answered_429_after_a_while_but_a_right_one_passes(engine: Engine) -> None:
    event = {"type": "station_status", "data": {"status": "available"}}
    with running_receiver(engine, auth_failures_per_minute=2) as receiver:
        json_ = {"content-type": "application/json"}
        wrong = [receiver.post_raw(b"{}", json_).status_code for _ in range(3)]
        assert (wrong, receiver.post_event(event).status_code) == ([401, 401, 429], 200)


def test_webhooks_have_a_limit_where_one_is_set(engine: Engine) -> None:
    event = {"type": "station_status", "data": {"status": "available"}}
    with running_receiver(engine, webhooks_per_minute=2) as receiver:
        assert [receiver.post_event(event).status_code for _ in range(3)] == [200, 200, 429]


def test_each_event_of_a_batch_counts_and_a_batch_that_is_let_in_is_taken_whole(engine: Engine) -> None:
    event = {"type": "station_status", "data": {"status": "available"}}
    with running_receiver(engine, webhooks_per_minute=4) as receiver:
        answers = [receiver.post_batch([event | {"station_id": f"{n}{m}"} for m in range(3)]) for n in "abc"]
        recorded = len(receiver.recorded())
    assert ([answer.status_code for answer in answers], recorded) == ([200, 200, 429], 6)


@pytest.mark.parametrize(("trusted", "last"), [("", 429), ("127.0.0.1", 401)])
def test_a_forwarded_address_counts_behind_a_known_proxy_only(
    engine: Engine, trusted: str, last: int
) -> None:
    with running_receiver(engine, auth_failures_per_minute=1, forwarded_allow_ips=trusted) as receiver:
        headers = [{"X-Forwarded-For": address} for address in ("192.0.2.1", "192.0.2.2")]
        answers = [receiver.ask(None, "GET", STATIONS, headers=each).status_code for each in headers]
    assert answers == [401, last]


def test_where_requests_cannot_be_counted_nobody_is_let_in_until_they_can(
    engine: Engine, locked: Callable[..., AbstractContextManager[None]]
) -> None:
    with running_receiver(engine) as receiver:
        _statuses(receiver, 1)
        with _counts_locked(engine, locked):
            refused = receiver.ask("owner", "GET", STATIONS)
        again = receiver.ask("owner", "GET", STATIONS)
    assert (refused.status_code, refused.headers["Retry-After"], again.status_code) == (503, "5", 200)


def _counts_locked(
    engine: Engine, locked: Callable[..., AbstractContextManager[None]]
) -> AbstractContextManager[Any]:
    if engine.dialect.name == "postgresql":
        return locked("request_counts")
    return _LockedFile(Path(str(engine.url.database)).with_name("store-counts.db"))


class _LockedFile:
    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> None:
        self._holder = sqlite3.connect(self._path, isolation_level=None)
        self._holder.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._holder.rollback()
        self._holder.close()


def test_of_many_requests_to_two_processes_exactly_the_limit_passes(engine: Engine) -> None:
    people = populate(engine)
    headers = {"Authorization": f"Token {people.tokens['owner']}"}
    with receivers(engine, 2, RATE_LIMIT_PER_MINUTE="40") as urls:

        def ask(number: int) -> int:
            return requests.get(urls[number % 2] + STATIONS, headers=headers, timeout=20).status_code

        with ThreadPoolExecutor(16) as pool:
            assert Counter(pool.map(ask, range(100))) == {200: 40, 429: 60}


# Where a request comes from

PROXIES = ("10.0.0.0/8", "2001:db8::/32")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("[2001:db8::1]", "2a00:1:2:3:4:5:6:7", "2a00:1:2:3::/64"),
        ("somewhere", "198.51.100.1", "somewhere"),
    ],
)
def test_the_last_address_that_is_no_proxys_is_believed(peer: str, forwarded: str, expected: str) -> None:
    assert origin(peer, forwarded, [ip_network(each) for each in PROXIES]) == expected
