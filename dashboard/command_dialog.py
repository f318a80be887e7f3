"""The dialog that asks once, sends the command, and follows it until the meter moves or says why not."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import commands, formats, markup
from dashboard.commands import Order, Outcome
from dashboard.connector_card import name_of
from dashboard.visitor import visitor
from db.analytics.live import LiveConnector

_ORDER = "order"
_SENT = "order_sent"
_OUTCOME = "order_outcome"
_WORDS = {"start": ("Start charging", "play_arrow"), "stop": ("Stop charging", "stop_circle")}
_STEPS = {
    "sent": "Sent to the OCPP backend",
    "accepted": "Accepted by the charge point",
    "transaction": "Vehicle plugged in, session begun",
    "energy": "The meter moves",
    "stopped": "Session ended",
}


def ask(kind: commands.Kind, connector: LiveConnector) -> None:
    """Have the dialog open about this connector, with a new key, and forget the last one."""
    _forget()
    st.session_state[_ORDER] = commands.order(kind, connector)


def show() -> None:
    """Open the dialog if something is being asked."""
    ordered: Order | None = st.session_state.get(_ORDER)
    if ordered is None:
        return
    words, icon = _WORDS[ordered.kind]
    st.dialog(words, on_dismiss=_forget, icon=f":material/{icon}:")(_body)(ordered)


def _forget() -> None:
    for key in (_ORDER, _SENT, _OUTCOME):
        st.session_state.pop(key, None)


def _body(ordered: Order) -> None:
    who = visitor()
    connector = commands.find_connector(who, ordered.connector_pk)
    if connector is None:
        st.html(markup.empty("No such connector", "It does not exist, or it is not at one of your stations."))
        return
    st.html(markup.card_title(connector.station_name, name_of(connector)))
    if not st.session_state.get(_SENT):
        _question(ordered, connector)
        return
    if _OUTCOME not in st.session_state:
        with st.spinner("Waiting for the charge point…"):
            st.session_state[_OUTCOME] = commands.submit(ordered, who)
    _result(st.session_state[_OUTCOME], connector.timezone)


def _question(ordered: Order, connector: LiveConnector) -> None:
    if ordered.kind == "start":
        st.markdown("Charging begins as soon as a vehicle is plugged in.")
    else:
        energy = "" if connector.energy_wh is None else f" after {formats.exact_energy(connector.energy_wh)}"
        st.markdown(f"The session ends{energy}, and its bill is made.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Cancel", key="order-cancel"):
            _forget()
            st.rerun()
        # Set before the run that sends: by then the question, and its button, are gone.
        st.button(
            _WORDS[ordered.kind][0],
            key="order-confirm",
            type="primary",
            on_click=lambda: st.session_state.update({_SENT: True}),
        )


def _result(outcome: Outcome, timezone: str) -> None:
    if outcome.command_pk is None:
        st.error(outcome.error, icon=":material/error:")
    else:
        _steps(outcome.command_pk, timezone)
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Close", key="order-close"):
            _forget()
            st.rerun()


@st.fragment(run_every=1)
def _steps(command_pk: int, timezone: str) -> None:
    progress = commands.follow(command_pk, visitor())
    if progress is None:
        st.error("This command is not known.", icon=":material/error:")
        return
    st.html(
        markup.steps(
            [
                (
                    _STEPS.get(step.name, formats.words(step.name)),
                    step.state,
                    step.at.astimezone(ZoneInfo(timezone)).strftime("%H:%M:%S") if step.at else "",
                    step.detail,
                )
                for step in progress.steps
            ]
        )
    )
