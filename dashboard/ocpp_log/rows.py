"""Messages as rows of the OCPP log, and their payloads laid out. Pure."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from db.models import OCPPLog
from languages import N_, _
from ocpp_integration.frame_log import Exchange, Frame

_DIRECTIONS = {"in": N_("From the charge point"), "out": N_("To the charge point")}
_MOST_TOLD, _LONGEST_GIST = 3, 90
_LEVELS = {"error": "faulted", "warning": "other"}


def frame_row(exchange: Exchange, name: str, timezone: str) -> str:
    """`name` is the station's."""
    first = exchange.first
    facts = [
        Fact(_("When"), _clock(first.time, timezone), first.time.isoformat()),
        Fact(_("Answered in"), _latency(exchange)),
        Fact(_("Message"), first.message_id[:12] or formats.NO_DATA, first.message_id),
    ]
    parts = (name, _(_DIRECTIONS.get(first.direction, "")), exchange.error or gist(first.payload))
    below = " · ".join(filter(None, parts))
    return fact_row(first.action or _("Not OCPP"), below, outcome(exchange), facts)


def outcome(exchange: Exchange) -> tuple[str, str]:
    """How it went, in a word, and the colour of that."""
    if exchange.error_code:
        return exchange.error_code, "faulted"
    if exchange.answer is None and exchange.first.kind == "call":
        return _("No answer"), "other"
    return _("Answered"), "available"


def event_row(row: OCPPLog, name: str, timezone: str) -> str:
    transaction = row.session_transaction_id
    facts = [
        Fact(_("When"), _clock(row.timestamp, timezone), row.timestamp.isoformat()),
        Fact(_("Transaction"), formats.NO_DATA if transaction is None else str(transaction)),
        Fact(_("Number"), str(row.id)),
    ]
    state = (formats.words(row.level), _LEVELS.get(row.level, "available"))
    return fact_row(formats.words(row.action), f"{name or _('No station')} · {row.message}", state, facts)


def gist(payload: Any) -> str:
    """The first plain values of a payload: `connectorId 1, status Available`."""
    if not isinstance(payload, dict):
        return ""
    plain = [f"{name} {value}" for name, value in payload.items() if isinstance(value, str | int | float)]
    text = ", ".join(plain[:_MOST_TOLD])
    return text if len(text) <= _LONGEST_GIST else text[:_LONGEST_GIST] + " …"


def heading(frame: Frame, timezone: str) -> str:
    """What a frame is, in a line."""
    kind = {"call": _("Call"), "result": _("Answer"), "error": _("Error"), "bad": _("Not OCPP")}.get(
        frame.kind, frame.kind
    )
    told = [_(_DIRECTIONS.get(frame.direction, "")), formats.local_time(frame.time, timezone, seconds=True)]
    if frame.latency_ms is not None:
        told.append(_("after {milliseconds}", milliseconds=milliseconds(frame.latency_ms)))
    return f"{kind} · {' · '.join(filter(None, told))}"


def laid_out(payload: Any) -> str:
    """JSON over several lines; what is none as it came."""
    return payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)


def milliseconds(value: float) -> str:
    if value >= 1000:
        return f"{value / 1000:,.1f}\u00a0s"
    return f"{value:.0f}\u00a0ms" if value >= 10 else f"{value:.1f}\u00a0ms"


def _latency(exchange: Exchange) -> str:
    answer = exchange.answer
    if answer is None or answer.latency_ms is None:
        return formats.NO_DATA
    return milliseconds(answer.latency_ms)


def _clock(at: datetime, timezone: str) -> str:
    return formats.short_time(at, timezone, seconds=True)
