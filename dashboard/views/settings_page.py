"""Settings, for admins: those in force in this process, where each comes from, and what it is for."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from dashboard import choices, markup, resources, settings_told
from dashboard.search_box import search_box
from dashboard.settings_told import Told
from dashboard.visitor import visitor
from languages import _, translated

_SOURCES = {"all": _("All"), "set": _("Set here"), "Default": _("Default")}


def choose() -> tuple[str, str]:
    with st.container(horizontal=True, vertical_alignment="center"):
        text = search_box(_("Name or what it is for"), key="setting-find")
        source = choices.one(
            st.segmented_control,
            _("Source"),
            _SOURCES,
            required=True,
            format_func=translated(_SOURCES),
            key="setting-source",
            default="all",
            label_visibility="collapsed",
        )
    return text, source or "all"


def wanted(each: Told, text: str, source: str) -> bool:
    is_of_source = source == "all" or (each.source == "Default") == (source == "Default")
    return is_of_source and text.strip().lower() in f"{each.name} {each.description}".lower()


def show(found: list[Told]) -> None:
    groups = settings_told.groups()
    order = list(dict.fromkeys(groups.values()))
    # Those that the example does not group come last.
    found = sorted(
        found, key=lambda each: order.index(groups[each.name]) if each.name in groups else len(order)
    )
    for heading, members in groupby(found, key=lambda each: groups.get(each.name, "Settings")):
        with st.container(key=f"card-settings-{heading.lower().replace(' ', '-')}"):
            st.html(markup.card_title(_(heading)))
            st.html(settings_told.listed(list(members)))


st.html(
    markup.title(
        _("Settings"),
        _(
            "In force in this dashboard since it started; secrets are masked. Change them in .env or the "
            "environment, and start the processes again."
        ),
    )
)
if visitor().is_admin:
    with st.container(key="card-filter"):
        text, source = choose()
    found = [each for each in settings_told.told(resources.settings()) if wanted(each, text, source)]
    if found:
        show(found)
    else:
        with st.container(key="card-none"):
            st.html(markup.empty(_("No setting matches"), _("Clear the search.")))
else:
    st.html(markup.empty(_("Not for you"), _("Only administrators see the settings.")))
