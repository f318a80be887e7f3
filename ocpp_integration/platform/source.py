"""The stations that MengedMate lists, read over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from ocpp_integration.platform import rows
from ocpp_integration.platform.errors import PlatformError, PlatformRefused, PlatformSilent, StationRejected
from ocpp_integration.platform.http import CONNECTIONS, REPEATABLE_STATUSES, PlatformHttp
from ocpp_integration.platform.listing import Listing, StationKey
from settings import Settings

OWN = "/api/stations/"
PUBLIC = "/api/public/stations/"
PATHS = {"own": (OWN,), "public": (PUBLIC,), "all": (OWN, PUBLIC)}
MAX_PAGES = 1000
MAX_STATIONS = 100_000
# After so many failures in a row the others are not asked: it is not the stations that fail.
_PATIENCE = 5
_PORTS = {"http": 80, "https": 443}

Row = Mapping[str, Any]
Origin = tuple[str, str, int]  # scheme, host, port
OnRead = Callable[[int], None]


def unheard(_read: int) -> None:
    """For reading that nobody watches."""


class MengedMate:
    """Reads the whole list of stations with their connectors; raises nothing, the `Listing` tells."""

    def __init__(self, settings: Settings, *, http: PlatformHttp | None = None):
        token = settings.mengedmate_token
        self._base = (settings.mengedmate_url or "").rstrip("/")
        self._paths = PATHS[settings.mengedmate_stations]
        self._http = http or PlatformHttp(self._base, token.get_secret_value() if token else "")

    @property
    def address(self) -> str:
        """The platform's HTTP root."""
        return self._base

    def read(self, on_read: OnRead = unheard) -> Listing:
        """The own stations first: of a station in both lists, the own row counts.

        `on_read` is told how many stations were found so far; what it raises ends the reading.
        """
        listing = Listing()
        found: dict[UUID, tuple[Row, bool]] = {}
        for path in self._paths:
            try:
                for position, row in enumerate(self._rows(path), start=1):
                    _collect(listing, found, row, position, path)
                    on_read(len(found))
            except PlatformError as error:
                listing.complete = False
                listing.problems.append(f"{path}: {error}")
        self._add_all(listing, found, on_read)
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
            page, following = _page(self._http.get(url))
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
        if not _is_within(theirs, ours):
            raise PlatformSilent("The next page is at another address, which is not followed.")
        parts = urlsplit(target)
        base = urlsplit(self._base)
        return parts._replace(scheme=base.scheme, netloc=base.netloc, fragment="").geturl()

    def _add_all(self, listing: Listing, found: Mapping[UUID, tuple[Row, bool]], on_read: OnRead) -> None:
        lacking = [id for id, (row, _) in found.items() if row.get("connectors") is None]
        details = self._details(lacking, lambda: on_read(len(found)))
        for position, (id, (row, is_own)) in enumerate(found.items(), start=1):
            try:
                detail = details.get(id, {})
                if isinstance(detail, PlatformError):
                    raise StationRejected(f"its connectors are not told: {detail}")
                listing.stations.append(rows.read_station({**row, **detail}, is_own=is_own))
            except StationRejected as error:
                listing.left_out.append(StationKey(id))
                listing.problems.append(f"{rows.label(row, position)}: {error}")

    def _details(self, ids: list[UUID], on_answer: Callable[[], None]) -> dict[UUID, Row | PlatformError]:
        failures = 0

        def ask(id: UUID) -> Row | PlatformError:
            nonlocal failures
            if failures >= _PATIENCE:
                return PlatformSilent("MengedMate failed too often.")
            try:
                row = self._detail(id)
            except PlatformError as error:
                # That it has no such station is an answer.
                lasting = isinstance(error, PlatformRefused) and error.status not in REPEATABLE_STATUSES
                failures = 0 if lasting else failures + 1
                return error
            failures = 0
            return row

        details = {}
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            try:
                for id, answer in zip(ids, pool.map(ask, ids), strict=True):
                    details[id] = answer
                    on_answer()
            finally:
                # Where the reading ends early, what was not asked for yet never is.
                pool.shutdown(cancel_futures=True)
        return details

    def _detail(self, id: UUID) -> Row:
        row = self._http.get(f"{self._base}{PUBLIC}{id}/")
        if not isinstance(row, dict) or row.get("connectors") is None:
            raise PlatformRefused("MengedMate's answer has no connectors.", 200)
        return {**row, "id": str(id)}


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


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or _PORTS.get(scheme, 0)


def _is_within(theirs: Origin, ours: Origin) -> bool:
    # Behind a proxy that ends TLS, a platform takes its own address for http.
    behind_tls = ours[::2] == ("https", 443) and theirs == ("http", ours[1], 80)
    return theirs == ours or behind_tls
