"""Start and stop from a page: who may, the order itself, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal
from uuid import uuid4

from dashboard import resources
from dashboard.visitor import Visitor
from db.analytics import live
from db.analytics.live import LiveConnector
from db.engine import reading
from ocpp_integration.commands import Progress, find_progress
from ocpp_integration.services import OCPPIntegrationService, Result

Kind = Literal["start", "stop"]
_STARTABLE = ("available", "preparing")
_NOT_YOURS = "This connector does not exist, or it is not at one of your stations."
_OVER = "The session is over already."


@dataclass(frozen=True)
class Order:
    """One intention of one person. Its `key` stays the same however often it is submitted."""

    kind: Kind
    connector_pk: int
    session_pk: int | None
    key: str


@dataclass(frozen=True)
class Outcome:
    """`command_pk` where the order was recorded, `error` (a sentence) where it was not carried out."""

    command_pk: int | None
    error: str = ""


def possible(connector: LiveConnector) -> Kind | None:
    """What a person can order of this connector now."""
    if connector.session_pk is not None:
        can_stop = connector.transaction_id is not None and connector.session_status != "stopping"
        return "stop" if can_stop and connector.status != "offline" else None
    return "start" if connector.status in _STARTABLE else None


def order(kind: Kind, connector: LiveConnector) -> Order:
    return Order(kind, connector.pk, connector.session_pk, str(uuid4()))


def find_connector(who: Visitor, connector_pk: int) -> LiveConnector | None:
    """The connector as it is now, None where it is none of the visitor's."""
    with reading(resources.engine()) as store:
        found = live.connectors(store, who.scope)
    return next((connector for connector in found if connector.pk == connector_pk), None)


def submit(ordered: Order, who: Visitor) -> Outcome:
    """Have the order carried out; returns when the OCPP backend has answered, or has not in time."""
    connector = find_connector(who, ordered.connector_pk)
    if connector is None:
        return Outcome(None, _NOT_YOURS)
    if ordered.kind == "start":
        return _outcome(_service().start(connector.pk, who.user, ordered.key))
    if connector.session_pk is None or connector.session_pk != ordered.session_pk:
        return Outcome(None, _OVER)
    return _outcome(_service().stop(connector.session_pk, who.user, ordered.key))


def follow(command_pk: int, who: Visitor) -> Progress | None:
    """The steps that a command has come through so far."""
    start_within = resources.settings().start_within
    with reading(resources.engine()) as store:
        return find_progress(store, who.scope, command_pk, start_within=start_within)


def _outcome(result: Result) -> Outcome:
    command = result.get("command")
    return Outcome(command.id if command else None, "" if result["success"] else str(result["error"]))


@cache
def _service() -> OCPPIntegrationService:
    return OCPPIntegrationService(
        settings=resources.settings(), engine=resources.engine(), backend=resources.backend()
    )
