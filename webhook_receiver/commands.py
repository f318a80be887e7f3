"""What reaches the OCPP backend: sync a station, start and stop charging, ask about a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn
from uuid import UUID

from flask import Response, jsonify
from sqlalchemy.orm import Session

from db.engine import reading
from db.models import ChargingSession, ChargingStation, OCPPStation, User
from webhook_receiver import parameters, scope, serializers, sessions
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import BadFields, NotFound, Refused
from webhook_receiver.parameters import InitiateCharging, SessionStatus, StopCharging, SyncStation

RETRY_AFTER_SECONDS = 30


def sync_station(*, body: SyncStation) -> Response:
    with reading(receiver().engine) as store:
        places = scope.places(caller())
        place = store.scalar(places.where(ChargingStation.id == body.charging_station_id))
        if place is None:
            raise NotFound("there is no such station")
    result = succeeded(receiver().service.sync_station_to_ocpp(place, vendor=body.vendor, model=body.model))
    return jsonify({"success": True, "message": "station synced", "data": result["data"]})


def initiate_charging(*, body: InitiateCharging) -> Response:
    with reading(receiver().engine) as store:
        stations = scope.stations(caller())
        if store.scalar(stations.where(OCPPStation.station_id == body.station_id)) is None:
            raise NotFound("there is no such station")
        user = _user(store, body.user_id or caller().user_id)
    result = succeeded(
        receiver().service.initiate_charging(
            station_id=body.station_id,
            connector_id=body.connector_id,
            user=user,
            payment_transaction_id=body.payment_transaction_id,
            payment_method=body.payment_method,
            owner_info={"owner_id": body.owner_id, "owner_name": body.owner_name},
            idempotency_key=parameters.idempotency_key(caller().user_id),
        )
    )
    return _about_session(result, "charging is starting")


def stop_charging(*, body: StopCharging) -> Response:
    with reading(receiver().engine) as store:
        sessions.find(store, ChargingSession.transaction_id == body.transaction_id)
        named = _user(store, body.user_id) if body.user_id else None
        asking = store.get_one(User, caller().user_id)
    result = succeeded(
        receiver().service.stop_charging(
            transaction_id=body.transaction_id,
            user_id=named.id if named else None,
            user=asking,
            idempotency_key=parameters.idempotency_key(caller().user_id),
        )
    )
    return _about_session(result, "charging is stopping")


def session_status(*, query: SessionStatus) -> Response:
    with reading(receiver().engine) as store:
        sessions.find(store, ChargingSession.transaction_id == query.transaction_id)
    result = succeeded(receiver().service.get_session_data(transaction_id=query.transaction_id))
    return _about_session(result)


def _user(store: Session, user_id: UUID) -> User:
    """The user whom the caller may act for. Whether somebody else's id exists is not told."""
    found = store.scalar(scope.users(caller()).where(User.id == user_id, User.is_active))
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


def succeeded(result: Mapping[str, Any]) -> Mapping[str, Any]:
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


def _under_way(result: Mapping[str, Any]) -> NoReturn:
    raise Refused(409, result["error"], retry_after=result["retry_after"])


def _key_reused(result: Mapping[str, Any]) -> NoReturn:
    raise Refused(422, result["error"])


_REFUSALS = {
    "invalid": _invalid,
    "busy": _invalid,
    "not_found": _not_found,
    "backend_down": _backend_down,
    "under_way": _under_way,
    "key_reused": _key_reused,
}
