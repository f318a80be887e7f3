"""The codes at a station's connectors, for whoever may manage it."""

from __future__ import annotations

from flask import Response, jsonify
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from db import audit
from db.engine import writing
from db.models import OCPPConnector, OCPPStation, User
from ocpp_integration.payments import codes
from ocpp_integration.payments.tokens import revoke as revoke_token
from ocpp_integration.payments.tokens import token_of
from webhook_receiver import payments, scope
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound
from webhook_receiver.parameters import OneCode, OneConnector, OneSheet

_PICTURES = {"png": (codes.png, "image/png"), "svg": (codes.svg, "image/svg+xml")}


def sheet(*, path: OneSheet) -> Response:
    payments.provider()
    here = receiver()
    with writing(here.engine) as store:
        connectors = store.scalars(_managed(path.station_id)).all()
        if not connectors:
            raise NotFound("there is no such station")
        printed = codes.sheet_of(store, connectors, here.settings.phone_url, here.clock())
    return _file(printed, "application/pdf", f"codes {path.station_id}.pdf")


def code(*, path: OneCode) -> Response:
    payments.provider()
    here = receiver()
    draw, content_type = _PICTURES[path.kind]
    with writing(here.engine) as store:
        connector = store.scalar(_one(path))
        if connector is None:
            raise NotFound("there is no such connector")
        picture = draw(codes.address(here.settings.phone_url, token_of(store, connector, here.clock())))
    return _file(picture, content_type, f"code {path.station_id} {path.connector_id}.{path.kind}")


def revoke(*, path: OneConnector) -> Response:
    payments.provider()
    with writing(receiver().engine) as store:
        connector = store.scalar(_one(path))
        if connector is None:
            raise NotFound("there is no such connector")
        revoke_token(store, connector, receiver().clock())
        by = store.get_one(User, caller().user_id)
        audit.record(store, by, "revoke code", f"{path.station_id} {path.connector_id}")
    return jsonify({"success": True, "message": "code revoked"})


def _one(path: OneConnector) -> Select[OCPPConnector]:
    return _managed(path.station_id).where(OCPPConnector.connector_id == path.connector_id)


def _managed(station_id: str) -> Select[OCPPConnector]:
    places = scope.places(caller()).subquery()
    return (
        select(OCPPConnector)
        .join(OCPPStation, OCPPConnector.ocpp_station_id == OCPPStation.id)
        .join(places, OCPPStation.charging_station_id == places.c.id)
        .where(OCPPStation.station_id == station_id)
        .options(joinedload(OCPPConnector.station).joinedload(OCPPStation.charging_station))
    )


def _file(content: bytes, content_type: str, name: str) -> Response:
    plain = "".join(each if each.isascii() and (each.isalnum() or each in " .-_") else "_" for each in name)
    headers = {"Content-Disposition": f'inline; filename="{plain}"'}
    return Response(content, headers=headers, content_type=content_type)
