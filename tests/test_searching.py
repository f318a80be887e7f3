"""Whatever text comes to a search, from a field or in an address, is looked for and never refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from db import audit
from db.analytics import payments, sessions
from db.analytics.payments import PaymentFilter
from db.analytics.scope import Scope
from db.analytics.sessions import SessionFilter
from db.engine import reading
from db.models import utc_now
from ocpp_integration.recorded_webhooks import Matching, Search

SEARCHES: list[Callable[[Session, str], Any]] = [
    lambda store, text: audit.newest(store, audit.Search(text), limit=9),
    lambda store, text: payments.list_payments(store, Scope.network(), PaymentFilter(search=text)),
    lambda store, text: sessions.list_sessions(
        store, Scope.network(), SessionFilter(search=text), now=utc_now()
    ),
    lambda store, text: Matching(store, Search(text=text)).newest(limit=9),
]


TEXTS = ("Bole\0%", "\0", "9" * 5000, "\u0663", "\\%_", "\ud800x\0")


def test_no_text_is_too_odd_to_be_looked_for(engine: Engine) -> None:
    with reading(engine) as store:
        found = [list(search(store, text)) for search in SEARCHES for text in TEXTS]
    assert found == [[]] * len(SEARCHES) * len(TEXTS)
