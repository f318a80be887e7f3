"""One session: its meter curve (also as a file), its commands step by step, its bill, its webhooks."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import downloads, formats, loading, markup
from dashboard.commands import dialog, orders
from dashboard.commands import words as command_words
from dashboard.sessions import parts
from dashboard.visitor import visitor
from dashboard.webhooks.of_session import session_webhooks
from db.analytics.sessions import SessionRow
from languages import _

PAGE = "views/sessions.py"
_FILES = {
    "csv": ("CSV", "text/csv"),
    "xlsx": ("Excel", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


def show(pk: int | None) -> None:
    """The page of a session; one that is not the visitor's does not exist."""
    st.page_link(PAGE, label=_("All sessions"), icon=":material/arrow_back:")
    found = None if pk is None else loading.session(visitor().scope, pk)
    if pk is None or found is None:
        st.html(markup.title(_("Session"), _("One session")))
        with st.container(key="card-none"):
            st.html(markup.empty(*map(_, parts.NO_SUCH_SESSION)))
        return
    row, _points = found
    st.html(markup.title(_name(row), f"{row.station_name} · {parts.subtitle(row)}"))
    parts.remarks(row)
    # What has ended does not change while somebody looks; its bill is made with its end.
    is_running = row.stop_time is None
    st.fragment(run_every=2 if is_running else None)(_session)(pk, is_running=is_running)
    session_webhooks(pk, is_running=is_running)
    dialog.show()


def _name(row: SessionRow) -> str:
    return (
        _("Session")
        if row.transaction_id is None
        else _("Session {transaction_id}", transaction_id=row.transaction_id)
    )


def _session(pk: int, *, is_running: bool) -> None:
    found = loading.session(visitor().scope, pk)
    if found is None or (is_running and found[0].stop_time is not None):
        # It has just ended: the whole page says so, and refreshes itself no more.
        st.rerun()
        return
    row, points = found
    with st.container(key="card-session"):
        st.html(markup.facts(parts.facts(row)))
        _stop(row)
    left, right = st.columns([3, 2])
    with left, st.container(key="card-curve"):
        parts.curve(row, points)
        if points and row.transaction_id is not None:
            _files(row.transaction_id)
    with right, st.container(key="card-bill"):
        st.html(markup.card_title(_("Bill")))
        st.html(parts.bill(row))
    with right:
        _steps(row)


def _stop(row: SessionRow) -> None:
    running = loading.live_state(visitor().scope).connectors if row.stop_time is None else []
    connector = next((each for each in running if each.session_pk == row.pk), None)
    if connector is None or orders.possible(connector) != "stop":
        return
    is_down = loading.backend_down_since() is not None
    if st.button(_("Stop"), icon=":material/stop_circle:", key=f"stop-{connector.pk}", disabled=is_down):
        dialog.ask("stop", connector)
        st.rerun()


def _files(transaction_id: int) -> None:
    with st.container(horizontal=True):
        for ending, (words, mime) in _FILES.items():
            downloads.button(
                _("Meter values as {words}", words=words),
                partial(loading.meter_values, ending, visitor().scope, transaction_id),
                f"meter-values_{transaction_id}.{ending}",
                mime,
                key=f"file-{ending}",
            )


def _steps(row: SessionRow) -> None:
    for followed in orders.of_session(row.pk, visitor()):
        with st.container(key=f"card-command-{followed.pk}"):
            sent = formats.local_time(followed.sent_at, followed.timezone, seconds=True)
            by = _(" by {by}", by=followed.by) if followed.by else ""
            st.html(
                markup.card_title(
                    _(command_words.WORDS[followed.kind].ask), _("Given {sent}{by}", sent=sent, by=by)
                )
            )
            st.html(command_words.steps(followed))
