"""The types of connectors as people read them on the dashboard, on their phones and on paper."""

from __future__ import annotations

from languages import N_, gettext

_NAMES = {
    "type1": "Type 1",
    "type2": "Type 2",
    "ccs1": "CCS 1",
    "ccs2": "CCS 2",
    "chademo": "CHAdeMO",
    "tesla": "Tesla",
    "other": N_("Other"),
}


def plug_name(connector_type: str | None) -> str:
    """In the visitor's language, where it is no name; empty for none."""
    known = _NAMES.get(connector_type or "", connector_type or "")
    return gettext(known) if known else ""
