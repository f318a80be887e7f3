"""The stations that MengedMate lists, read over HTTP."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import orjson
import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from ocpp_integration.platform import rows
from ocpp_integration.platform.errors import PlatformError, PlatformRefused, PlatformSilent, StationRejected
from ocpp_integration.platform.listing import Listing, StationKey
from ocpp_integration.transport import http_session
from settings import Settings

OWN = "/api/stations/"
PUBLIC = "/api/public/stations/"
PATHS = {"own": (OWN,), "public": (PUBLIC,), "all": (OWN, PUBLIC)}
CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
REQUEST_SECONDS = 30.0
MAX_ANSWER_BYTES = 5 * 1024 * 1024
MAX_PAGES = 1000
MAX_STATIONS = 100_000
MAX_PAUSE = 60.0
TRIES = 4
_REPEATABLE_STATUSES = frozenset({429, 500, 502, 503, 504})
_AT_ONCE = 8
# After so many failures in a row the others are not asked: it is not the stations that fail.
_PATIENCE = 5
_PORTS = {"http": 80, "https": 443}

Row = Mapping[str, Any]


class MengedMate:
    """Reads the whole list of stations with their connectors; raises nothing, the `Listing` tells."""

    def __init__(
        self,
        settings: Settings,
        *,
        http: requests.Session | None = None,
        seconds: float = REQUEST_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ):
        self._base = (settings.mengedmate_url or "").rstrip("/")
        self._paths = PATHS[settings.mengedmate_stations]
        self._seconds = seconds
        self._http = http or http_session()
        self._sleep = sleep
        self._jitter = jitter
        token = settings.mengedmate_token
        self._http.headers["Accept"] = "application/json"
        # As a header alone it would give way to what a .netrc says of the host.
        self._http.auth = _Token(token.get_secret_value() if token else "")

    def read(self) -> Listing:
        """The own stations first: of a station in both lists, the own row counts."""
        listing = Listing()
        found: dict[UUID, tuple[Row, bool]] = {}
        for path in self._paths:
            try:
                for position, row in enumerate(self._rows(path), start=1):
                    _collect(listing, found, row, position, path)
            except PlatformError as error:
                listing.complete = False
                listing.problems.append(f"{path}: {error}")
        self._add_all(listing, found)
        return listing

    def _rows(self, path: str) -> Iterator[object]:
        """Every row of a list, page by page."""
        url = self._base + path
        seen: set[str] = set()
        count = 0
        while url:
            if url in seen or len(seen) == MAX_PAGES:
                raise PlatformSilent("The list's pages do not come to an end.")
            seen.add(url)
            page, following = _page(self._get(url))
            count += len(page)
            if count > MAX_STATIONS:
                raise PlatformSilent(f"The list has more than {MAX_STATIONS} stations.")
            yield from page
            url = self._within(url, following) if following else ""

    def _within(self, url: str, following: str) -> str:
        """The address of the next page, on the platform's own origin: the token goes with it."""
        try:
            target = urljoin(url, following)
            theirs, ours = _origin(target), _origin(self._base)
        except ValueError as error:
            raise PlatformSilent("The address of the next page cannot be read.") from error
        if theirs != ours and (theirs, ours) != _behind_tls(ours):
            raise PlatformSilent("The next page is at another address, which is not followed.")
        parts = urlsplit(target)
        base = urlsplit(self._base)
        # Behind a proxy that ends TLS, a platform takes its own address for http.
        return parts._replace(scheme=base.scheme, netloc=base.netloc, fragment="").geturl()

    def _add_all(self, listing: Listing, found: Mapping[UUID, tuple[Row, bool]]) -> None:
        lacking = [id for id, (row, _) in found.items() if row.get("connectors") is None]
        details = self._details(lacking)
        for position, (id, (row, is_own)) in enumerate(found.items(), start=1):
            try:
                detail = details.get(id, {})
                if isinstance(detail, PlatformError):
                    raise StationRejected(f"its connectors are not told: {detail}")
                listing.stations.append(rows.read_station({**row, **detail}, is_own=is_own))
            except StationRejected as error:
                listing.left_out.append(StationKey(id))
                listing.problems.append(f"{rows.label(row, position)}: {error}")

    def _details(self, ids: list[UUID]) -> dict[UUID, Row | PlatformError]:
        failures = 0

        def ask(id: UUID) -> Row | PlatformError:
            nonlocal failures
            if failures >= _PATIENCE:
                return PlatformSilent("MengedMate failed too often.")
            try:
                row = self._detail(id)
            except PlatformError as error:
                # That it has no such station is an answer.
                lasting = isinstance(error, PlatformRefused) and error.status not in _REPEATABLE_STATUSES
                failures = 0 if lasting else failures + 1
                return error
            failures = 0
            return row

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(ids, pool.map(ask, ids), strict=True))

    def _detail(self, id: UUID) -> Row:
        row = self._get(f"{self._base}{PUBLIC}{id}/")
        if not isinstance(row, dict) or row.get("connectors") is None:
            raise PlatformRefused("MengedMate's answer has no connectors.", 200)
        return {**row, "id": str(id)}

    def _get(self, url: str) -> Any:
        for attempt in range(TRIES - 1):
            try:
                return self._once(url)
            except PlatformRefused as error:
                if error.status not in _REPEATABLE_STATUSES:
                    raise
                self._pause(attempt, error.retry_after)
            except PlatformSilent:
                self._pause(attempt)
        return self._once(url)

    def _pause(self, attempt: int, asked: float | None = None) -> None:
        longest = min(MAX_PAUSE, 0.5 * 2**attempt)
        self._sleep(min(MAX_PAUSE, asked) if asked is not None else self._jitter(0, longest))

    def _once(self, url: str) -> Any:
        deadline = time.monotonic() + self._seconds
        timeout = (CONNECT_SECONDS, min(READ_SECONDS, self._seconds))
        try:
            with self._http.get(url, timeout=timeout, allow_redirects=False, stream=True) as response:
                return _decoded(response, _read(response, deadline))
        except requests.Timeout as error:
            raise PlatformSilent("MengedMate gave no answer in time.") from error
        except requests.ConnectionError as error:
            raise PlatformSilent("MengedMate cannot be reached, or cut the connection.") from error
        except (requests.RequestException, HTTPError) as error:
            raise PlatformSilent("MengedMate's answer cannot be read.") from error


class _Token(AuthBase):
    def __init__(self, token: str):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token}"
        return request


def _collect(
    listing: Listing, found: dict[UUID, tuple[Row, bool]], row: object, position: int, path: str
) -> None:
    try:
        key = rows.read_key(row)
        if key.id is None or not isinstance(row, dict):
            raise StationRejected("id is missing")
    except StationRejected as error:
        # It may be any of the known ones.
        listing.complete = False
        listing.problems.append(f"{path}: {rows.label(row, position)}: {error}")
        return
    found.setdefault(key.id, (row, path == OWN))


def _page(answer: Any) -> tuple[list[object], str]:
    """The rows of a page, and the address of the next one or an empty text."""
    if isinstance(answer, list):
        return answer, ""
    if isinstance(answer, dict) and isinstance(answer.get("results"), list):
        following = answer.get("next")
        if following is not None and not isinstance(following, str):
            raise PlatformSilent("The address of the next page cannot be read.")
        return answer["results"], following or ""
    raise PlatformSilent("MengedMate's answer is not a list of stations.")


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or _PORTS.get(scheme, 0)


def _behind_tls(ours: tuple[str, str, int]) -> tuple[tuple[str, str, int], tuple[str, str, int]]:
    return ("http", ours[1], 80), ("https", ours[1], 443)


def _read(response: requests.Response, deadline: float) -> bytes:
    parts = bytearray()
    # read1 comes back with what is there; a plain read waits until its buffer is full, however slowly.
    while part := response.raw.read1(64 * 1024, decode_content=True):
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            raise PlatformSilent("MengedMate's answer is too large.")
        if time.monotonic() > deadline:
            raise PlatformSilent("MengedMate gave no answer in time.")
    return bytes(parts)


def _decoded(response: requests.Response, body: bytes) -> Any:
    status = response.status_code
    if status != 200:
        asked = response.headers.get("Retry-After", "")
        raise PlatformRefused(_refusal(status), status, float(asked) if asked.isdecimal() else None)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PlatformSilent("MengedMate's answer is no JSON.") from error


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"MengedMate refuses MENGEDMATE_TOKEN ({status})."
    if 300 <= status < 400:
        return (
            f"MengedMate answered with a redirect ({status}), which is not followed: is MENGEDMATE_URL right?"
        )
    return f"MengedMate answered {status}."
