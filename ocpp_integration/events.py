"""Webhook events between the OCPP backend and the receiver: their shapes, and their signature.

The shapes are those of the platform's webhooks; both ends validate with these same models. On the wire
energy is kWh, power kW, money a decimal; in here energy is integer Wh and power integer W.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from standardwebhooks import Webhook, WebhookVerificationError

# The OCPP backend has it from here.
from db.statuses import PLUGGED_IN as PLUGGED_IN

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 32
# More than any vehicle's battery takes: a bigger step is a wrong reading, not energy.
MAX_SESSION_WH = 1_000_000

ConnectorStatus = Literal[
    "available",
    "preparing",
    "charging",
    "suspended_evse",
    "suspended_ev",
    "finishing",
    "reserved",
    "unavailable",
    "faulted",
]
StationStatus = Literal["available", "occupied", "unavailable", "faulted"]
OUT_OF_ORDER: frozenset[str] = frozenset({"faulted", "unavailable"})
_BY_SPELLING = {status.replace("_", ""): status for status in get_args(ConnectorStatus)}


class InvalidEvent(ValueError):
    """The body is no event; `errors` maps each wrong field to its reasons."""

    def __init__(self, errors: dict[str, list[str]]):
        super().__init__("; ".join(f"{field}: {' '.join(reasons)}" for field, reasons in errors.items()))
        self.errors = errors


class InvalidSignature(Exception):
    """The signature is missing, wrong, or its time is more than five minutes away."""


def normalise_status(value: object) -> object:
    """`SuspendedEV` and `suspended_ev` are the same status; anything else is left for the validator."""
    if not isinstance(value, str):
        return value
    return _BY_SPELLING.get(value.replace("_", "").lower(), value.lower())


def normalise_measurand(value: str) -> str:
    """`Energy.Active.Import.Register` in the platform's spelling: `energy_active_import_register`."""
    return value.replace(".", "_").lower()


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    try:
        return value.astimezone(UTC)
    except OverflowError:
        # On the first or last day there is, of a clock that is not UTC.
        raise ValueError("a time of the years 1 to 9999 of UTC is needed") from None


def _text_time(value: object) -> object:
    # A bare number would be read as seconds since 1970, which no backend of this contract means.
    if not isinstance(value, str | datetime):
        raise ValueError("a time is ISO 8601 text")
    return value


def _thousandfold(most: int) -> BeforeValidator:
    """A number from 0 to `most` of a unit as a whole number of its thousandth."""

    def convert(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise ValueError("a number is needed")
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise ValueError("a number is needed") from None
        if not number.is_finite() or not 0 <= number <= most:
            raise ValueError(f"a number from 0 to {most} is needed")
        return int((number * 1000).to_integral_value())

    return BeforeValidator(convert)


def without_nul(value: str) -> str:
    """The text as it is, where PostgreSQL takes it. Raises `ValueError`."""
    if "\0" in value:
        raise ValueError("NUL characters are not allowed")
    return value


def _no_bool(value: object) -> object:
    # Python counts with true and false, too.
    if isinstance(value, bool):
        raise ValueError("a number is needed")
    return value


def _flag(value: object) -> object:
    if value not in (True, False) and not (isinstance(value, str) and value.lower() in ("true", "false")):
        raise ValueError("true or false is needed")
    return value


def _number_or_text(pattern: str, *, description: str = "", **bounds: int) -> WithJsonSchema:
    """How a number is told that may come as decimal text."""
    told = {"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": pattern}]}
    return WithJsonSchema(told | ({"description": description} if description else {}))


Time = Annotated[datetime, BeforeValidator(_text_time), AfterValidator(_aware)]
Text = Annotated[str, AfterValidator(without_nul)]
Name = Annotated[Text, Field(max_length=255)]
EnergyKwhAsWh = Annotated[
    int,
    _thousandfold(MAX_SESSION_WH // 1000),
    _number_or_text(
        r"^[0-9]{1,3}(\.[0-9]{1,6})?$", minimum=0, maximum=MAX_SESSION_WH // 1000, description="kWh"
    ),
]
PowerKwAsW = Annotated[
    int,
    _thousandfold(10_000),
    _number_or_text(r"^[0-9]{1,4}(\.[0-9]{1,6})?$", minimum=0, maximum=10_000, description="kW"),
]
RegisterWh = Annotated[int, Field(ge=0, le=2**53, description="Wh"), BeforeValidator(_no_bool)]
Seconds = Annotated[int, Field(ge=0), BeforeValidator(_no_bool)]
TransactionId = Annotated[int, Field(ge=1, le=2**63 - 1), BeforeValidator(_no_bool)]
Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"enum": [True, False, 0, 1, "true", "false"]})]
Money = Annotated[
    Decimal,
    BeforeValidator(_no_bool),
    Field(ge=0, lt=10**9, allow_inf_nan=False),
    _number_or_text(r"^[0-9]{1,9}(\.[0-9]{1,6})?$", minimum=0, exclusiveMaximum=10**9),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(_no_bool),
    Field(ge=0, le=100),
    _number_or_text(r"^[0-9]{1,2}(\.[0-9]{1,6})?$", minimum=0, maximum=100),
]
Measured = Annotated[
    Decimal,
    BeforeValidator(_no_bool),
    Field(allow_inf_nan=False, gt=-(10**15), lt=10**15),
    _number_or_text(r"^-?[0-9]{1,14}(\.[0-9]{1,6})?$", exclusiveMinimum=-(10**15), exclusiveMaximum=10**15),
]
ConnectorId = Annotated[int, Field(ge=0, le=1000), BeforeValidator(_no_bool)]
_OCPP_STATUSES = tuple(
    {"suspended_evse": "SuspendedEVSE", "suspended_ev": "SuspendedEV"}.get(status, status.title())
    for status in get_args(ConnectorStatus)
)
AnyConnectorStatus = Annotated[
    ConnectorStatus,
    BeforeValidator(normalise_status),
    WithJsonSchema({"enum": [*get_args(ConnectorStatus), *_OCPP_STATUSES]}),
]
AnyStationStatus = Annotated[
    StationStatus,
    BeforeValidator(normalise_status),
    WithJsonSchema({"enum": [each for name in get_args(StationStatus) for each in (name, name.title())]}),
]


class Payload(BaseModel):
    """What an event tells, by the name of its fields."""

    # A newer backend may send more than we know; what it adds is kept with the recorded body.
    model_config = ConfigDict(extra="ignore", frozen=True)


class MeterValue(Payload):
    timestamp: Time
    measurand: Annotated[Name, AfterValidator(normalise_measurand)] = "energy_active_import_register"
    value: Measured
    unit: Name | None = None
    context: Name | None = None
    location: Name | None = None
    phase: Name | None = None


class SessionStarted(Payload):
    start_time: Time | None = None
    meter_start: RegisterWh | None = None
    id_tag: Name | None = None
    connector_id: ConnectorId | None = None
    clock_ahead: Flag | None = None


class SessionProgress(Payload):
    energy_consumed_kwh: EnergyKwhAsWh | None = None
    current_power_kw: PowerKwAsW | None = None
    duration_seconds: Seconds | None = None
    estimated_cost: Money | None = None
    soc_percent: Percent | None = None
    meter_values: tuple[MeterValue, ...] = ()
    connector_id: ConnectorId | None = None


class SessionStopped(Payload):
    final_cost: Money | None = None
    stop_reason: Name | None = None
    meter_stop: RegisterWh | None = None
    energy_consumed_kwh: EnergyKwhAsWh | None = None
    stop_time: Time | None = None
    connector_id: ConnectorId | None = None
    estimated: Flag | None = None
    meter_reset: Flag | None = None
    clock_ahead: Flag | None = None


class AvailabilityChanged(Payload):
    connector_id: ConnectorId
    status: AnyConnectorStatus


class StationStatusChanged(Payload):
    status: AnyStationStatus | None = None
    is_online: Flag | None = None
    last_heartbeat: Time | None = None
    vendor: Name | None = None
    model: Name | None = None
    firmware_version: Name | None = None


class ConnectorStatusChanged(Payload):
    connector_id: ConnectorId
    status: AnyConnectorStatus
    error_code: Name | None = None
    info: Name | None = None
    vendor_id: Name | None = None
    vendor_error_code: Name | None = None


PAYLOADS: dict[str, type[Payload]] = {
    "session_started": SessionStarted,
    "session_progress": SessionProgress,
    "session_stopped": SessionStopped,
    "availability_changed": AvailabilityChanged,
    "station_status": StationStatusChanged,
    "connector_status": ConnectorStatusChanged,
}


class Event(BaseModel):
    """One webhook as it came. `payload()` gives its typed data, None where the type is unknown to us."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[Text, Field(min_length=1, max_length=50)]
    data: dict[str, Any]
    station_id: Name | None = None
    transaction_id: TransactionId | None = None
    timestamp: Time | None = None
    event_id: Name | None = None

    def payload(self) -> Payload | None:
        """Raises `InvalidEvent` with field names such as `data.connector_id`."""
        return self._typed

    @cached_property
    def _typed(self) -> Payload | None:
        model = PAYLOADS.get(self.type)
        if model is None:
            return None
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            raise InvalidEvent(_reasons(error, "data")) from error


def parse(body: bytes) -> Event:
    """The event in a webhook's body, its data checked too. Raises `InvalidEvent`."""
    if b"\\u0000" in body:
        raise InvalidEvent({"body": ["NUL characters are not allowed"]})
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidEvent({"body": [f"not JSON: {error}"]}) from error
    if not isinstance(decoded, dict):
        raise InvalidEvent({"body": ["a JSON object is needed"]})
    # Few brackets cannot nest deeply, and most events have few.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth_exceeds(decoded, MAX_DEPTH):
        raise InvalidEvent({"body": [f"nested deeper than {MAX_DEPTH} levels"]})
    try:
        event = Event.model_validate(decoded)
    except ValidationError as error:
        raise InvalidEvent(_reasons(error)) from error
    event.payload()
    return event


def identity(headers: Mapping[str, str], event: Event, body: bytes) -> str:
    """What makes a resend recognisable: the header `webhook-id`, else `event_id`, else the body's digest."""
    return headers.get("webhook-id") or event.event_id or digest(body)


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def sign(secrets: Sequence[str], event_id: str, body: str, at: datetime) -> dict[str, str]:
    """Standard Webhooks headers for `body`; without a secret only the id and the time."""
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "content-type": "application/json",
    }
    if secrets:
        # The library takes any datetime's clock reading for UTC, so it gets one that is.
        headers["webhook-signature"] = Webhook(secrets[0]).sign(event_id, at.astimezone(UTC), body)
    return headers


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
    """Raises `InvalidSignature` unless one of `secrets` signed `body` within the last five minutes."""
    reason: Exception | None = None
    for secret in secrets:
        try:
            _webhook(secret).verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError, binascii.Error, RecursionError, TypeError) as error:
            reason = error
        else:
            return
    raise InvalidSignature(str(reason) if reason else "no secret is configured") from reason


@lru_cache(maxsize=16)
def _webhook(secret: str) -> Webhook:
    return Webhook(secret)


def _reasons(error: ValidationError, *prefix: str) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        field = ".".join((*prefix, *map(str, item["loc"]))) or "body"
        reasons.setdefault(field, []).append(item["msg"].removeprefix("Value error, "))
    return reasons


def _depth_exceeds(value: object, limit: int) -> bool:
    level: list[object] = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
