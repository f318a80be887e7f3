"""The door that the gateway opens by itself answers as the Flask app does, in every case that there is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from receiver_app import NEW_SECRET, SECRET, make_settings
from sqlalchemy import Engine

from db.request_counts import RequestCounts
from ocpp_integration import events
from webhook_receiver.app import make_app
from webhook_receiver.context import of
from webhook_receiver.door import PATH, Door, Post

EVENT = json.dumps({"type": "station_status", "station_id": "S", "data": {"status": "available"}})
OTHER = json.dumps({"type": "station_status", "station_id": "S", "data": {"status": "faulted"}})
WRONG = json.dumps({"type": "session_started", "station_id": "S", "data": {}})

Told = tuple[int, Any, dict[str, str]]


@dataclass(frozen=True)
class Sent:
    """An event to be signed when it is sent; `name` is told from that of the other way."""

    body: str = EVENT
    name: str | None = "1"
    secret: str = SECRET
    age: timedelta = timedelta()
    headers: dict[str, str] = field(default_factory=dict)

    def by(self, way: str) -> dict[str, str]:
        known = {"content-type": "application/json"}
        if self.name is not None:
            known |= events.sign([self.secret], f"{way}-{self.name}", self.body, datetime.now(UTC) - self.age)
        return known | self.headers


UNSIGNED, FOREIGN = Sent(name=None), Sent(secret=NEW_SECRET)
CASES = {
    "a new event": [Sent()],
    "a resend": [Sent(), Sent()],
    "another body under the id": [Sent(), Sent(OTHER)],
    "no signature": [UNSIGNED],
    "a wrong signature": [FOREIGN],
    "an old signature": [Sent(age=timedelta(minutes=6))],
    "a wrong field": [Sent(WRONG)],
    "no JSON": [Sent("{")],
    "an unknown type": [Sent(json.dumps({"type": "of_tomorrow", "data": {}}))],
    "a wrong content type": [Sent(headers={"content-type": "text/plain"})],
    "a name for the request": [Sent(headers={"x-request-id": "abc-1"})],
    "too many": [Sent(name=str(number)) for number in range(4)],
    "too many that are not let in": [FOREIGN] * 4,
    "a right one after as many wrong ones as are allowed": [FOREIGN, FOREIGN, Sent()],
}


@pytest.fixture
def app(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    # Else "try again in 60 s" may be 59 s a moment later.
    monkeypatch.setattr(RequestCounts.__init__, "__kwdefaults__", {"clock": lambda: 1.8e9})
    limits = {"webhooks_per_minute": 3, "auth_failures_per_minute": 2}
    app = make_app(make_settings(engine, **limits), engine=engine)
    yield app
    of(app).close()


def _through_flask(app: Flask, sent: Sent) -> Told:
    peer = {"REMOTE_ADDR": "192.0.2.1"}
    client, headers = app.test_client(), sent.by("flask")
    answer = client.post(PATH, data=sent.body, headers=headers, environ_overrides=peer)
    return answer.status_code, answer.json, _plain({**answer.headers})


def _through_the_door(app: Flask, sent: Sent) -> Told:
    post = Post(sent.by("door"), sent.body.encode(), "192.0.2.2")
    status, told, answer = asyncio.run(Door(of(app)).respond(post))
    return status, json.loads(answer), _plain(dict(told))


def _plain(headers: dict[str, str]) -> dict[str, str]:
    """Without what the server adds, and without the name of a request that brought none."""
    lower = {name.lower(): value for name, value in headers.items() if name.lower() != "content-length"}
    return lower | {"x-request-id": lower["x-request-id"] if lower["x-request-id"] == "abc-1" else "new"}


@pytest.mark.parametrize("posts", CASES.values(), ids=CASES.keys())
def test_both_ways_answer_the_same(app: Flask, posts: list[Sent]) -> None:
    by_flask = [_through_flask(app, sent) for sent in posts]
    assert [_through_the_door(app, sent) for sent in posts] == by_flask


def test_a_store_that_takes_nothing_is_told_the_same_by_both_ways(app: Flask) -> None:
    of(app).inbox.close()
    assert _through_the_door(app, Sent()) == _through_flask(app, Sent())
    assert _through_the_door(app, Sent())[0] == 503


def test_what_fails_unforeseen_is_answered_500_and_logged(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("webhook_receiver.door.judge", lambda *_: 1 / 0)
    by_door, by_flask = _through_the_door(app, Sent()), _through_flask(app, Sent())
    assert (by_door, by_door[0]) == (by_flask, 500)
    assert "division by zero" in caplog.text
