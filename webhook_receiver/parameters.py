"""What a request asks for, checked: wrong fields become `BadFields`, each with its reasons."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from flask import request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from webhook_receiver.errors import BadFields, Refused

MAX_KEY_LENGTH = 200
MAX_TRANSACTION_ID = 2**63 - 1

Model = TypeVar("Model", bound=BaseModel)


def _storable(value: str) -> str:
    if "\0" in value:
        raise ValueError("NUL characters are not allowed")
    return value


Text = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_storable)]
TransactionId = Annotated[int, Field(ge=1, le=MAX_TRANSACTION_ID)]


class _Body(BaseModel):
    # The apps in use send numbers where text is meant (ids, above all).
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class SyncStation(_Body):
    charging_station_id: UUID
    vendor: Text | None = None
    model: Text | None = None


class InitiateCharging(_Body):
    station_id: Text
    connector_id: Annotated[int, Field(ge=1, le=1000)]
    user_id: UUID
    payment_transaction_id: Text
    payment_method: Annotated[Text, Field(max_length=50)] = "qr_code"
    owner_id: Text | None = None
    owner_name: Text | None = None


class StopCharging(_Body):
    transaction_id: TransactionId
    user_id: UUID | None = None


class SessionStatus(_Body):
    transaction_id: TransactionId


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


def choice(name: str, choices: Collection[str]) -> str | None:
    """An optional parameter of the address that must be one of `choices`."""
    value = request.args.get(name)
    if value is not None and value not in choices:
        raise BadFields({name: [f"must be one of {', '.join(sorted(choices))}"]})
    return value


def text(name: str) -> str | None:
    """An optional parameter of the address."""
    value = request.args.get(name)
    if value is not None and "\0" in value:
        raise BadFields({name: ["NUL characters are not allowed"]})
    return value


def idempotency_key(owner: UUID) -> str | None:
    """The header `Idempotency-Key`, made the caller's own: nobody meets the commands of another by it."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise BadFields({"Idempotency-Key": [f"must have 1 to {MAX_KEY_LENGTH} characters"]})
    return f"api:{owner}:{key}"
