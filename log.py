"""Logging, configured once per process by its entry point: one line per record, and no secret in any."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import format_exc
from types import TracebackType
from typing import Any, Literal, TextIO

Style = Literal["text", "json"]

# The id of the request that is served in this context; empty where none is.
request_id: ContextVar[str] = ContextVar("request_id", default="")

MASK = "***"
# Shorter values are words of ordinary lines, too.
_LEAST_SECRET = 4
# These log raw frames, request addresses or SQL at INFO: secrets and id tags among them.
_QUIET = ("ocpp", "httpx", "httpcore", "urllib3", "websockets", "alembic")
# What looks like a secret, wherever it comes from: headers, addresses with a password, keys and tokens. Each
# with words without which it cannot match: to look for those costs a tenth.
_LOOKS: Sequence[tuple[tuple[str, ...], re.Pattern[str], str]] = tuple(
    (words, re.compile(pattern, re.IGNORECASE), replacement)
    for words, pattern, replacement in (
        (
            ("authorization",),
            r"(\bauthorization\b['\"]?\s*[:=,]\s*(?:b?['\"])?)(?:(?:bearer|token|basic)\s+)?[^\s'\",;)]+",
            rf"\1{MASK}",
        ),
        (
            ("bearer", "token", "basic"),
            r"\b(bearer|basic|token)(\s+)[\w.~+/=-]{16,}",
            rf"\1\2{MASK}",
        ),
        (("whsec_",), r"\bwhsec_[A-Za-z0-9+/=]+", MASK),
        (("v1,",), r"\bv1,[A-Za-z0-9+/]{20,}={0,2}", f"v1,{MASK}"),
        (("://",), r"(://[^\s:/@]*:)[^\s@/]+(?=@)", rf"\1{MASK}"),
        (
            ("passw", "secret", "key", "token"),
            r"(\b\w*(?:password|passwd|secret|api_?key|token)['\"]?\s*[:=]\s*['\"]?)(?!None\b)[^\s'\",;&)]+",
            rf"\1{MASK}",
        ),
    )
)


def configure(
    level: str = "INFO",
    style: Style = "text",
    secrets: Collection[str] = (),
    *,
    stream: TextIO | None = None,
) -> None:
    """Log to `stream` (standard error) from `level` on; chatty libraries from WARNING on.

    `secrets` are values that appear in no line, whatever is logged; what looks like one is masked, too.
    What ends the process or a thread unforeseen is logged as well, instead of printed past all this.
    """
    mask = _masking(secrets)
    handler = _Handler(stream or sys.stderr, mask)
    handler.setFormatter(_FORMATTERS[style](mask))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns whenever a run takes longer than its interval, which is meant to happen: they never overlap.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    sys.excepthook = _log_end
    threading.excepthook = lambda end: _log_end(end.exc_type, end.exc_value, end.exc_traceback)


def adopt(prefix: str) -> None:
    """Have the loggers of a library that brought handlers of its own log as everything else does."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.split(".")[0] == prefix:
            logger.handlers.clear()
            logger.propagate = True


def _masking(secrets: Collection[str]) -> Callable[[str], str]:
    # The longest first: one secret may be a part of another.
    known = sorted((secret for secret in secrets if len(secret) >= _LEAST_SECRET), key=len, reverse=True)

    def mask(text: str) -> str:
        for secret in known:
            text = text.replace(secret, MASK)
        lower = text.lower()
        for words, pattern, replacement in _LOOKS:
            if any(word in lower for word in words):
                text = pattern.sub(replacement, text)
        return text

    return mask


class _Handler(logging.StreamHandler[TextIO]):
    def __init__(self, stream: TextIO, mask: Callable[[str], str]):
        super().__init__(stream)
        self._mask = mask

    def handleError(self, record: logging.LogRecord) -> None:
        """The standard library would print the record's arguments as they are."""
        print(self._mask(f"a line of {record.name} was not logged: {format_exc()}"), file=sys.stderr)


class _Text(logging.Formatter):
    """`time LEVEL logger [request id]: message key=value ...`, a traceback below it."""

    def __init__(self, mask: Callable[[str], str]):
        super().__init__("%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        current = request_id.get()
        record.request = f" [{current}]" if current else ""
        line = super().format(record)
        return line if _is_clean(record) else self._mask(line)

    def formatMessage(self, record: logging.LogRecord) -> str:
        # A line break in a message would let whoever sent it write lines of our log.
        line = super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")
        return " ".join([line, *(f"{name}={value}" for name, value in _fields(record).items())])


class _Json(logging.Formatter):
    """One JSON object per line: at, level, logger, message, request_id, fields of the record, exception."""

    def __init__(self, mask: Callable[[str], str]):
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        mask = str if _is_clean(record) else self._mask
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": mask(record.getMessage()),
        }
        if current := request_id.get():
            line["request_id"] = current
        line |= {
            name: mask(value) if isinstance(value, str) else value for name, value in _fields(record).items()
        }
        if record.exc_info:
            line["exception"] = mask(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as `extra={"fields": {...}}`."""
    given = getattr(record, "fields", {})
    return given if isinstance(given, dict) else {}


def _is_clean(record: logging.LogRecord) -> bool:
    """Whether the caller vouches, by `extra={"is_clean": True}`, that all of it is of our own making."""
    return getattr(record, "is_clean", False)


_FORMATTERS: dict[Style, Callable[[Callable[[str], str]], logging.Formatter]] = {
    "text": _Text,
    "json": _Json,
}


def _log_end(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("uncaught").critical(
        "ended by an error nobody foresaw", exc_info=(kind, error or kind(), trace)
    )
