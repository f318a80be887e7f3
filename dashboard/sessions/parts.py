"""What there is to say of a session, for its page and for the quick look at it beside a list."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import figures, formats, loading, markup
from dashboard.quarantine import rows
from dashboard.sessions.bill_lines import bill_lines
from dashboard.visitor import visitor
from db.analytics import flags
from db.analytics.meter_values import MeterPoint
from db.analytics.sessions import SessionRow
from db.models.sessions import DECIDED
from languages import N_, _
from ocpp_integration.plugs import plug_name
from ocpp_integration.pricing import Bill

NO_SUCH_SESSION = (N_("No such session"), N_("It does not exist, or it is not at one of your stations."))
# By whether the session is held back, and whether it runs.
_WORD_OF_TOTAL = {
    (False, False): N_("Total"),
    (False, True): N_("Total so far"),
    (True, False): N_("Not billed while it is held back"),
}


def remarks(row: SessionRow) -> None:
    """Whether it counts, and what is odd about it."""
    _verdict(row)
    for flag in row.flags:
        st.warning(_(flags.sentence(flag)), icon=":material/flag:")


def curve(row: SessionRow, points: Sequence[MeterPoint]) -> None:
    st.html(markup.card_title(_("Meter curve"), _("On the station's clock ({zone})", zone=_zone(row))))
    if points:
        st.plotly_chart(
            figures.meter_curve(points, row.timezone),
            config=figures.CONFIG,
            key=f"curve-{row.pk}",
            alt=_("Power and energy of the session over time"),
        )
    else:
        st.html(markup.empty(_("No meter values"), _("The charge point sent none for this session.")))


def _verdict(row: SessionRow) -> None:
    if row.is_held:
        st.error(
            _(
                "Held back: it cannot be as it was reported. It counts in no figure and in no revenue until "
                "an administrator has accepted or corrected it."
            ),
            icon=":material/block:",
        )
    elif row.verdict in DECIDED and (decision := loading.decision(visitor().scope, row.pk)):
        st.info(rows.decided_by(decision, row.timezone), icon=":material/rule:")


def subtitle(row: SessionRow) -> str:
    parts = [formats.words(row.status)]
    if row.connector_number:
        parts.append(_("connector {connector_number}", connector_number=row.connector_number))
    if row.connector_type:
        parts.append(plug_name(row.connector_type))
    return " · ".join(parts)


def facts(row: SessionRow) -> list[tuple[str, str]]:
    stopped = formats.local_time(row.stop_time, row.timezone) if row.stop_time else _("Still running")
    known: list[tuple[str, str | None]] = [
        (_("Started"), formats.local_time(row.start_time, row.timezone)),
        (_("Ended"), stopped),
        (_("Duration"), formats.duration(row.duration_seconds)),
        (_("Energy"), None if row.energy_wh is None else formats.exact_energy(row.energy_wh)),
        (_("Power now"), None if row.power_w is None else str(formats.power(row.power_w))),
        (_("Highest power"), None if row.max_power_w is None else str(formats.power(row.max_power_w))),
        (_("State of charge"), None if row.soc_percent is None else f"{row.soc_percent:.0f}\u00a0%"),
        (_("How it ended"), formats.words(row.stop_reason) if row.stop_reason else None),
        (_("Meter"), _registers(row)),
        (_("Id tag"), row.id_tag),
        (_("Tariff"), row.tariff_name),
        (_("Cost by the backend"), _reported(row)),
        (_("Transaction"), None if row.transaction_id is None else str(row.transaction_id)),
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


def bill(row: SessionRow) -> str:
    if row.cost is None or row.energy_wh is None:
        return markup.empty(_("No price"), _("No tariff was in force, so there is no bill."))
    total = (
        _(_WORD_OF_TOTAL[row.is_held, row.stop_time is None]),
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
        lines.append((_("VAT contained in it"), formats.exact_money(row.tax, row.currency)))
    return markup.bill(lines, total)


def _zone(row: SessionRow) -> str:
    return formats.local_time(row.start_time, row.timezone).rsplit(" ", 1)[-1]
