"""What the schemas of any version of OCPP let pass and a central system must not."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from ocpp_backend.clock import parse_time
from ocpp_backend.failures import CallError

MAX_CONNECTOR = 1000
_MAX_VALUE = Decimal(10) ** 15
_MIN_EXPONENT = -30


def time(payload: dict[str, Any], name: str = "timestamp") -> datetime:
    try:
        return parse_time(payload[name])
    except ValueError:
        raise violation(name, "no time of ISO 8601") from None


def number(payload: dict[str, Any], name: str, least: int, most: int) -> int:
    value: int = payload[name]
    if not least <= value <= most:
        raise violation(name, f"not between {least} and {most}")
    return value


def token(payload: dict[str, Any], name: str) -> str:
    text: str = payload[name]
    if not text.strip():
        raise violation(name, "empty")
    return text


def measured(value: Decimal) -> Decimal:
    """A number that a meter can have measured: finite, below 10^15, with at most 30 places."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _MIN_EXPONENT or abs(value) >= _MAX_VALUE:
        raise violation("value", "no number that can be measured")
    return value


def violation(name: str, reason: str) -> CallError:
    return CallError("PropertyConstraintViolation", f"{name}: {reason}")
