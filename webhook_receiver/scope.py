"""What a caller may see: the only place where a query of the REST API gets its rows from.

An owner sees what belongs to its own stations, an admin all. A driver sees its own sessions and, since
it has to find one, the stations in service.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, ColumnExpressionArgument, Select, and_, false, or_, select, true

from db.models import ChargingSession, ChargingStation, OCPPLog, OCPPStation, Statement, User
from webhook_receiver.auth import Caller


def stations(caller: Caller) -> Select[OCPPStation]:
    return (
        select(OCPPStation)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(_any_of(caller, owner=_owned_by(caller), driver=ChargingStation.is_active))
    )


def places(caller: Caller) -> Select[ChargingStation]:
    """The platform's stations that the caller may manage."""
    return select(ChargingStation).where(_any_of(caller, owner=_owned_by(caller), driver=false()))


def sessions(caller: Caller) -> Select[ChargingSession]:
    return (
        select(ChargingSession)
        .join(OCPPStation, ChargingSession.ocpp_station_id == OCPPStation.id)
        .join(ChargingStation, OCPPStation.charging_station_id == ChargingStation.id)
        .where(_any_of(caller, owner=_owned_by(caller), driver=ChargingSession.user_id == caller.user_id))
    )


def logs(caller: Caller) -> Select[OCPPLog]:
    own = stations(caller).with_only_columns(OCPPStation.station_id)
    return select(OCPPLog).where(_any_of(caller, owner=OCPPLog.station_id.in_(own), driver=false()))


def statements(caller: Caller) -> Select[Statement]:
    """Those of the caller's own stations, also of such as are another's by now."""
    own = false() if caller.owner_id is None else Statement.owner_id == caller.owner_id
    return select(Statement).where(_any_of(caller, owner=own, driver=false()))


def users(caller: Caller) -> Select[User]:
    """Whom the caller may charge for: itself; an owner also drivers and its own people, an admin all."""
    itself = User.id == caller.user_id
    own_people = false() if caller.owner_id is None else User.owner_id == caller.owner_id
    return select(User).where(
        _any_of(caller, owner=or_(itself, own_people, User.role == "driver"), driver=itself)
    )


def _owned_by(caller: Caller) -> ColumnElement[bool]:
    return false() if caller.owner_id is None else ChargingStation.owner_id == caller.owner_id


def _any_of(
    caller: Caller, *, owner: ColumnElement[bool], driver: ColumnExpressionArgument[bool]
) -> ColumnElement[bool]:
    """The condition for the caller's role; a role that we do not know sees nothing."""
    conditions = {"admin": true(), "owner": owner, "driver": and_(driver)}
    return conditions.get(caller.role, false())
