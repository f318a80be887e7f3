"""Stations: a page of them, and one with its connectors."""

from __future__ import annotations

from flask import Response, jsonify
from sqlalchemy.orm import joinedload, selectinload

from db.engine import reading
from db.models import ChargingStation, OCPPConnector, OCPPStation
from webhook_receiver import paging, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound
from webhook_receiver.parameters import OneStation, Page

_PLACE = joinedload(OCPPStation.charging_station).joinedload(ChargingStation.owner)
_CONNECTORS = selectinload(OCPPStation.connectors).joinedload(OCPPConnector.charging_connector)


def list_stations(*, query: Page) -> Response:
    return paging.answer(
        query,
        receiver().engine,
        scope.stations(caller()).options(_PLACE),
        key=(OCPPStation.station_id,),
        serialize=serializers.station,
        newest_first=False,
    )


def get_station(*, path: OneStation) -> Response:
    one = scope.stations(caller()).where(OCPPStation.station_id == path.station_id)
    with reading(receiver().engine) as store:
        found = store.scalar(one.options(_PLACE, _CONNECTORS))
        if found is None:
            raise NotFound("there is no such station")
        return jsonify(serializers.station_with_connectors(found))
