"""Files of the caller's stations or sessions: which there are, and each of them while it is made."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain
from typing import cast

from flask import Response, jsonify
from sqlalchemy.orm import Session

from db.analytics.buckets import Grain
from db.analytics.scope import Scope
from db.engine import reading
from db.models import OCPPStation
from ocpp_integration.exports import periods
from ocpp_integration.exports.catalogue import EXPORTS, Asked, Export
from ocpp_integration.exports.files import FORMATS
from ocpp_integration.exports.meter_values import NoSuchSession
from webhook_receiver import objects, scope
from webhook_receiver.auth import Caller, caller
from webhook_receiver.context import Receiver, receiver
from webhook_receiver.errors import BadFields, NotFound
from webhook_receiver.parameters import AskedExport, OneExport


def list_exports() -> Response:
    return jsonify([_described(export) for export in EXPORTS.values() if _may_have(caller(), export)])


def get_export(*, path: OneExport, query: AskedExport) -> Response:
    export = EXPORTS[path.name]
    if not _may_have(caller(), export) or path.format not in export.formats:
        raise NotFound("there is no such file")
    if export.is_of_one_session and query.transaction_id is None:
        raise BadFields({"transaction_id": ["this file is of one session: say which"]})
    with reading(receiver().engine) as store:
        asked = _asked(store, export, query)
    pieces = _pieces(receiver(), export, path.format, asked)
    # What is wrong with the question or the store shows at the first piece, while there is no answer yet.
    first = next(pieces)
    response = Response(chain([first], pieces), content_type=FORMATS[path.format].content_type)
    response.call_on_close(pieces.close)
    name = export.file_name(path.format, asked.period)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pieces(within: Receiver, export: Export, ending: str, asked: Asked) -> Generator[bytes, None, None]:
    """The file piece by piece, in one transaction. Raises `NotFound` at the first."""
    with reading(within.engine) as store:
        try:
            content = export.make(store, asked)
        except NoSuchSession as error:
            raise NotFound("there is no such session") from error
        yield from FORMATS[ending].write(content)


def _asked(store: Session, export: Export, query: AskedExport) -> Asked:
    """Raises `BadFields`, and `NotFound` for a station that the caller does not see."""
    try:
        period = periods.asked(query.first, query.last, query.quarter)
    except periods.WrongPeriod as error:
        raise BadFields({"to": [str(error)]}) from error
    now = receiver().clock()
    return Asked(
        scope=_scope(caller()) if query.station_id is None else _station(store, query.station_id),
        now=now,
        settings=receiver().settings,
        period=export.period(period, now),
        transaction_id=query.transaction_id,
        grain=cast("Grain", query.grain),
        user_id=caller().user_id if caller().role == "driver" else None,
    )


def _may_have(who: Caller, export: Export) -> bool:
    """An owner without stations and a role that we do not know have nothing."""
    return {
        "admin": True,
        "owner": who.owner_id is not None,
        "driver": export.for_drivers,
    }.get(who.role, False)


def _scope(who: Caller) -> Scope:
    """A driver's sessions may be anywhere; `Asked.user_id` keeps to its own."""
    return Scope.owner(who.owner_id) if who.role == "owner" and who.owner_id is not None else Scope.network()


def _station(store: Session, station_id: str) -> Scope:
    query = scope.stations(caller()).where(OCPPStation.station_id == station_id)
    found = store.scalar(query.with_only_columns(OCPPStation.id))
    if found is None:
        raise NotFound("there is no such station")
    return Scope.station(found)


def _described(export: Export) -> objects.Export:
    return {"name": export.name, "description": export.about, "formats": list(export.formats)}
