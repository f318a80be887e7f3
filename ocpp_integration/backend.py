"""The calls to the OCPP backend (its locator API): what is repeated, and what counts as an answer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

import log
from db.models import utc_now
from db.texts import storable
from ocpp_integration.breaker import Breaker, Watcher
from ocpp_integration.errors import BackendDown, BackendError, BackendRefused, BackendSilent
from ocpp_integration.transport import HttpTransport, NoAnswer, NotSent, Transport
from settings import Settings

MAX_PAUSE = 60.0
# For so many seconds a call goes on trying; the last try may take its whole time beyond.
PATIENCE = 90.0
# So few where somebody waits for the answer, and a lane of the receiver with them.
A_PERSONS_PATIENCE = 5.0
_REPEATABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
_NO_SESSION = 0
_LONGEST_WORDS = 500

Answer = dict[str, Any]
# Told of each request: its call (such as sync-station), its outcome (ok, refused, silent, down), its seconds.
Observer = Callable[[str, str, float], None]


def longest_call(settings: Settings) -> float:
    """Seconds that a call may take in which a person has patience: its last try begins within that."""
    return A_PERSONS_PATIENCE + settings.ocpp_timeout


class BackendClient:
    """The calls of the locator API. Each returns the answer's JSON object or raises a `BackendError`.

    Reading and syncing may be repeated and are, with growing, jittered pauses. Commands are
    sent once: what became of an unanswered one is found out by reading. Where the backend keeps failing,
    calls raise `BackendDown` at once (see `breaker`); `watcher` is told of it. One client serves a process.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        http: Transport | None = None,
        watcher: Watcher | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        observe: Observer = lambda _call, _outcome, _seconds: None,
    ):
        self._attempts = settings.ocpp_retry_attempts
        self._http = http or HttpTransport(
            settings.ocpp_settings["BASE_URL"],
            seconds=settings.ocpp_timeout,
            connections=settings.poll_parallel,
        )
        self._breaker = Breaker(watcher, clock=clock)
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._now = now
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._observe = observe
        if key := settings.ocpp_settings["API_KEY"]:
            self._headers["Authorization"] = f"Bearer {key}"

    @property
    def is_down(self) -> bool:
        """Whether calls are refused here, because the backend failed again and again."""
        return self._breaker.is_open

    def sync_station(self, station: Mapping[str, Any], *, patience: float = PATIENCE) -> Answer:
        """`patience` is for how many seconds further tries may begin."""
        return self._repeated("POST", "/api/locator/sync-station/", station, patience=patience)

    def initiate_charging(self, request: Mapping[str, Any]) -> Answer:
        return self._once("POST", "/api/locator/initiate-charging/", request)

    def session(self, transaction_id: int, *, patience: float = PATIENCE) -> Answer:
        """`patience` is for how many seconds further tries may begin."""
        return self._repeated("GET", f"/api/locator/session/{transaction_id}/", patience=patience)

    def presence(self) -> Answer:
        """Which charge points are there. An addition of the embedded backend: others answer 404."""
        return self._repeated("GET", "/api/locator/presence/")

    def frames(self, query: Mapping[str, str]) -> Answer:
        """The log of OCPP frames. An addition of the embedded backend: others answer 404."""
        return self._once("GET", f"/api/locator/frames/?{urlencode(query)}")

    def stop_charging(self, request: Mapping[str, Any]) -> Answer:
        return self._once("POST", "/api/locator/stop-charging/", request)

    def commands(self) -> Answer:
        """The commands to charge points. An addition of the embedded backend: others answer 404."""
        return self._once("GET", "/api/locator/commands/")

    def command(self, station_id: str, name: str, request: Mapping[str, Any]) -> Answer:
        """One of those. The answer's `status` is the charge point's, whatever it is."""
        return self._once(
            "POST", f"/api/locator/stations/{quote(station_id, safe='')}/commands/{name}/", request
        )

    def greet(self) -> None:
        """Find out whether the backend is there, by asking for a session that no backend has.

        Raises a `BackendError` where it is not; a refusal is an answer.
        """
        try:
            self._once("GET", f"/api/locator/session/{_NO_SESSION}/")
        except BackendRefused as error:
            if error.is_outage:
                raise

    def _repeated(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, patience: float = PATIENCE
    ) -> Answer:
        paused, begun = 0.0, self._clock()
        for attempt in range(self._attempts):
            try:
                return self._once(method, path, body)
            except BackendError as error:
                pause = self._pause(attempt, error)
                spent = max(paused, self._clock() - begun)
                if pause is None or spent + pause > patience or self.is_down:
                    raise
            paused += pause
            self._sleep(pause)
        return self._once(method, path, body)

    def _pause(self, attempt: int, error: BackendError) -> float | None:
        """Seconds until the next try: what the backend asks for, else a growing time with full jitter.

        None after a refusal that is final.
        """
        if isinstance(error, BackendRefused):
            if error.status not in _REPEATABLE_STATUSES:
                return None
            if error.retry_after is not None:
                return min(MAX_PAUSE, error.retry_after)
        return self._jitter(0, min(MAX_PAUSE, 0.5 * 2**attempt))

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        encoded = None if body is None else orjson.dumps(body)
        began, outcome = self._clock(), "silent"
        try:
            answer = self._breaker.call(lambda: self._exchange(method, path, encoded))
            outcome = "ok"
        except (BackendDown, BackendRefused) as error:
            outcome = "down" if isinstance(error, BackendDown) else "refused"
            raise
        else:
            return answer
        finally:
            self._observe(path.split("/")[3], outcome, self._clock() - began)

    def _exchange(self, method: str, path: str, body: bytes | None) -> Answer:
        try:
            answer = self._http.exchange(method, path, body=body, headers=self._headers | _request_id())
        except NotSent as error:
            raise BackendDown(f"The OCPP backend {error}.") from error
        except NoAnswer as error:
            raise BackendSilent(f"The OCPP backend {error}.") from error
        decoded = _decoded(answer.body)
        if answer.status == 200 and decoded is not None:
            return decoded
        if answer.status == 200:
            # So does a connection look that was cut inside the headers: 200, and an empty body.
            raise BackendSilent("The OCPP backend's answer is no JSON object.")
        told = decoded or {}
        raise BackendRefused(
            _said(told, "error") or f"The OCPP backend answered {answer.status}.",
            answer.status,
            _said(told, "code"),
            answer.retry_after(self._now()),
            transaction_id=told.get("transaction_id"),
        )


def _request_id() -> dict[str, str]:
    known = log.request_id.get()
    return {"X-Request-ID": known} if known else {}


def _said(told: Answer, name: str) -> str:
    """What is kept beside a station or a command, so that another backend's words fit there."""
    return storable(str(told.get(name) or ""))[:_LONGEST_WORDS]


def _decoded(body: bytes) -> Answer | None:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None
