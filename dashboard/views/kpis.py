"""KPIs: every figure there is, beside the period before, each with how it is computed."""

from __future__ import annotations

import streamlit as st

from dashboard import choices, explanation, loading, markup
from dashboard.kpis import words as kpi_words
from dashboard.kpis.panel import is_comparable
from dashboard.view import choose_view
from db.analytics.definitions import GROUPS, Kpi
from languages import _

view = choose_view(_("KPIs"))
before = view.period.previous()

group = choices.one(
    st.segmented_control,
    _("Which"),
    GROUPS,
    format_func=_,
    key="group",
    default=next(iter(GROUPS)),
    label_visibility="collapsed",
)


def tile(kpi: Kpi) -> str:
    now = kpi_words.said(kpi, loading.kpi_value(view.scope, view.period, kpi.key))
    words = _("nothing to compare with")
    if is_comparable(view):
        earlier = kpi_words.said(kpi, loading.kpi_value(view.scope, before, kpi.key)).figure
        if earlier:
            words = _("{earlier} the period before", earlier=earlier)
    return markup.tile(_(kpi.name), now.figure, words, now.parts[:1])


definitions = loading.definitions()
keys = [kpi.key for kpi in GROUPS[group or next(iter(GROUPS))]]
explanation.side_by_side({key: tile(definitions[key]) for key in keys})
explanation.show(view)
