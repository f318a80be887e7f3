"""The webhooks that told of a session, and for admins what is in them."""

from __future__ import annotations

import streamlit as st

from dashboard import formats, loading, markup, resources
from dashboard.fact_row import Fact, fact_row
from dashboard.opened import Opened
from dashboard.paging import choose_page
from dashboard.visitor import visitor
from dashboard.webhooks import recorded
from db.engine import reading
from languages import _, told
from ocpp_integration import session_events
from ocpp_integration.session_events import Webhook

PAGE_SIZE = 15
_opened: Opened[Webhook] = Opened("session-webhook")


def session_webhooks(session_pk: int, *, is_running: bool) -> None:
    st.fragment(run_every=5 if is_running else None)(_list)(session_pk)
    opened = _opened.get()
    if opened and visitor().is_admin:
        title = _("Webhook")
        dialog = st.dialog(title, on_dismiss=_opened.forget, icon=":material/webhook:", width="medium")
        dialog(_body)(session_pk, opened)


def _list(session_pk: int) -> None:
    scope = visitor().scope
    with st.container(key="card-webhooks", gap=None):
        title = st.container()
        slot = st.container(gap=None)
        count = loading.session_webhooks(scope, session_pk, 0, 0).count
        pages = max(1, -(-count // PAGE_SIZE))
        page = choose_page(pages, f"session-webhooks-{pages}", _("Webhooks"))
        found = loading.session_webhooks(scope, session_pk, PAGE_SIZE, (page - 1) * PAGE_SIZE)
        more = _(" or more") if count == session_events.MOST_COUNTED else ""
        told = _("{count:,}{more}, the newest first", count=count, more=more) if count else ""
        title.html(markup.card_title(_("Webhooks"), told))
        with slot:
            for webhook in found.webhooks:
                _row(webhook)
            if not found.webhooks:
                st.html(
                    markup.empty(
                        _("None came"), _("It was imported or polled, or they were received long ago.")
                    )
                )


def _row(webhook: Webhook) -> None:
    timezone = resources.settings().timezone
    with st.container(key=f"row-webhook-{webhook.pk}", horizontal=True, vertical_alignment="center"):
        received = formats.local_time(webhook.received_at, timezone, seconds=True)
        word, kind = recorded.STATES[webhook.state]
        facts = [Fact(_("Received"), received), Fact(_("Number"), str(webhook.pk))]
        # Why one is not applied may quote what is in it.
        below = told(webhook.error or "") if visitor().is_admin else ""
        st.html(fact_row(formats.words(webhook.type), below, (_(word), kind), facts))
        words = markup.about(_("Body"), f"{formats.words(webhook.type)} {webhook.pk}")
        if visitor().is_admin and st.button(
            words, icon=":material/data_object:", key=f"webhook-{webhook.pk}", type="tertiary"
        ):
            _opened.open(webhook)


def _body(session_pk: int, webhook: Webhook) -> None:
    if not visitor().is_admin:
        return
    received = formats.local_time(webhook.received_at, resources.settings().timezone, seconds=True)
    st.html(markup.card_title(formats.words(webhook.type), _("Received {received}", received=received)))
    with reading(resources.engine()) as store:
        body = session_events.body_of(store, visitor().scope, session_pk, webhook.pk)
    if body:
        st.code(recorded.body(body), language="json", wrap_lines=True, height=320)
    else:
        st.html(markup.empty(_("The body is gone"), _("It was applied long ago; only that it came is kept.")))
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Close"), key="webhook-close"):
            _opened.forget()
            st.rerun()
