"""Stations: GET /stations/ and /stations/{station_id}/."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from sqlalchemy.orm import joinedload, selectinload

from db.engine import reading
from db.models import ChargingStation, OCPPConnector, OCPPStation
from webhook_receiver import paging, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound

blueprint = Blueprint("stations", __name__)

_PLACE = joinedload(OCPPStation.charging_station).joinedload(ChargingStation.owner)
_CONNECTORS = selectinload(OCPPStation.connectors).joinedload(OCPPConnector.charging_connector)


@blueprint.get("/stations/")
def list_stations() -> Response:
    return paging.answer(
        receiver().engine,
        scope.stations(caller()).options(_PLACE),
        key=(OCPPStation.station_id,),
        serialize=serializers.station,
        newest_first=False,
    )


@blueprint.get("/stations/<station_id>/")
def get_station(station_id: str) -> Response:
    one = scope.stations(caller()).where(OCPPStation.station_id == station_id)
    with reading(receiver().engine) as store:
        # PostgreSQL takes no NUL in a text.
        found = None if "\0" in station_id else store.scalar(one.options(_PLACE, _CONNECTORS))
        if found is None:
            raise NotFound("there is no such station")
        return jsonify(serializers.station_with_connectors(found))
