"""How much a session may cost whose driver paid in advance: what there is of that money, and no more."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import Engine, select

from db.engine import writing
from db.models import ChargingSession
from ocpp_integration.lifecycle import update_session


def limit(engine: Engine, transaction_id: int | None, prepaid: Decimal) -> None:
    """Have the session be billed with so much at most, whatever is told of it later.

    A transaction of its own: it holds the session's station, and who has that may wait for a payment.
    """
    if transaction_id is None:
        return
    with writing(engine) as store:
        session = store.scalar(
            select(ChargingSession).where(ChargingSession.transaction_id == transaction_id)
        )
        if session is not None and session.prepaid != prepaid:
            update_session(store, session, lambda found: setattr(found, "prepaid", prepaid))
