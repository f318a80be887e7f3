"""Sessions and charge detail records (CDRs) as objects of OCPI 2.2.1. Pure: rows in, objects out.

Source: the specification of OCPI 2.2.1, modules Sessions and CDRs. Energy is kWh, time is hours, money stands
with and without VAT; decimals have at most four places. A connector is an EVSE of its own. Where the tariff
has more than a price per kWh, charging periods and costs are those of the bill; else a session is one period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from db.analytics.outcome import ENDED_STATUSES
from db.analytics.sessions import SessionAtPlace
from db.models import ChargingConnector, ChargingSession, Tariff
from ocpp_integration.exports import names
from ocpp_integration.exports.countries import alpha3
from ocpp_integration.exports.table import Objects, kwh
from ocpp_integration.pricing import Bill, TariffDocument
from ocpp_integration.pricing.bill import Period, What
from ocpp_integration.pricing.tariff import Element, Price, PriceComponent
from ocpp_integration.tariffs import document_of

STATUSES = {
    "pending": "PENDING",
    "started": "ACTIVE",
    "charging": "ACTIVE",
    "suspended": "ACTIVE",
    "stopping": "ACTIVE",
    "stopped": "COMPLETED",
    "completed": "COMPLETED",
    "failed": "INVALID",
}


class Plug(NamedTuple):
    standard: str
    format: str
    is_dc: bool = False


PLUGS = {
    "type1": Plug("IEC_62196_T1", "CABLE"),
    "type2": Plug("IEC_62196_T2", "SOCKET"),
    "ccs1": Plug("IEC_62196_T1_COMBO", "CABLE", is_dc=True),
    "ccs2": Plug("IEC_62196_T2_COMBO", "CABLE", is_dc=True),
    "chademo": Plug("CHADEMO", "CABLE", is_dc=True),
    "tesla": Plug("TESLA_S", "CABLE", is_dc=True),
}
# OCPI has no word for a plug that nobody named; the CDR's remark says that it is a guess.
_GUESSED = PLUGS["type2"]
# A single phase of 32 A gives no more.
_ONE_PHASE_W = 7_400
_PLACES = Decimal("0.0001")

Object = dict[str, Any]


class Party(NamedTuple):
    """Us, as OCPI names an operator: ISO 3166 country code and a code of three characters in it."""

    country_code: str
    party_id: str

    @property
    def keys(self) -> Object:
        return {"country_code": self.country_code, "party_id": self.party_id}


def sessions(rows: Iterable[SessionAtPlace], party: Party) -> Objects:
    return Objects(session(row, party) for row in rows)


def cdrs(rows: Iterable[SessionAtPlace], party: Party) -> Objects:
    """Of the sessions that ended with energy and a cost; of the others there is nothing to bill. A CDR cannot
    be called back: of a session that is held back there is none until somebody has looked at it.
    """
    return Objects(cdr(row, party) for row in rows if is_billable(row.session))


def is_billable(found: ChargingSession) -> bool:
    has_ended = found.status in ENDED_STATUSES and found.stop_time is not None
    return has_ended and found.verdict != "held" and bool(found.energy_wh) and found.cost is not None


def session(row: SessionAtPlace, party: Party) -> Object:
    found = row.session
    return _known(
        {
            **party.keys,
            "id": names.session_id(found.transaction_id, found.id),
            "start_date_time": _time(found.start_time),
            "end_date_time": _time(found.stop_time) if found.stop_time else None,
            "kwh": kwh(found.energy_wh or 0),
            "cdr_token": _token(found, party),
            "auth_method": _auth_method(found),
            "authorization_reference": _reference(found),
            "location_id": names.station_id(row.place.id),
            "evse_uid": _evse_uid(row),
            "connector_id": _connector_id(row),
            "currency": row.place.currency,
            "charging_periods": list(_charging_periods(row)),
            # Nobody is to bill what may be wrong.
            "total_cost": None if found.verdict == "held" else _price(found),
            "status": "INVALID" if found.verdict == "held" else STATUSES[found.status],
            "last_updated": _time(found.updated_at),
        }
    )


def cdr(row: SessionAtPlace, party: Party) -> Object:
    """Raises `ValueError` for a session that is not billable."""
    found = row.session
    if not is_billable(found) or found.stop_time is None:
        raise ValueError(f"session {found.id} did not end with energy and a cost")
    return _known(
        {
            **party.keys,
            "id": names.session_id(found.transaction_id, found.id),
            "start_date_time": _time(found.start_time),
            "end_date_time": _time(found.stop_time),
            "session_id": names.session_id(found.transaction_id, found.id),
            "cdr_token": _token(found, party),
            "auth_method": _auth_method(found),
            "authorization_reference": _reference(found),
            "cdr_location": _location(row, party),
            "currency": row.place.currency,
            "tariffs": [_tariff(row.tariff, party)] if row.tariff else None,
            "charging_periods": list(_charging_periods(row)),
            "total_cost": _price(found),
            **_costs(row),
            "total_energy": kwh(found.energy_wh),
            "total_time": _hours(_seconds(found)),
            "total_parking_time": _parking_hours(found),
            "remark": "; ".join(_guesses(row)) or None,
            "last_updated": _time(found.updated_at),
        }
    )


def _known(members: Object) -> Object:
    """Without the optional members of which nothing is known: OCPI leaves them out, it has no null."""
    return {name: value for name, value in members.items() if value is not None}


def _token(found: ChargingSession, party: Party) -> Object:
    uid = _plain(found.id_tag, 36) or "UNKNOWN"
    return {**party.keys, "uid": uid, "type": _token_type(found), "contract_id": uid}


def _token_type(found: ChargingSession) -> str:
    if _is_commanded(found):
        return "APP_USER" if found.user_id else "AD_HOC_USER"
    return "RFID" if found.id_tag else "OTHER"


def _auth_method(found: ChargingSession) -> str:
    """We ask no other party about tokens: what was not commanded was on our own list."""
    return "COMMAND" if _is_commanded(found) else "WHITELIST"


def _is_commanded(found: ChargingSession) -> bool:
    return found.payment_transaction_id is not None


def _reference(found: ChargingSession) -> str | None:
    return _plain(found.payment_transaction_id, 36) or None


def _evse_uid(row: SessionAtPlace) -> str:
    return names.port_id(row.station.id, row.connector.connector_id if row.connector else None)


def _connector_id(row: SessionAtPlace) -> str:
    return str(row.connector.connector_id) if row.connector else "0"


def _charging_periods(row: SessionAtPlace) -> Iterator[Object]:
    tariff: Object = {"tariff_id": _tariff_id(row.tariff)} if row.tariff else {}
    if bill := _bill(row.session):
        for period in bill.periods:
            start = _time(period.start)
            yield {"start_date_time": start, "dimensions": list(_billed(period)), **tariff}
    elif dimensions := list(_dimensions(row.session)):
        yield {"start_date_time": _time(row.session.start_time), "dimensions": dimensions, **tariff}


def _bill(found: ChargingSession) -> Bill | None:
    return Bill.read(found.bill) if found.bill else None


def _billed(period: Period) -> Iterator[Object]:
    """Time that the station held the session back is of no dimension, so of its energy alone is told."""
    yield {"type": "ENERGY", "volume": _four(period.energy_wh / 1000)}
    if dimension := {"charging": "TIME", "idle": "PARKING_TIME"}.get(period.state):
        yield {"type": dimension, "volume": _four(period.seconds / 3600)}


def _costs(row: SessionAtPlace) -> Object:
    bill = _bill(row.session)
    if bill is None:
        return {"total_energy_cost": _price(row.session) if row.tariff else None}
    return {member: _sum(bill, whats) for member, whats in _COSTS.items()}


_COSTS: dict[str, tuple[What, ...]] = {
    "total_fixed_cost": ("FLAT",),
    "total_energy_cost": ("ENERGY",),
    "total_time_cost": ("TIME",),
    "total_parking_cost": ("PARKING_TIME",),
    "total_reservation_cost": ("RESERVATION_TIME", "RESERVATION_FLAT"),
}


def _sum(bill: Bill, whats: tuple[What, ...]) -> Object | None:
    lines = [line for line in bill.lines if line.what in whats]
    if not lines:
        return None
    net = {"excl_vat": sum((line.net for line in lines), Decimal(0))}
    if bill.gross is None:
        return net
    return net | {"incl_vat": sum((line.gross or Decimal(0) for line in lines), Decimal(0))}


def _dimensions(found: ChargingSession) -> Iterator[Object]:
    """What is known of it: charging and parking are told apart only where the former was measured."""
    if found.energy_wh is not None:
        yield {"type": "ENERGY", "volume": kwh(found.energy_wh)}
    if found.charging_seconds is not None:
        yield {"type": "TIME", "volume": _hours(found.charging_seconds)}
        if (parking := _parking_hours(found)) is not None:
            yield {"type": "PARKING_TIME", "volume": parking}


def _parking_hours(found: ChargingSession) -> Decimal | None:
    if bill := _bill(found):
        idle = sum((each.seconds for each in bill.periods if each.state == "idle"), Decimal(0))
        return _four(idle / 3600)
    if found.charging_seconds is None or found.stop_time is None:
        return None
    return _hours(max(0, _seconds(found) - found.charging_seconds))


def _seconds(found: ChargingSession) -> int:
    end = found.stop_time or found.start_time
    return max(0, int((end - found.start_time).total_seconds()))


def _price(found: ChargingSession) -> Object | None:
    """Where the tax is not known only one price is told, which OCPI reads as VAT not being known."""
    if found.cost is None:
        return None
    if found.tax is None:
        return {"excl_vat": found.cost}
    return {"excl_vat": found.cost - found.tax, "incl_vat": found.cost}


def _tariff(tariff: Tariff, party: Party) -> Object:
    """As OCPI 2.2.1 has it: prices are without VAT. It has no `grace_seconds`; partners read over them."""
    document = document_of(tariff)
    return _known(
        {
            **party.keys,
            "id": _tariff_id(tariff),
            "currency": tariff.currency,
            "min_price": _limit(document.min_price),
            "max_price": _limit(document.max_price),
            "elements": [_element(each, document) for each in document.elements],
            "last_updated": _time(tariff.valid_from),
        }
    )


def _tariff_id(tariff: Tariff) -> str:
    """Each version is a tariff of its own: partners may keep what they once read."""
    return str(tariff.id)


def _limit(limit: Price | None) -> Object | None:
    return None if limit is None else limit.model_dump(exclude_none=True)


def _element(element: Element, document: TariffDocument) -> Object:
    components = [_component(each, document) for each in element.price_components]
    rules = element.restrictions.model_dump(exclude_defaults=True)
    told = {name: _rule(value) for name, value in rules.items()}
    return {"price_components": components} | ({"restrictions": told} if told else {})


def _component(component: PriceComponent, document: TariffDocument) -> Object:
    told = component.model_dump(exclude_defaults=True)
    if document.tax_included == "YES":
        told["price"] = component.price / (1 + (component.vat or Decimal(0)) / 100)
    return told | {"price": _four(told["price"]), "step_size": component.step_size}


def _rule(value: Any) -> Any:
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, date) else value


def _location(row: SessionAtPlace, party: Party) -> Object:
    place, plug = row.place, _plug(row.described)
    return {
        "id": names.station_id(place.id),
        "name": _text(place.name, 255),
        "address": _text(place.address, 45) or _text(place.name, 45),
        "city": _text(place.city, 45) or _text(place.name, 45),
        "country": alpha3(place.country) or alpha3(party.country_code) or party.country_code,
        "coordinates": {"latitude": _degrees(place.latitude), "longitude": _degrees(place.longitude)},
        "evse_uid": _evse_uid(row),
        "evse_id": f"{party.country_code}*{party.party_id}*E{_evse_uid(row).replace('-', '*')}",
        "connector_id": _connector_id(row),
        "connector_standard": plug.standard,
        "connector_format": plug.format,
        "connector_power_type": _power_type(plug, row.described),
    }


def _plug(described: ChargingConnector | None) -> Plug:
    return PLUGS.get(described.connector_type, _GUESSED) if described else _GUESSED


def _power_type(plug: Plug, described: ChargingConnector | None) -> str:
    if plug.is_dc:
        return "DC"
    power_w = described.power_w if described else None
    is_one_phase = plug.standard == "IEC_62196_T1" or (power_w is not None and power_w <= _ONE_PHASE_W)
    return "AC_1_PHASE" if is_one_phase else "AC_3_PHASE"


def _guesses(row: SessionAtPlace) -> Iterator[str]:
    """Which members hold something because they must, though it is not known."""
    if row.described is None or row.described.connector_type not in PLUGS:
        yield "connector type not known"
    if row.place.latitude is None or row.place.longitude is None:
        yield "coordinates not known"
    if row.session.stop_is_estimated:
        yield "end estimated"


def _degrees(angle: float | None) -> str:
    return f"{angle or 0:.6f}"


def _hours(seconds: int) -> Decimal:
    return _four(Decimal(seconds) / 3600)


def _four(value: Decimal) -> Decimal:
    return value.quantize(_PLACES, ROUND_HALF_UP)


def _time(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _text(value: str, longest: int) -> str:
    return value[:longest]


def _plain(value: str | None, longest: int) -> str:
    """OCPI's ids are of printable ASCII."""
    return "".join(sign if "!" <= sign <= "~" else "?" for sign in value or "")[:longest]
