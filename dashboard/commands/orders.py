"""Commands from a page: who may give which, the order itself, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from uuid import uuid4

from dashboard import resources
from dashboard.visitor import Visitor
from db.analytics import live
from db.analytics.live import LiveConnector
from db.engine import reading
from db.models import utc_now
from languages import N_, _
from ocpp_integration import following
from ocpp_integration.following import Followed
from ocpp_integration.operating import OPERATIONS
from ocpp_integration.services import OCPPIntegrationService, Result

_STARTABLE = ("available", "preparing")
_NOT_YOURS = N_("This connector does not exist, or it is not at one of your stations.")
_NOT_FOR_YOU = N_("Only administrators may do this.")
_OVER = N_("The session is over already.")
# So long a command is listed after it was given, and so many of them.
LISTED_FOR = timedelta(minutes=15)
MOST_LISTED = 8


@dataclass(frozen=True)
class Order:
    """One intention of one person. Its `key` stays the same however often it is submitted.

    `kind` is start, stop or a key of `OPERATIONS`.
    """

    kind: str
    connector_pk: int
    session_pk: int | None
    key: str


@dataclass(frozen=True)
class Outcome:
    """`command_pk` where the order was recorded, `error` (a sentence) where it was not carried out."""

    command_pk: int | None
    error: str = ""


def possible(connector: LiveConnector) -> str | None:
    """Which of start and stop can be ordered of this connector now."""
    if connector.session_pk is not None:
        can_stop = connector.transaction_id is not None and connector.session_status != "stopping"
        return "stop" if can_stop and connector.status != "offline" else None
    return "start" if connector.status in _STARTABLE else None


def may_operate(who: Visitor) -> bool:
    """Whether the visitor may reset, unlock and switch; an admin that looks as an owner does may not."""
    return who.is_admin


def operations(connector: LiveConnector) -> list[str]:
    """Keys of `OPERATIONS` that make sense at this connector now."""
    if connector.status == "offline":
        return []
    switch = "make_available" if connector.status == "unavailable" else "make_unavailable"
    return ["reset_soft", "reset_hard", "unlock", switch]


def order(kind: str, connector: LiveConnector) -> Order:
    return Order(kind, connector.pk, connector.session_pk, str(uuid4()))


def find_connector(who: Visitor, connector_pk: int) -> LiveConnector | None:
    """The connector as it is now, None where it is none of the visitor's."""
    return next((connector for connector in _connectors(who) if connector.pk == connector_pk), None)


def station_of(who: Visitor, connector: LiveConnector) -> list[LiveConnector]:
    """All connectors of the station: what a reset concerns."""
    return [each for each in _connectors(who) if each.station_pk == connector.station_pk]


def submit(ordered: Order, who: Visitor) -> Outcome:
    """Have the order carried out; returns when the OCPP backend has answered, or has not in time."""
    if ordered.kind in OPERATIONS and not may_operate(who):
        return Outcome(None, _(_NOT_FOR_YOU))
    connector = find_connector(who, ordered.connector_pk)
    if connector is None:
        return Outcome(None, _(_NOT_YOURS))
    if ordered.kind in OPERATIONS:
        return _outcome(_service().operate(ordered.kind, connector.pk, who.user, ordered.key))
    if ordered.kind == "start":
        return _outcome(_service().start(connector.pk, who.user, ordered.key))
    if connector.session_pk is None or connector.session_pk != ordered.session_pk:
        return Outcome(None, _(_OVER))
    return _outcome(_service().stop(connector.session_pk, who.user, ordered.key))


def follow(command_pk: int, who: Visitor) -> Followed | None:
    """The steps that a command has come through so far; None where it is none of the visitor's."""
    with reading(resources.engine()) as store:
        return following.find(store, who.scope, command_pk, start_within=_start_within())


def of_session(session_pk: int, who: Visitor) -> list[Followed]:
    """The start and the stops of a session, as far as they were ordered here."""
    with reading(resources.engine()) as store:
        return following.of_session(store, who.scope, session_pk, start_within=_start_within())


def recent(who: Visitor) -> list[Followed]:
    """What was ordered lately at the visitor's stations, by whomever, the newest first."""
    now = utc_now()
    with reading(resources.engine()) as store:
        return following.recent(
            store,
            who.scope,
            now - LISTED_FOR,
            limit=MOST_LISTED,
            start_within=_start_within(),
            now=now,
        )


def _connectors(who: Visitor) -> list[LiveConnector]:
    with reading(resources.engine()) as store:
        return live.connectors(store, who.scope)


def _start_within() -> timedelta:
    return resources.settings().start_within


def _outcome(result: Result) -> Outcome:
    command = result.get("command")
    return Outcome(command.id if command else None, "" if result["success"] else str(result["error"]))


@cache
def _service() -> OCPPIntegrationService:
    return OCPPIntegrationService(
        settings=resources.settings(), engine=resources.engine(), backend=resources.backend()
    )
