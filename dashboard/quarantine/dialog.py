"""What is asked before it is decided about a session that is held."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import markup
from dashboard.quarantine import orders, rows
from dashboard.question import Answer, Dialog
from dashboard.visitor import Visitor
from db.analytics.sessions import SessionRow
from languages import N_, _
from ocpp_integration.quarantine import MAX_REASON_LENGTH

TOPIC = "quarantine"


def _ask(consequence: str, _who: Visitor, session: SessionRow) -> None:
    _head(consequence, session)
    _reason()


def _ask_to_correct(consequence: str, who: Visitor, session: SessionRow) -> None:
    _head(consequence, session)
    suggested = orders.suggested_kwh(who, session.pk)
    if suggested:
        st.caption(
            _(
                "From where the register stood before to its stop, it took {suggested} kWh.",
                suggested=suggested,
            )
        )
    st.text_input(_("Energy (kWh)"), value=suggested, max_chars=20, key="quarantine-energy")
    st.text_input(
        _("Cost ({currency}, VAT included)", currency=session.currency),
        placeholder=_("By its price") if session.price_per_kwh is not None else "",
        max_chars=20,
        key="quarantine-cost",
    )
    _reason()


def _head(consequence: str, session: SessionRow) -> None:
    st.html(markup.card_title(session.station_name, " ".join(rows.reasons(session))))
    st.html(markup.facts([(fact.name, fact.value) for fact in rows.facts(session)]))
    st.markdown(_(consequence))


def _reason() -> None:
    st.text_input(
        _("Reason"),
        max_chars=MAX_REASON_LENGTH,
        key="quarantine-reason",
        help=_("It is kept with your name, and shown to the station's owner."),
    )


def _accept(who: Visitor, session: SessionRow, given: Answer) -> None:
    orders.accept(who, session.pk, given["reason"] or "")


def _correct(who: Visitor, session: SessionRow, given: Answer) -> None:
    orders.correct(who, session.pk, given["energy"] or "", given["cost"] or "", given["reason"] or "")


def _take_back(who: Visitor, session: SessionRow, given: Answer) -> None:
    orders.take_back(who, session.pk, given["reason"] or "")


ACCEPT = Dialog[SessionRow](
    TOPIC,
    N_("Accept session"),
    "check",
    partial(_ask, N_("It will count in all figures and in the revenue, with the energy and the cost above.")),
    _accept,
    confirm=N_("Count it as it is"),
    done=N_("The session counts as it is."),
    fields=("reason",),
)
CORRECT = Dialog[SessionRow](
    TOPIC,
    N_("Correct session"),
    "edit",
    partial(_ask_to_correct, N_("It will count with what you enter; what was reported is kept beside it.")),
    _correct,
    confirm=N_("Correct it"),
    done=N_("The session counts as corrected."),
    fields=("energy", "cost", "reason"),
)
TAKE_BACK = Dialog[SessionRow](
    TOPIC,
    N_("Take the decision back"),
    "undo",
    partial(
        _ask, N_("The session is judged anew by what is known of it now, and held back if that cannot be.")
    ),
    _take_back,
    confirm=N_("Take it back"),
    done=N_("The decision is taken back."),
    fields=("reason",),
)
