"""Sessions as rows, and one of them with its curve."""

from __future__ import annotations

from dashboard import resources
from dashboard.loading.kept import kept
from db.analytics import meter_values, sessions
from db.analytics.scope import Scope
from db.engine import reading
from db.models import SessionDecision
from ocpp_integration import quarantine, session_events


@kept(ttl=5, most=500)
def session_count(scope: Scope, wanted: sessions.SessionFilter) -> sessions.SessionCount:
    return resources.read(lambda store: sessions.count_sessions(store, scope, wanted))


@kept(ttl=5, most=500)
def session_rows(
    scope: Scope, wanted: sessions.SessionFilter, sort: str, descending: bool, limit: int, offset: int
) -> list[sessions.SessionRow]:
    return resources.read(
        lambda store: sessions.list_sessions(
            store, scope, wanted, sort=sort, descending=descending, limit=limit, offset=offset
        )
    )


@kept(ttl=2, most=200)
def session(scope: Scope, pk: int) -> tuple[sessions.SessionRow, list[meter_values.MeterPoint]] | None:
    """One session with its meter curve, None where the scope has no such session."""
    with reading(resources.engine()) as store:
        row = sessions.find_session(store, scope, pk)
        return (row, meter_values.meter_curve(store, scope, pk)) if row else None


@kept(ttl=2, most=200)
def decision(scope: Scope, pk: int) -> SessionDecision | None:
    """What an admin decided about a session of the scope that was held back."""
    with reading(resources.engine()) as store:
        return quarantine.decision_of(store, scope, pk)


@kept(ttl=2, most=200)
def session_webhooks(scope: Scope, pk: int, limit: int, offset: int) -> session_events.Page:
    """The webhooks of one session's transaction; empty where the scope has no such session."""
    with reading(resources.engine()) as store:
        return session_events.page(store, scope, pk, limit=limit, offset=offset)
