"""The tokens in the codes at connectors: random, one that holds for each connector, revoked for good."""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from db.models import ChargingConnector, ConnectorToken, OCPPConnector, OCPPStation
from db.upsert import insert

_BYTES = 16


def token_of(store: Session, connector: OCPPConnector, now: datetime) -> str:
    """The connector's token, made where it has none."""
    statement = insert(store, ConnectorToken).values(
        ocpp_connector_id=connector.id, token=secrets.token_urlsafe(_BYTES), created_at=now
    )
    store.execute(statement.on_conflict_do_nothing())
    return store.scalars(_valid().where(ConnectorToken.ocpp_connector_id == connector.id)).one().token


def revoke(store: Session, connector: OCPPConnector, now: datetime) -> None:
    """Have the connector's code lead nowhere from now on; payments that were begun by it go on."""
    for token in store.scalars(_valid().where(ConnectorToken.ocpp_connector_id == connector.id)):
        token.revoked_at = now
    store.flush()


def connector_by(store: Session, token: str) -> OCPPConnector | None:
    """Whose code it is, None where it is nobody's (any more)."""
    return store.scalar(
        select(OCPPConnector)
        .join(ConnectorToken, ConnectorToken.ocpp_connector_id == OCPPConnector.id)
        .where(ConnectorToken.token == token, ConnectorToken.revoked_at.is_(None))
        .options(
            joinedload(OCPPConnector.station).joinedload(OCPPStation.charging_station),
            joinedload(OCPPConnector.charging_connector).joinedload(ChargingConnector.tariff),
        )
    )


def _valid() -> Select[ConnectorToken]:
    return select(ConnectorToken).where(ConnectorToken.revoked_at.is_(None))
