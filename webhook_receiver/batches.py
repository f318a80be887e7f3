"""A batch of webhooks taken apart into its events, each with the bytes that its sender wrote."""

from __future__ import annotations

import re

MAX_EVENTS = 1000
# A thousand events of four times the size that ours have.
MAX_BATCH_BYTES = 4 * 1024 * 1024

_TEXT = rb'"(?:[^"\\]++|\\.)*+"'
# Up to the next bracket; between elements, up to the next comma also.
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|%b)*+[{}\[\]]' % _TEXT, re.DOTALL)
_TO_COMMA = re.compile(rb'(?:[^"{}\[\],]++|%b)*+[{}\[\],]' % _TEXT, re.DOTALL)


class NoBatch(Exception):
    """The body cannot be taken apart."""


class TooManyEvents(Exception):
    """There are more than `MAX_EVENTS` in it."""


def split_array(body: bytes) -> list[bytes]:
    """The elements of a JSON array. Raises `NoBatch` and `TooManyEvents`.

    Brackets are counted and nothing else is understood, so that what is wrong with one element is found
    out with that element and spoils no other.
    """
    body = body.strip()
    if not body.startswith(b"["):
        raise NoBatch("a JSON array is needed")
    parts, begin, end, depth = [], 1, 1, 1
    while depth:
        found = (_TO_COMMA if depth == 1 else _TO_BRACKET).match(body, end)
        if found is None:
            raise NoBatch("the JSON array does not end")
        end = found.end()
        mark = body[end - 1 : end]
        depth += mark in b"[{"
        depth -= mark in b"]}"
        if depth == 0 or mark == b",":
            parts.append(body[begin : end - 1].strip())
            begin = end
    if end != len(body):
        raise NoBatch("something follows the JSON array")
    return _few([] if parts == [b""] else parts)


def split_lines(body: bytes) -> list[bytes]:
    """The lines of NDJSON that are not blank. Raises `TooManyEvents`."""
    return _few([part for line in body.split(b"\n") if (part := line.strip())])


def _few(parts: list[bytes]) -> list[bytes]:
    if len(parts) > MAX_EVENTS:
        raise TooManyEvents
    return parts


SPLITTERS = {"application/json": split_array, "application/x-ndjson": split_lines}
