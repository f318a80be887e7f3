"""The JSON schemas of a version of OCPP, compiled once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
import orjson

from ocpp_backend.failures import CallError

# Beyond this, a float no longer says which whole number was meant.
_EXACT = 2**53
_CODES = {
    "type": "TypeConstraintViolation",
    "required": "OccurenceConstraintViolation",
    "minItems": "OccurenceConstraintViolation",
    "maxItems": "OccurenceConstraintViolation",
    "additionalProperties": "FormationViolation",
}


@dataclass(frozen=True)
class Schemas:
    """Validators by action, of requests and of responses."""

    requests: dict[str, jsonschema_rs.Validator]
    responses: dict[str, jsonschema_rs.Validator]

    def check_request(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The payload, its whole numbers as integers. Raises `CallError` with the code that fits."""
        return _check(self.requests[action], payload)

    def check_response(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return _check(self.responses[action], payload)


@cache
def load(version: str) -> Schemas:
    """The schemas that the `ocpp` package brings for `version`, such as "v16"."""
    requests: dict[str, jsonschema_rs.Validator] = {}
    responses: dict[str, jsonschema_rs.Validator] = {}
    for file in (resources.files("ocpp") / version / "schemas").iterdir():
        name = file.name.removesuffix(".json").removesuffix("Request")
        schema = orjson.loads(file.read_bytes().removeprefix(b"\xef\xbb\xbf"))
        # Times are parsed where they are used: many charge points leave out the offset.
        # What is wrong is told without the value, which may be an id tag.
        validator = jsonschema_rs.validator_for(schema, validate_formats=False, mask="the value")
        table = responses if name.endswith("Response") else requests
        table[name.removesuffix("Response")] = validator
    return Schemas(requests, responses)


def _check(validator: jsonschema_rs.Validator, payload: dict[str, Any]) -> dict[str, Any]:
    if validator.is_valid(payload):
        return payload
    try:
        return _mended(validator, payload)
    except (RecursionError, ValueError) as error:
        raise CallError("FormationViolation", "nested too deeply") from error


def _mended(validator: jsonschema_rs.Validator, payload: dict[str, Any]) -> dict[str, Any]:
    # Some charge points write whole numbers as 100.0.
    mended = _whole_numbers(payload)
    if validator.is_valid(mended):
        return dict(mended)
    found = next(iter(validator.iter_errors(mended)))
    keyword = str(found.schema_path[-1])
    where = ".".join(map(str, found.instance_path)) or "payload"
    raise CallError(_CODES.get(keyword, "PropertyConstraintViolation"), f"{where}: {found.message}")


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return int(value) if whole else value
