"""Lists that stay plain arrays: `limit` and `cursor` ask, a `Link` header with rel="next" goes on.

The cursor holds the sort key of the page's last row, so a page costs the same however far down it is,
and rows that come in meanwhile move nothing. It is not secret: scope is applied to every page anew.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import orjson
from flask import Response, jsonify, request
from sqlalchemy import ColumnElement, Engine, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from db import texts
from db.columns import UTCDateTime
from db.engine import reading
from webhook_receiver.errors import BadFields
from webhook_receiver.parameters import Page

_MAX_ID = 2**63 - 1

Row = TypeVar("Row")
Key = Sequence[InstrumentedAttribute[Any]]


def answer(
    page: Page,
    engine: Engine,
    rows: Select[Row],
    *,
    key: Key,
    serialize: Callable[[Row], Mapping[str, Any]],
    newest_first: bool,
) -> Response:
    """The `page` of `rows` in the order of `key`, whose last column makes it unique. Raises `BadFields`."""
    ordered = rows.order_by(*(column.desc() if newest_first else column for column in key))
    if page.cursor:
        ordered = ordered.where(_after(key, _decode(page.cursor, key), newest_first))
    with reading(engine) as store:
        found = list(store.scalars(ordered.limit(page.limit + 1)))
        response = jsonify([serialize(row) for row in found[: page.limit]])
    if len(found) > page.limit:
        response.headers["Link"] = f'<{_next_address(found[page.limit - 1], key)}>; rel="next"'
    return response


def _after(key: Key, values: Sequence[Any], newest_first: bool) -> ColumnElement[bool]:
    columns = tuple_(*key)
    bound = tuple_(*(literal(value, column.type) for column, value in zip(key, values, strict=True)))
    return columns < bound if newest_first else columns > bound


def _next_address(last: object, key: Key) -> str:
    """Without scheme and host, which a proxy in front of us may know better."""
    values = [getattr(last, column.key) for column in key]
    text = orjson.dumps(values)
    cursor = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': cursor})}"


def _decode(cursor: str, key: Key) -> list[Any]:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(key):
            raise ValueError("another number of values")
        return [_value(value, column) for value, column in zip(values, key, strict=True)]
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:
        raise BadFields({"cursor": ["not a cursor of this list"]}) from error


def _value(value: Any, column: InstrumentedAttribute[Any]) -> Any:
    if isinstance(column.type, UTCDateTime):
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            raise ValueError("a time without a zone")
        return time.astimezone(UTC)
    if type(value) is not column.type.python_type or not _is_storable(value):
        raise ValueError(f"{value!r} cannot be compared with {column.key}")
    return value


def _is_storable(value: int | str) -> bool:
    return texts.is_storable(value) if isinstance(value, str) else abs(value) <= _MAX_ID
