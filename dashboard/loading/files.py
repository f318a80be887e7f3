"""The tables of the catalogue of exports, for buttons that download them."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard import resources
from db.analytics.scope import Period, Scope
from db.engine import reading
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS


def file(name: str, ending: str, scope: Scope, period: Period) -> bytes:
    """A table in a format by its ending, such as `csv`. It is made once, and so kept nowhere."""
    asked = Asked(scope=scope, now=datetime.now(UTC), settings=resources.settings(), period=period)
    return resources.read(lambda store: b"".join(FORMATS[ending].write(EXPORTS[name].make(store, asked))))


def meter_values(ending: str, scope: Scope, transaction_id: int) -> bytes:
    """What the meter of one session said as a file; `ending` is csv or xlsx."""
    asked = Asked(
        scope=scope, now=datetime.now(UTC), settings=resources.settings(), transaction_id=transaction_id
    )
    with reading(resources.engine()) as store:
        return b"".join(FORMATS[ending].write(EXPORTS["meter-values"].make(store, asked)))
