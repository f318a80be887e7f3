"""What of a frame must not be read back: id tags, which are cards and people, and keys."""

from __future__ import annotations

import re
from typing import Any

MASK = "…"
_KEPT = 4
# Deeper than any message of OCPP is; beyond, it is not worth a look.
_MAX_DEPTH = 32
_ID_TAGS = {"idTag", "parentIdTag", "idToken", "additionalIdToken"}
# The configuration keys of 1.6 and the variables of 2.0.1 that hold a charge point's key.
_SECRET_SETTINGS = {"authorizationkey", "basicauthpassword"}
_TRACES = ("idtag", "idtoken", *_SECRET_SETTINGS)
# The same in text that is no JSON.
_ID_TAG_TEXT = re.compile(r'("(?:idTag|parentIdTag|idToken|additionalIdToken)"\s*:\s*"[^"]{4})[^"]+')
_VALUE_TEXT = re.compile(r'("(?:value|attributeValue)"\s*:\s*")[^"]*')


def needs_masking(text: str) -> bool:
    """Quickly, whether a payload in JSON may hold anything to mask; most do not."""
    lower = text.lower()
    return any(trace in lower for trace in _TRACES)


def masked(value: Any, depth: int = 0) -> Any:
    """`value` with only the first four characters of id tags, and nothing of keys."""
    if depth > _MAX_DEPTH:
        return MASK
    if isinstance(value, list):
        return [masked(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    secret = _is_secret_setting(value)
    return {name: _member(name, item, depth + 1, secret=secret) for name, item in value.items()}


def masked_text(text: str) -> str:
    """The same for a frame that could not be read."""
    lower = text.lower()
    if any(secret in lower for secret in _SECRET_SETTINGS):
        text = _VALUE_TEXT.sub(rf"\1{MASK}", text)
    return _ID_TAG_TEXT.sub(rf"\1{MASK}", text)


def _member(name: str, item: Any, depth: int, *, secret: bool) -> Any:
    if isinstance(item, str) and name in _ID_TAGS:
        return item[:_KEPT] + MASK if len(item) > _KEPT else item
    if secret and name in ("value", "attributeValue"):
        return MASK
    return masked(item, depth)


def _is_secret_setting(value: dict[str, Any]) -> bool:
    """Whether it is a setting of 1.6 (`key`, `value`) or 2.0.1 (`variable`, `attributeValue`) to hide."""
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else value.get("key")
    return isinstance(name, str) and name.lower() in _SECRET_SETTINGS
