"""What requests ask for. A wrong field becomes `BadFields` with its reasons; the same models are documented.

What a schema says and what a validator takes are the same: the apps in use send numbers as text and ids as
numbers, and both are told.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
)
from pydantic.json_schema import WithJsonSchema

from ocpp_integration.events import without_nul
from ocpp_integration.exports import periods
from ocpp_integration.exports.catalogue import EXPORTS, GRAINS
from webhook_receiver.errors import BadFields, Refused
from webhook_receiver.objects import LOG_LEVELS, SESSION_STATUSES

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_KEY_LENGTH = 200
EXPORT_NAMES = tuple(EXPORTS)
EXPORT_FORMATS = tuple(dict.fromkeys(each for export in EXPORTS.values() for each in export.formats))
MAX_TRANSACTION_ID = 2**63 - 1

Model = TypeVar("Model", bound=BaseModel)

_NO_NUL = r"^[^\u0000]*$"


def _whole(value: object) -> object:
    """Digits are a number; true is none, though Python counts with it."""
    if isinstance(value, bool):
        raise ValueError("a whole number is needed")
    if isinstance(value, str) and not (value.isascii() and value.isdecimal() and len(value) <= 19):
        raise ValueError("a whole number is needed")
    return value


def _day(value: object) -> object:
    """Else a number would be taken for seconds since 1970, and a time for its day."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("a day is written like 2026-03-31")
    return value


def _one_of(choices: tuple[str, ...]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(sorted(choices))}")
        return value

    return AfterValidator(check)


def _number_or_digits(least: int, most: int, digits: str) -> WithJsonSchema:
    number = {"type": "integer", "minimum": least, "maximum": most}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": f"^({digits})$"}]})


def _text_or_number(longest: int) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": ["string", "number"], "minLength": 1, "maxLength": longest, "pattern": _NO_NUL}
    )


_WithoutNul = AfterValidator(without_nul)
Text = Annotated[str, Field(min_length=1, max_length=255), _WithoutNul, _text_or_number(255)]
ShortText = Annotated[str, Field(min_length=1, max_length=50), _WithoutNul, _text_or_number(50)]
AnyText = Annotated[str, _WithoutNul, WithJsonSchema({"type": "string", "pattern": _NO_NUL})]
TransactionId = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=MAX_TRANSACTION_ID),
    _number_or_digits(1, MAX_TRANSACTION_ID, "[1-9][0-9]{0,17}"),
]
ConnectorId = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=1000),
    _number_or_digits(1, 1000, "[1-9][0-9]{0,2}|1000"),
]
Limit = Annotated[
    int,
    BeforeValidator(_whole),
    Field(ge=1, le=MAX_LIMIT),
    _number_or_digits(1, MAX_LIMIT, "[1-9][0-9]?|[1-4][0-9]{2}|500"),
]


Day = Annotated[date, BeforeValidator(_day)]


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class Page(_Asked):
    limit: Limit = Field(DEFAULT_LIMIT, description="How many objects at most")
    cursor: str | None = Field(
        None, description='Where to go on: what the `Link` header with `rel="next"` of the last page holds'
    )


class ListSessions(Page):
    status: Annotated[str, _one_of(SESSION_STATUSES), Field(json_schema_extra={"enum": SESSION_STATUSES})] | (
        None
    ) = Field(None, description="Only sessions of this status")


class ListLogs(Page):
    level: Annotated[str, _one_of(LOG_LEVELS), Field(json_schema_extra={"enum": LOG_LEVELS})] | None = Field(
        None, description="Only entries of this level"
    )
    station_id: AnyText | None = Field(None, description="Only entries of this station")


class Ready(_Asked):
    exclude: str | None = Field(
        None,
        description="A check that is left out; may be given several times",
        json_schema_extra={"enum": ["store", "migrations", "backlog", "jobs"]},
    )


class OneStation(_Asked):
    station_id: AnyText = Field(description="The station's OCPP id", examples=["STATION_7"])


class OneSession(_Asked):
    transaction_id: TransactionId = Field(description="The backend's number of it", examples=[501])


class OneStatement(_Asked):
    statement_id: TransactionId = Field(description="Its number in the list", examples=[12])


class OneExport(_Asked):
    name: Annotated[
        str, _one_of(EXPORT_NAMES), Field(json_schema_extra={"enum": EXPORT_NAMES}, examples=["sessions"])
    ] = Field(description="Which file; the list of them says what each holds")
    format: Annotated[
        str, _one_of(EXPORT_FORMATS), Field(json_schema_extra={"enum": EXPORT_FORMATS}, examples=["csv"])
    ] = Field(description="As what; the list says which there are of each")


class AskedExport(_Asked):
    first: Day | None = Field(
        None,
        alias="from",
        description="Its first day, by the clocks of the stations",
        examples=["2026-01-01"],
    )
    last: Day | None = Field(None, alias="to", description="Its last day", examples=["2026-03-31"])
    quarter: Annotated[str, Field(pattern=periods.QUARTER)] | None = Field(
        None,
        description="A quarter instead, like 2026-Q1; files for EV-ChART are of the last one unless told",
    )
    station_id: AnyText | None = Field(None, description="Only of this station, by its OCPP id")
    grain: Annotated[str, _one_of(GRAINS), Field(json_schema_extra={"enum": GRAINS})] = Field(
        "day", description="Of what `kpi-series` has a row each"
    )
    transaction_id: TransactionId | None = Field(
        None, description="The session whose meter values are wanted; other files do not need it"
    )


class SyncStation(_Asked):
    charging_station_id: UUID = Field(description="The platform's id of the station")
    vendor: Text | None = None
    model: Text | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "charging_station_id": "6f1c2a4e-3b0d-4c58-9a51-0f6a8d2e7b13",
                    "vendor": "ABB",
                    "model": "Terra 54",
                }
            ]
        }
    )


class InitiateCharging(_Asked):
    station_id: Text = Field(description="The station's OCPP id")
    connector_id: ConnectorId = Field(description="The connector's number at the station, from 1")
    user_id: UUID | None = Field(None, description="Who charges, if not the caller")
    payment_transaction_id: Text = Field(description="The payment that covers it")
    payment_method: ShortText = "qr_code"
    owner_id: Text | None = Field(None, description="Told to the backend as it is")
    owner_name: Text | None = Field(None, description="Told to the backend as it is")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "station_id": "STATION_7",
                    "connector_id": 1,
                    "payment_transaction_id": "PAY-2026-0001",
                }
            ]
        }
    )


class StopCharging(_Asked):
    transaction_id: TransactionId = Field(description="The session to end")
    user_id: UUID | None = Field(None, description="In whose name, if not the caller's")

    model_config = ConfigDict(json_schema_extra={"examples": [{"transaction_id": 501}]})


class SessionStatus(_Asked):
    transaction_id: TransactionId = Field(description="The session to ask about", examples=[501])


# Long enough that nobody guesses one, and nothing else fits.
Secret = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,50}$")]
PHONE = r"^(\+?251|0)[79][0-9]{8}$"
_AMOUNT = r"^(0|[1-9][0-9]{0,5})(\.[0-9]{1,2})?$"
_KWH = r"^(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?$"


def _decimal(pattern: str, most: int) -> Any:
    """A number, or one written as text, from 0 to `most`."""

    def read(value: object) -> object:
        if isinstance(value, bool) or not re.fullmatch(pattern, str(value)):
            raise ValueError("a plain number is needed, with as many places as there are")
        return str(value)

    number = {"type": "number", "minimum": 0, "maximum": most, "multipleOf": 1}
    return (
        BeforeValidator(read),
        WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": pattern}]}),
    )


Amount = Annotated[Decimal, *_decimal(_AMOUNT, 999_999)]
Kwh = Annotated[Decimal, *_decimal(_KWH, 999)]


class OneToken(_Asked):
    token: Secret = Field(description="The token in a connector's code", examples=["xkVwDP0CqbYLcOsMOPrDAw"])


class OnePayment(_Asked):
    session_token: Secret = Field(
        description="What the payment was answered with; only its driver has it",
        examples=["EV-0f8fad5bd9cb469fa16570867728950e"],
    )


_PHONE_SCHEMA = WithJsonSchema({"type": "string", "pattern": PHONE})


def _phone(value: str) -> str:
    if not re.fullmatch(PHONE, value):
        raise ValueError("a mobile phone number of Ethiopia is needed, such as 0911223344")
    return value


class InitiatePayment(_Asked):
    payment_type: Annotated[
        str, _one_of(("amount", "kwh")), Field(json_schema_extra={"enum": ["amount", "kwh"]})
    ] = Field("amount", description="Whether so much money or so much energy is wanted")
    amount: Amount | None = Field(None, description="What is to be paid at most, for `amount`")
    kwh_requested: Kwh | None = Field(None, description="What is to be charged at most, for `kwh`")
    currency: AnyText | None = Field(None, description="Of the amount: the station's, any other is refused")
    phone_number: Annotated[str, AfterValidator(_phone), _PHONE_SCHEMA] = Field(
        description="The driver's mobile phone in Ethiopia"
    )

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"amount": "200", "phone_number": "0911223344"}]}
    )


class PaymentCallback(_Asked):
    tx_ref: Text = Field(description="Which payment it is about; nothing else in it is believed")


class PaymentReturn(_Asked):
    trx_ref: AnyText | None = Field(None, description="Which payment it is about")
    tx_ref: AnyText | None = Field(None, description="The same")


class SandboxDecision(_Asked):
    pays: StrictBool = Field(description="Whether the driver pays")

    model_config = ConfigDict(json_schema_extra={"examples": [{"pays": True}]})


class OneSheet(_Asked):
    station_id: AnyText = Field(description="The station's OCPP id", examples=["STATION_7"])


class OneConnector(OneSheet):
    connector_id: ConnectorId = Field(description="The connector's number at the station", examples=[1])


class OneCode(OneConnector):
    kind: Annotated[
        str, _one_of(("png", "svg")), Field(json_schema_extra={"enum": ["png", "svg"]}, examples=["svg"])
    ] = Field(description="As which kind of picture")


def body(model: type[Model]) -> Model:
    """The request's JSON body as `model`. Raises `BadFields`, and 415 where it is not JSON."""
    if not request.is_json:
        raise Refused(415, "the content type must be application/json")
    try:
        decoded = orjson.loads(request.get_data())
    except orjson.JSONDecodeError as error:
        raise BadFields({"body": [f"not JSON: {error}"]}) from error
    if not isinstance(decoded, dict):
        raise BadFields({"body": ["a JSON object is needed"]})
    return checked(model, decoded)


def query(model: type[Model]) -> Model:
    """The parameters of the request's address as `model`. Raises `BadFields`."""
    return checked(model, request.args.to_dict())


def checked(model: type[Model], values: dict[str, Any]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        reasons: dict[str, list[str]] = {}
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            field = ".".join(map(str, item["loc"])) or "body"
            reasons.setdefault(field, []).append(item["msg"].removeprefix("Value error, "))
        raise BadFields(reasons) from error


def idempotency_key(owner: UUID) -> str | None:
    """The header `Idempotency-Key`, made the caller's own: nobody meets the commands of another by it."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise BadFields({"Idempotency-Key": [f"must have 1 to {MAX_KEY_LENGTH} characters"]})
    return f"api:{owner}:{key}"
