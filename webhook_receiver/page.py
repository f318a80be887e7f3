"""The OpenAPI document as a page to read: one HTML file, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

_FOLDER = Path(__file__).with_name("templates")
HOST = "https://receiver.example"
_TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}

Schema = Mapping[str, Any]

_NO_JSON = {
    "text/html": Markup("an HTML page"),
    "text/plain": Markup("plain text"),
    "application/pdf": Markup("a PDF file"),
    "image/png": Markup("a PNG picture"),
    "image/svg+xml": Markup("an SVG picture"),
    "text/csv": Markup("a CSV file"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": Markup("an Excel workbook"),
    "application/vnd.apache.parquet": Markup("a Parquet file"),
}


@dataclass(frozen=True)
class Field:
    """One parameter, or one member of an object. `kind` is HTML."""

    name: str
    kind: Markup
    required: bool
    description: str
    choices: tuple[str, ...] = ()


def render(document: Mapping[str, Any]) -> str:
    """The page; its examples ask `HOST`, for which the receiver's own address is put in."""
    page = _Page(document)
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"prose": _prose}
    return environment.get_template("docs.html").render(
        style=Markup(_style()),  # noqa: S704 - ours
        info=document["info"],
        tags=page.tags(),
        objects=page.objects(),
        refusals=document["components"]["responses"],
    )


def policy() -> str:
    """The page's Content-Security-Policy: its one style sheet, and nothing else at all."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"


@cache
def _style() -> str:
    return (_FOLDER / "docs.css").read_text("utf-8")


class _Page:
    def __init__(self, document: Mapping[str, Any]):
        self._document = document
        self._schemas: Mapping[str, Schema] = document["components"]["schemas"]

    def tags(self) -> dict[str, list[dict[str, Any]]]:
        tags: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in self._document["tags"]}
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                tags[operation["tags"][0]].append(self._operation(method.upper(), path, operation))
        return tags

    def objects(self) -> dict[str, dict[str, Any]]:
        """Every named object that has members to list, in the order of the alphabet."""
        return {
            name: {"description": schema.get("description", ""), "fields": list(self._fields(schema))}
            for name, schema in sorted(self._schemas.items())
            if "properties" in schema
        }

    def _operation(self, method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
        body = self._body(operation)
        return {
            "method": method,
            "path": path,
            "name": operation["operationId"],
            "summary": operation["summary"],
            "description": operation.get("description", ""),
            "is_open": not operation["security"],
            "parameters": [self._parameter(each) for each in operation["parameters"]],
            "body": list(self._fields(self._resolved(body))) if body else [],
            "shapes": [self._kind(each) for each in self._resolved(body).get("anyOf", ())] if body else [],
            "answer": self._answer(operation),
            "refusals": {status: self._meaning(status, told) for status, told in _refused(operation)},
            "curl": self._curl(method, path, operation, body),
        }

    def _body(self, operation: Mapping[str, Any]) -> Schema | None:
        content = operation.get("requestBody", {}).get("content", {})
        return next((each["schema"] for each in content.values()), None)

    def _parameter(self, told: Mapping[str, Any]) -> Field:
        kind = self._kind(told["schema"]) + f", {told['in']}"
        required = bool(told.get("required"))
        return Field(told["name"], kind, required, told.get("description", ""), _choices(told["schema"]))

    def _fields(self, schema: Schema) -> Iterator[Field]:
        for name, told in schema.get("properties", {}).items():
            yield Field(
                name,
                self._kind(told),
                name in schema.get("required", ()),
                told.get("description", ""),
                _choices(told),
            )

    def _answer(self, operation: Mapping[str, Any]) -> Markup:
        contents = operation["responses"]["200"]["content"].items()
        return Markup(" or ").join(
            _NO_JSON.get(media_type) or self._kind(content["schema"]) for media_type, content in contents
        )

    def _meaning(self, status: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        shared: Mapping[str, Any] = self._document["components"]["responses"][status]
        found = shared if "$ref" in told else told
        return {"description": found["description"], "headers": list(found.get("headers", ()))}

    def _resolved(self, schema: Schema) -> Schema:
        return self._schemas[_name(schema)] if "$ref" in schema else schema

    def _kind(self, schema: Schema) -> Markup:
        """What a value is, in words; named objects are links to where they are described."""
        if "$ref" in schema:
            return Markup('<a href="#object-{0}">{0}</a>').format(_name(schema))
        if "anyOf" in schema:
            kinds = [self._kind(each) for each in schema["anyOf"] if each.get("type") != "null"]
            text = Markup(" or ").join(dict.fromkeys(kinds))
            return text + " or null" if len(kinds) < len(schema["anyOf"]) else text
        if schema.get("type") == "array":
            return Markup("list of ") + self._kind(schema.get("items", {}))
        if isinstance(schema.get("type"), list):
            return Markup(" or ").join(_TYPES.get(each, each) for each in schema["type"])
        return escape(
            schema.get("format") or _TYPES.get(schema.get("type", ""), schema.get("type", "anything"))
        )

    def _curl(self, method: str, path: str, operation: Mapping[str, Any], body: Schema | None) -> str:
        asked = {each["name"]: each["example"] for each in operation["parameters"] if "example" in each}
        address = path.format_map(asked)
        query = {
            each["name"]: each["example"]
            for each in operation["parameters"]
            if each["in"] == "query" and "example" in each
        }
        lines = [f"curl '{HOST}{address}{'?' + urlencode(query) if query else ''}'"]
        if operation["security"]:
            lines.append("-H 'Authorization: Token <token>'")
        if any(each["name"] == "Idempotency-Key" for each in operation["parameters"]):
            lines.append("-H 'Idempotency-Key: 7c0f6f7e-4a52-4d0e-9b0b-6a3a3f3f5d11'")
        if body is not None:
            lines.append("-H 'Content-Type: application/json'")
            lines.append(f"-d '{json.dumps(self._example(body), indent=2)}'")
        return " \\\n     ".join(lines) + ("" if body or method == "GET" else f" -X {method}")

    def _example(self, schema: Schema) -> Any:
        found = self._resolved(schema)
        if "examples" in found:
            return found["examples"][0]
        shapes = found.get("anyOf", ())
        return self._example(shapes[0]) if shapes else {}


def _refused(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for status, told in operation["responses"].items():
        if status != "200":
            yield status, told


def _name(schema: Schema) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[1]


def _choices(schema: Schema) -> tuple[str, ...]:
    for each in (schema, *schema.get("anyOf", ())):
        if "enum" in each:
            return tuple(map(str, each["enum"]))
    return (json.dumps(schema["const"]),) if "const" in schema else ()


def _prose(text: str) -> Markup:
    """Escaped text, with `code` between backticks and a paragraph for each block."""
    paragraphs = []
    for block in text.split("\n\n"):
        parts = [
            Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
            for index, part in enumerate(block.split("`"))
        ]
        paragraphs.append(Markup("").join(parts))
    return Markup("</p><p>").join(paragraphs)
