"""What reaches the OCPP backend: sync a station, start and stop charging, ask about a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from uuid import UUID

from flask import Blueprint, Response, jsonify
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from db.engine import reading
from db.models import ChargingSession, ChargingStation, OCPPStation, User
from webhook_receiver import parameters, scope, serializers, sessions
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import BadFields, NotFound, Refused

blueprint = Blueprint("commands", __name__)

RETRY_AFTER_SECONDS = 30


@blueprint.post("/sync-station/")
def sync_station() -> Response:
    asked = parameters.body(parameters.SyncStation)
    with reading(receiver().engine) as store:
        places = scope.places(caller())
        place = store.scalar(places.where(ChargingStation.id == asked.charging_station_id))
        if place is None:
            raise NotFound("there is no such station")
    result = _succeeded(
        receiver().service.sync_station_to_ocpp(place, vendor=asked.vendor, model=asked.model)
    )
    return jsonify({"success": True, "message": "station synced", "data": result["data"]})


@blueprint.post("/initiate-charging/")
def initiate_charging() -> Response:
    asked = parameters.body(parameters.InitiateCharging)
    with reading(receiver().engine) as store:
        stations = scope.stations(caller())
        if store.scalar(stations.where(OCPPStation.station_id == asked.station_id)) is None:
            raise NotFound("there is no such station")
        user = _user(store, asked.user_id)
    result = _succeeded(
        receiver().service.initiate_charging(
            station_id=asked.station_id,
            connector_id=asked.connector_id,
            user=user,
            payment_transaction_id=asked.payment_transaction_id,
            payment_method=asked.payment_method,
            owner_info={"owner_id": asked.owner_id, "owner_name": asked.owner_name},
            idempotency_key=parameters.idempotency_key(caller().user_id),
        )
    )
    return _about_session(result, "charging is starting")


@blueprint.post("/stop-charging/")
def stop_charging() -> Response:
    asked = parameters.body(parameters.StopCharging)
    with reading(receiver().engine) as store:
        sessions.find(store, ChargingSession.transaction_id == asked.transaction_id)
        named = _user(store, asked.user_id) if asked.user_id else None
        asking = store.get_one(User, caller().user_id)
    result = _succeeded(
        receiver().service.stop_charging(
            transaction_id=asked.transaction_id,
            user_id=named.id if named else None,
            user=asking,
            idempotency_key=parameters.idempotency_key(caller().user_id),
        )
    )
    return _about_session(result, "charging is stopping")


@blueprint.get("/session-status/")
def session_status() -> Response:
    asked = parameters.query(parameters.SessionStatus)
    with reading(receiver().engine) as store:
        sessions.find(store, ChargingSession.transaction_id == asked.transaction_id)
    result = _succeeded(receiver().service.get_session_data(transaction_id=asked.transaction_id))
    return _about_session(result)


def _user(store: Session, user_id: UUID) -> User:
    """The user whom the caller may act for: a driver only for itself, others for any user.

    Whether somebody else's id exists is not told to a driver.
    """
    itself_only = caller().role not in ("admin", "owner")
    allowed: ColumnElement[bool] = User.id == (caller().user_id if itself_only else user_id)
    found = store.scalar(select(User).where(allowed, User.id == user_id, User.is_active))
    if found is None:
        raise BadFields({"user_id": ["there is no such user"]})
    return found


def _about_session(result: Mapping[str, Any], message: str | None = None) -> Response:
    answer: dict[str, Any] = {"success": True} | ({"message": message} if message else {})
    row: ChargingSession | None = result["charging_session"]
    with reading(receiver().engine) as store:
        session = sessions.find(store, ChargingSession.id == row.id) if row else None
        shown = serializers.session(session, receiver().clock()) if session else None
    return jsonify(answer | {"charging_session": shown, "data": result["data"]})


def _succeeded(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """`result` where it is one; else the refusal for its code."""
    if not result["success"]:
        _REFUSALS.get(result.get("code", ""), _backend_failed)(result)
    return result


def _invalid(result: Mapping[str, Any]) -> NoReturn:
    raise BadFields(result.get("errors") or {"non_field_errors": [result["error"]]})


def _not_found(result: Mapping[str, Any]) -> NoReturn:
    raise NotFound(result["error"])


def _backend_failed(result: Mapping[str, Any]) -> NoReturn:
    raise Refused(502, result["error"])


def _backend_down(result: Mapping[str, Any]) -> NoReturn:
    raise Refused(503, result["error"], retry_after=result.get("retry_after") or RETRY_AFTER_SECONDS)


_REFUSALS = {
    "invalid": _invalid,
    "busy": _invalid,
    "not_found": _not_found,
    "backend_down": _backend_down,
}
