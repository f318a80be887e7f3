"""How it is at this moment: the connectors, and whether the OCPP backend answers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dashboard import resources
from dashboard.loading.kept import kept
from db.analytics import live
from db.analytics.scope import Scope
from db.engine import reading
from ocpp_integration import backend_state, operating
from ocpp_integration.errors import BackendError


@dataclass(frozen=True)
class Offer:
    """Which operators' commands the OCPP backend takes; `error` says why that is not known."""

    kinds: frozenset[str]
    error: str = ""


@dataclass(frozen=True)
class LiveState:
    state: live.NetworkState
    connectors: tuple[live.LiveConnector, ...]


def today(zones: Collection[str] = ()) -> date:
    """The day on the clock of `zones` where that is one, else on the installation's."""
    zone = ZoneInfo(next(iter(zones))) if len(set(zones)) == 1 else resources.settings().zone
    return datetime.now(zone).date()


@kept(ttl=5, most=1)
def backend_down_since() -> datetime | None:
    """Since when the OCPP backend does not answer, None where it does. The same for everybody."""
    with reading(resources.engine()) as store:
        state = backend_state.find(store)
        return state.down_since if state else None


@kept(ttl=0.9, most=500, ahead=True)
def live_state(scope: Scope) -> LiveState:
    """Every connector now. Pages of the same scope that refresh together share one read, and where there are
    several they do not wait for it: one of them has it renewed for the next.
    """
    with reading(resources.engine()) as store:
        found = live.connectors(store, scope)
        return LiveState(live.state_of(found, live.newest_event(store, scope)), tuple(found))


@kept(ttl=20, most=1)
def offered_operations() -> Offer:
    """Asks the backend itself, so only where somebody is about to command."""
    try:
        return Offer(operating.offered(resources.backend()))
    except BackendError as error:
        return Offer(frozenset(), str(error))
