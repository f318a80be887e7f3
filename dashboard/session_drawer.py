"""One session beside the list: its facts, its bill, what is odd about it, its meter curve."""

from __future__ import annotations

import streamlit as st

from dashboard import figures, formats, loading, markup, quarantine_rows
from dashboard.bill_lines import bill_lines
from dashboard.receipt_button import receipt_button
from dashboard.visitor import visitor
from db.analytics import flags
from db.analytics.sessions import SessionRow
from db.models.sessions import DECIDED
from ocpp_integration.pricing import Bill

_ADDRESS = "session"
# By whether the session is held back, and whether it runs.
_WORD_OF_TOTAL = {
    (False, False): "Total",
    (False, True): "Total so far",
    (True, False): "Not billed while it is held back",
}


def selected_in_address() -> int | None:
    """The session that the page's address names."""
    text = st.query_params.get(_ADDRESS, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def open_drawer(session_pk: int) -> None:
    st.query_params[_ADDRESS] = str(session_pk)
    _drawer(session_pk)


def _close() -> None:
    st.query_params.pop(_ADDRESS, None)
    st.session_state["drawers_closed"] = st.session_state.get("drawers_closed", 0) + 1


@st.dialog("Session", width=680, position="right", on_dismiss=_close, icon=":material/receipt_long:")
def _drawer(session_pk: int) -> None:
    found = loading.session(visitor().scope, session_pk)
    if found is None:
        st.html(markup.empty("No such session", "It does not exist, or it is not at one of your stations."))
        return
    row, points = found
    st.html(markup.card_title(row.station_name, _subtitle(row)))
    st.html(markup.facts(_facts(row)))
    _verdict(row)
    for flag in row.flags:
        st.warning(flags.sentence(flag), icon=":material/flag:")
    st.html(markup.card_title("Bill"))
    st.html(_bill(row))
    receipt_button(row)
    st.html(markup.card_title("Meter curve", f"On the station's clock ({_zone(row)})"))
    if points:
        st.plotly_chart(
            figures.meter_curve(points, row.timezone),
            config=figures.CONFIG,
            key=f"curve-{session_pk}",
            alt="Power and energy of the session over time",
        )
    else:
        st.html(markup.empty("No meter values", "The charge point sent none for this session."))


def _verdict(row: SessionRow) -> None:
    if row.is_held:
        st.error(
            "Held back: it cannot be as it was reported. It counts in no figure and in no revenue until an "
            "administrator has accepted or corrected it.",
            icon=":material/block:",
        )
    elif row.verdict in DECIDED and (decision := loading.decision(visitor().scope, row.pk)):
        st.info(quarantine_rows.decided_by(decision, row.timezone), icon=":material/rule:")


def _subtitle(row: SessionRow) -> str:
    parts = [formats.words(row.status)]
    if row.connector_number:
        parts.append(f"connector {row.connector_number}")
    if row.connector_type:
        parts.append(formats.words(row.connector_type))
    return " · ".join(parts)


def _facts(row: SessionRow) -> list[tuple[str, str]]:
    stopped = formats.local_time(row.stop_time, row.timezone) if row.stop_time else "Still running"
    known: list[tuple[str, str | None]] = [
        ("Started", formats.local_time(row.start_time, row.timezone)),
        ("Ended", stopped),
        ("Duration", formats.duration(row.duration_seconds)),
        ("Energy", None if row.energy_wh is None else formats.exact_energy(row.energy_wh)),
        ("Power now", None if row.power_w is None else str(formats.power(row.power_w))),
        ("Highest power", None if row.max_power_w is None else str(formats.power(row.max_power_w))),
        ("State of charge", None if row.soc_percent is None else f"{row.soc_percent:.0f}\u00a0%"),
        ("How it ended", formats.words(row.stop_reason) if row.stop_reason else None),
        ("Meter", _registers(row)),
        ("Id tag", row.id_tag),
        ("Tariff", row.tariff_name),
        ("Cost by the backend", _reported(row)),
        ("Transaction", None if row.transaction_id is None else str(row.transaction_id)),
    ]
    return [(name, value) for name, value in known if value]


def _reported(row: SessionRow) -> str | None:
    """Where it is another than ours; else it says nothing new."""
    if row.reported_cost is None or row.reported_cost == row.cost:
        return None
    return formats.exact_money(row.reported_cost, row.currency)


def _registers(row: SessionRow) -> str | None:
    if row.meter_start is None:
        return None
    first = formats.exact_energy(row.meter_start)
    return first if row.meter_stop is None else f"{first} → {formats.exact_energy(row.meter_stop)}"


def _bill(row: SessionRow) -> str:
    if row.cost is None or row.energy_wh is None:
        return markup.empty("No price", "No tariff was in force, and no cost came with the session.")
    total = (
        _WORD_OF_TOTAL[row.is_held, row.stop_time is None],
        formats.exact_money(row.cost, row.currency),
    )
    # A corrected cost need not be that of the price.
    if row.bill is not None and row.verdict != "corrected":
        return markup.bill(bill_lines(Bill.read(row.bill), row.currency), total)
    if row.price_per_kwh is None or row.verdict == "corrected":
        return markup.bill([(formats.exact_energy(row.energy_wh), "")], total)
    price = formats.price(row.price_per_kwh, row.currency)
    lines = [
        (f"{formats.exact_energy(row.energy_wh)} × {price}", formats.exact_money(row.cost, row.currency))
    ]
    if row.tax is not None:
        lines.append(("VAT contained in it", formats.exact_money(row.tax, row.currency)))
    return markup.bill(lines, total)


def _zone(row: SessionRow) -> str:
    return formats.local_time(row.start_time, row.timezone).rsplit(" ", 1)[-1]
