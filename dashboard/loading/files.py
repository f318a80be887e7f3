"""The tables of the catalogue of exports, for buttons that download them."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard import resources
from db.analytics.scope import Period, Scope
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS


def file(name: str, ending: str, scope: Scope, period: Period) -> bytes:
    """A table in a format by its ending, such as `csv`. It is made once, and so kept nowhere."""
    asked = Asked(scope=scope, now=datetime.now(UTC), settings=resources.settings(), period=period)
    return resources.read(lambda store: b"".join(FORMATS[ending].write(EXPORTS[name].make(store, asked))))
