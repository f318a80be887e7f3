"""The table of operations as an OpenAPI 3.1 document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from ocpp_integration.events import MAX_BODY_BYTES
from webhook_receiver import objects
from webhook_receiver.operation import Operation
from webhook_receiver.parameters import MAX_KEY_LENGTH

VERSION = "1"
_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = """\
Stations, sessions, logs and commands of an EV charging network, and the address that the OCPP backend posts \
its events to.

All JSON is UTF-8, all times are ISO 8601 in UTC. Energy is kWh, power kW, money a decimal in the \
station's currency; decimals are text with fixed places. Every key of an object is always there, unknown \
values are null. More keys may come.

Lists are plain arrays of at most 100 objects. `limit` asks for another number, and where more follow, the \
header `Link` with `rel="next"` holds the address of the next page.

What you may not see does not exist: it is answered 404. Too many requests in a minute are answered 429, and \
`Retry-After` says how many seconds to wait.\
"""

_HEADERS: dict[str, dict[str, Any]] = {
    "Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to authenticate", "schema": {"type": "string"}},
    "Allow": {"description": "The methods of this address", "schema": {"type": "string"}},
    "Link": {
        "description": 'The next page, `rel="next"`; missing on the last one',
        "schema": {"type": "string"},
        "example": '</api/ocpp/sessions/?cursor=WyIyMDI2LTAzLTA0VDA4OjAwOjAwWiIsNDJd>; rel="next"',
    },
}

# What a refusal means, and the headers that come with it.
_REFUSALS: dict[int, tuple[str, tuple[str, ...]]] = {
    400: ("A field or parameter is wrong, or cannot be granted now", ()),
    401: ("The token is missing or not valid", ("WWW-Authenticate",)),
    404: ("There is no such thing, or you may not see it", ()),
    405: ("The address is not for this method", ("Allow",)),
    408: ("The body took longer than ten seconds", ()),
    409: ("The same command is still under way", ("Retry-After",)),
    413: (f"The body is larger than {MAX_BODY_BYTES // 1024} KiB", ()),
    415: ("The content type is not `application/json`", ()),
    422: ("The `Idempotency-Key` was used with another request", ()),
    429: ("Too many requests", ("Retry-After",)),
    502: ("The OCPP backend failed", ()),
    503: ("The store cannot be used now, or the OCPP backend is known to be down", ("Retry-After",)),
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Sent again with this key, the command is not done again but answered as before",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
}


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    schemas, components = _schemas(operations)
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "MengedMate OCPP", "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": _HEADERS,
            "responses": {str(status): _refusal(status, schemas["refusal", status]) for status in _REFUSALS},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token <token>`, with a token made by `manage.py create-token`",
                }
            },
        },
    }


Key = tuple[str, str | int]


def _schemas(operations: Sequence[Operation]) -> tuple[dict[Key, Any], dict[str, Any]]:
    """The schema of each body and answer by (operation, part), and the named ones they refer to."""
    told: list[tuple[Key, Any, Any]] = []
    for operation in operations:
        told.append(((operation.name, "answer"), "serialization", TypeAdapter(operation.answer)))
        if operation.body_model is not None:
            told.append(((operation.name, "body"), "validation", TypeAdapter(operation.body_model)))
        for status, (_, shape) in operation.refusals.items():
            told.append(((operation.name, status), "serialization", TypeAdapter(shape)))
    for status in _REFUSALS:
        shape = objects.FieldErrors if status == 400 else objects.Refusal
        told.append((("refusal", status), "serialization", TypeAdapter(shape)))
    found, named = TypeAdapter.json_schemas(told, ref_template=_REFERENCE)
    return {key: schema for (key, _mode), schema in found.items()}, named.get("$defs", {})


def _described(operation: Operation, schemas: Mapping[Key, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation, schemas),
        "security": [{"token": []}] if operation.needs_token else [],
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body_model is not None:
        content = {"schema": schemas[operation.name, "body"]}
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for place, model in (("path", operation.path_model), ("query", operation.query_model)):
        if model is not None:
            yield from _of_model(place, model)
    if operation.is_command:
        yield _KEY


def _of_model(place: str, model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema()
    for name, told in schema["properties"].items():
        # In an address everything is text: the number stands for its digits, and null is to leave it out.
        plain = dict(told.pop("anyOf")[0]) if "anyOf" in told else {}
        about = {key: told.pop(key) for key in ("description",) if key in told}
        examples = told.pop("examples", None)
        yield {
            "name": name,
            "in": place,
            "required": name in schema.get("required", ()),
            **about,
            **({"example": examples[0]} if examples else {}),
            "schema": {
                key: value for key, value in (plain | told).items() if value is not None and key != "title"
            },
        }


def _responses(operation: Operation, schemas: Mapping[Key, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {
        "description": "Done" if operation.method == "POST" else "Found",
        "content": _contents(operation, schemas[operation.name, "answer"]),
    }
    if operation.is_list:
        success["headers"] = {"Link": {"$ref": "#/components/headers/Link"}}
    if operation.links:
        success["links"] = {
            name: {"operationId": name, "parameters": {parameter: found}}
            for name, (parameter, found) in operation.links.items()
        }
    responses = {"200": success}
    for status in operation.statuses:
        if status in operation.refusals:
            meaning, _ = operation.refusals[status]
            responses[str(status)] = _answer(meaning, schemas[operation.name, status])
        else:
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return responses


def _contents(operation: Operation, schema: Any) -> dict[str, Any]:
    types = [each.partition(";")[0] for each in operation.media_types]
    if len(types) == 1:
        return {types[0]: {"schema": schema}}
    return {each: {"schema": schema} if each == "application/json" else {} for each in types}


def _refusal(status: int, schema: Any) -> dict[str, Any]:
    meaning, headers = _REFUSALS[status]
    told = {"headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers}}
    return _answer(meaning, schema) | (told if headers else {})


def _answer(meaning: str, schema: Any) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}
