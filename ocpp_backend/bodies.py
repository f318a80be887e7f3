"""The bodies of requests to the locator API. Numbers may come as JSON numbers or as decimal strings."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from ocpp_backend.failures import Failure
from ocpp_integration.events import without_nul

MAX_BODY_BYTES = 256 * 1024


Text = Annotated[str, Field(max_length=255), AfterValidator(without_nul)]
# It becomes one step of the path that the charge point connects to.
_STATION_ID = r"^[^\x00-\x20/?#%\x7f]+$"
StationId = Annotated[str, Field(min_length=1, max_length=255, pattern=_STATION_ID)]
ConnectorId = Annotated[int, Field(ge=1, le=1000)]
_Exact = Field(allow_inf_nan=False, max_digits=30, decimal_places=20)


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)


class ConnectorBody(Body):
    connector_id: ConnectorId
    connector_type: Text | None = None
    max_power: Annotated[Decimal, Field(ge=0, le=10_000), _Exact] | None = None
    price_per_kwh: Annotated[Decimal, Field(ge=0, lt=10**6), _Exact] | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None

    def columns(self) -> dict[str, Any]:
        columns = self.model_dump(exclude={"max_power"})
        return columns | {"max_power_w": None if self.max_power is None else round(self.max_power * 1000)}


class SyncStationBody(Body):
    station_id: StationId
    name: Text | None = None
    latitude: Annotated[Decimal, Field(ge=-90, le=90), _Exact] | None = None
    longitude: Annotated[Decimal, Field(ge=-180, le=180), _Exact] | None = None
    address: Annotated[str, Field(max_length=2000), AfterValidator(without_nul)] | None = None
    vendor: Text | None = None
    model: Text | None = None
    connectors: Annotated[tuple[ConnectorBody, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _no_connector_twice(self) -> SyncStationBody:
        numbers = [connector.connector_id for connector in self.connectors]
        if len(numbers) != len(set(numbers)):
            raise ValueError("connectors: a connector_id occurs twice")
        return self

    def facts(self) -> dict[str, Any]:
        """The columns of the station, without those that the platform leaves open."""
        facts = self.model_dump(exclude={"station_id", "connectors"})
        return {key: value for key, value in facts.items() if value is not None}


class InitiateChargingBody(Body):
    station_id: Text
    connector_id: ConnectorId
    user_id: Annotated[Text, Field(min_length=1)]
    payment_transaction_id: Annotated[Text, Field(min_length=1)]
    payment_method: Text = "qr_code"
    owner_id: Text | None = None
    owner_name: Text | None = None

    def order(self) -> dict[str, Any]:
        return self.model_dump(exclude={"station_id", "connector_id"})


class StopChargingBody(Body):
    transaction_id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    user_id: Text | None = None


def is_station_id(text: str) -> bool:
    return len(text) <= 255 and re.fullmatch(_STATION_ID, text) is not None


B = TypeVar("B", bound=Body)


async def read_body(request: Request, model: type[B], empty: bytes = b"") -> B:
    """The body as a `model`; `empty` stands for none. Raises `Failure` 413, or 422 naming the field."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY_BYTES:
            raise Failure(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.")
    try:
        return model.model_validate(orjson.loads(bytes(raw) or empty))
    except orjson.JSONDecodeError as error:
        raise Failure(422, "invalid_json", f"The body is not JSON: {error}.") from error
    except ValidationError as error:
        raise _invalid(error) from error


def read_query(request: Request, model: type[B]) -> B:
    """The query as a `model`; a parameter without a value is none. Raises `Failure` 422."""
    try:
        return model.model_validate({name: value for name, value in request.query_params.items() if value})
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> Failure:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "body"
    reason = first["msg"].removeprefix("Value error, ")
    return Failure(422, "invalid_field", f"{field}: {reason}", field=field)
