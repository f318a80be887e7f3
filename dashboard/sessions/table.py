"""Sessions as a table of which one row can be chosen, and on a phone as cards with a button each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from dashboard import formats
from dashboard.room import one_that_fits
from dashboard.row_table import Choice, Column, row_cards, table
from db.analytics.sessions import SessionRow
from languages import _
from ocpp_integration.plugs import plug_name

_ROWS_IN_SIGHT = 18


def session_table(
    rows: Sequence[SessionRow], key: str = "sessions", *, with_station: bool = True
) -> int | None:
    """The rows; returns the `pk` of the one that was chosen."""
    # A new key forgets the selection, once the drawer that it opened is closed.
    closed = st.session_state.get("drawers_closed", 0)
    left_out = [] if with_station else [_("Station")]
    zone = _one_zone(rows)
    chosen: list[int] = []

    def wide() -> None:
        place = table(
            _frame(rows, zone).drop(columns=left_out),
            f"{key}-{closed}",
            _("Charging sessions; choose a row for its bill and its meter curve"),
            columns=_columns(zone),
            in_sight=_ROWS_IN_SIGHT,
            is_choosable=True,
        )
        st.caption(_("Choose a row to see its bill and its meter curve."))
        chosen.extend([] if place is None else [place])

    def narrow() -> None:
        row_cards(
            _cards(rows).drop(columns=left_out),
            f"{key}-narrow",
            _("Charging sessions"),
            choice=Choice(_("Open"), ":material/chevron_right:", chosen.append),
        )

    one_that_fits(key, wide=wide, narrow=narrow)
    return rows[chosen[-1]].pk if chosen else None


def _columns(zone: str | None) -> dict[str, Column]:
    return {
        _("Started"): Column(_("Started ({zone})", zone=zone) if zone else None, width=140 if zone else 165),
        _("Connector"): Column(width=90),
        _("How it ended"): Column(width=140),
        _("Energy"): Column(_("Energy (kWh)"), places=3),
        _("Cost"): Column(alignment="right"),
    }


def _one_zone(rows: Sequence[SessionRow]) -> str | None:
    """The short name of the clock that all rows' times are on, None where there are several."""
    zones = {row.start_time.astimezone(ZoneInfo(row.timezone)).strftime("%Z") for row in rows}
    return zones.pop() if len(zones) == 1 else None


def _frame(rows: Sequence[SessionRow], zone: str | None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            _("Started"): [_clock(row.start_time, row.timezone, is_named=zone is None) for row in rows],
            _("Station"): [row.station_name for row in rows],
            _("Connector"): [_connector(row) for row in rows],
            _("Status"): [_status(row) for row in rows],
            _("Duration"): [formats.duration(row.duration_seconds) for row in rows],
            _("Energy"): [None if row.energy_wh is None else row.energy_wh / 1000 for row in rows],
            _("Cost"): [_cost(row) for row in rows],
            _("How it ended"): [formats.words(row.stop_reason) if row.stop_reason else "" for row in rows],
            _("Id tag"): [row.id_tag or "" for row in rows],
            _("Transaction"): ["" if row.transaction_id is None else str(row.transaction_id) for row in rows],
        }
    )


def _cards(rows: Sequence[SessionRow]) -> pd.DataFrame:
    """What is said of them where there is little room, the station or the start first."""
    energy = [
        formats.NO_DATA if row.energy_wh is None else str(formats.energy(row.energy_wh)) for row in rows
    ]
    return pd.DataFrame(
        {
            _("Station"): [row.station_name for row in rows],
            _("Started"): [formats.short_time(row.start_time, row.timezone) for row in rows],
            _("Energy"): energy,
            _("Cost"): [_cost(row) for row in rows],
            _("Connector"): [_connector(row) for row in rows],
            _("Status"): [_status(row) for row in rows],
            _("Duration"): [formats.duration(row.duration_seconds) for row in rows],
        }
    )


def _status(row: SessionRow) -> str:
    return _("Held back") if row.is_held else formats.words(row.status)


def _cost(row: SessionRow) -> str:
    return "" if row.cost is None else formats.exact_money(row.cost, row.currency)


def _clock(at: datetime, timezone: str, *, is_named: bool) -> str:
    return at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M" + (" %Z" if is_named else ""))


def _connector(row: SessionRow) -> str:
    parts = [str(row.connector_number or ""), plug_name(row.connector_type)]
    return " · ".join(filter(None, parts))
