"""The dialog that asks once, sends the command, and follows it until all of it is done or says why not.

Which command it follows is in the address, so that a refresh goes on following it.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import address, loading, markup
from dashboard.commands import orders
from dashboard.commands import words as command_words
from dashboard.commands.orders import Order, Outcome
from dashboard.commands.words import WORDS
from dashboard.connector_card import name_of
from dashboard.visitor import visitor
from db.analytics.live import LiveConnector
from languages import N_, _, told

_ADDRESS = "command"
_MANAGED = "managed"
# Not "order", which is a choice on another page.
_ORDER = "command_order"
_SENT = "order_sent"
_OUTCOME = "order_outcome"
_NO_CONNECTOR = (N_("No such connector"), N_("It does not exist, or it is not at one of your stations."))


def ask(kind: str, connector: LiveConnector) -> None:
    """Have the dialog open about this connector, with a new key, and forget the last one."""
    _forget()
    st.session_state[_ORDER] = orders.order(kind, connector)


def manage(connector: LiveConnector) -> None:
    """Have the dialog open in which an admin chooses what to do."""
    _forget()
    st.session_state[_MANAGED] = connector.pk


def follow(command_pk: int) -> None:
    """Have the dialog open that tells how far a command has come."""
    _forget()
    st.query_params[_ADDRESS] = str(command_pk)


def show() -> None:
    """Open the dialog if something is asked, chosen or followed."""
    ordered: Order | None = st.session_state.get(_ORDER)
    managed: int | None = st.session_state.get(_MANAGED)
    if ordered is not None:
        words = WORDS[ordered.kind]
        _dialog(_(words.ask), words.icon)(_body)(ordered)
    elif managed is not None:
        _dialog(_("Manage"), "build")(_choice)(managed)
    elif (followed := address.number(st.query_params.get(_ADDRESS, ""))) is not None:
        _dialog(_("Command"), "fact_check")(_followed)(followed)


def _dialog(title: str, icon: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return st.dialog(title, on_dismiss=_forget, icon=f":material/{icon}:")


def _forget() -> None:
    for key in (_ORDER, _MANAGED, _SENT, _OUTCOME):
        st.session_state.pop(key, None)
    st.query_params.pop(_ADDRESS, None)


def _body(ordered: Order) -> None:
    who = visitor()
    if _OUTCOME in st.session_state:
        _result(st.session_state[_OUTCOME])
        return
    connector = orders.find_connector(who, ordered.connector_pk)
    if connector is None:
        st.html(markup.empty(*map(_, _NO_CONNECTOR)))
        return
    station = orders.station_of(who, connector)
    place = command_words.where(ordered.kind, connector, station)
    st.html(markup.card_title(connector.station_name, place))
    if not st.session_state.get(_SENT):
        st.markdown(WORDS[ordered.kind].consequence(connector, station))
        _question(ordered)
        return
    with st.spinner(_("Waiting for the charge point…")):
        outcome = st.session_state[_OUTCOME] = orders.submit(ordered, who)
    if outcome.command_pk is not None:
        st.query_params[_ADDRESS] = str(outcome.command_pk)
    _result(outcome, is_titled=True)


def _question(ordered: Order) -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="order-cancel"):
            _forget()
            st.rerun()
        # Set before the run that sends: by then the question, and its button, are gone.
        st.button(
            _(WORDS[ordered.kind].ask),
            key="order-confirm",
            type="primary",
            on_click=lambda: st.session_state.update({_SENT: True}),
        )


def _result(outcome: Outcome, *, is_titled: bool = False) -> None:
    if outcome.command_pk is None:
        st.error(markup.plain(told(outcome.error)), icon=":material/error:")
        _close()
    else:
        _followed(outcome.command_pk, is_titled=is_titled)


def _choice(connector_pk: int) -> None:
    who = visitor()
    connector = orders.find_connector(who, connector_pk)
    if connector is None or not orders.may_operate(who):
        st.html(markup.empty(*map(_, _NO_CONNECTOR)))
        return
    st.html(markup.card_title(connector.station_name, name_of(connector)))
    possible = orders.operations(connector)
    with st.spinner(_("Asking the OCPP backend what it can do…")):
        offer = loading.offered_operations()
    if not possible:
        st.html(
            markup.empty(_("The charge point is offline"), _("Nothing can be asked of it until it is back."))
        )
    elif offer.error:
        st.error(markup.plain(told(offer.error)), icon=":material/error:")
    elif not offer.kinds:
        st.html(
            markup.empty(
                _("This OCPP backend starts and stops only"),
                _(
                    "It takes no commands to reset, unlock or switch a charge point. The embedded backend "
                    "does."
                ),
            )
        )
    for kind in possible:
        if kind in offer.kinds and st.button(
            _(WORDS[kind].ask),
            icon=f":material/{WORDS[kind].icon}:",
            key=f"choose-{kind}",
            width="stretch",
        ):
            ask(kind, connector)
            st.rerun()
    _close()


def _followed(command_pk: int, *, is_titled: bool = False) -> None:
    followed = orders.follow(command_pk, visitor())
    if followed is None:
        st.html(
            markup.empty(_("No such command"), _("It does not exist, or it is not at one of your stations."))
        )
    else:
        if not is_titled:
            st.html(markup.card_title(*command_words.title_of(followed)))
        _steps(command_pk)
    _close()


@st.fragment(run_every=1)
def _steps(command_pk: int) -> None:
    if followed := orders.follow(command_pk, visitor()):
        st.html(command_words.steps(followed))


def _close() -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Close"), key="order-close"):
            _forget()
            st.rerun()
