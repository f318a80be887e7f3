"""Rows as a table with room for one, and as cards on a phone."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from dashboard.row_table import CARDS

MANY = 25


def _script() -> None:
    import pandas as pd
    import streamlit as st

    from dashboard.row_table import Choice, Column, row_table

    rows = pd.DataFrame(
        {
            "Station": [f"<b>{number}</b>" for number in range(25)],
            "kWh": [1234.5, *[None] * 24],
            "Error": ["too hot", *[""] * 24],
        }
    )
    columns = {"kWh": Column(places=1, unit="kWh")}
    row_table(rows, "plain", "All of it", columns=columns)
    choice = Choice("Take", ":material/add:", lambda place: st.text(f"took {place}"))
    row_table(rows, "choosing", "All of it", columns=columns, choice=choice)


def _page() -> AppTest:
    return AppTest.from_function(_script, default_timeout=20).run()


def _cards(page: AppTest) -> str:
    return str(page.get("html")[0].proto.body)


def test_a_card_tells_what_its_row_has_and_no_more() -> None:
    first, second, *_more = _cards(_page()).split("</li>")
    assert "&lt;b&gt;0&lt;/b&gt;" in first and "1,234.5\u00a0kWh" in first and "too hot" in first
    assert "<dt>" not in second


def test_more_cards_come_when_asked_for_until_there_are_no_more() -> None:
    page = _page()
    assert _cards(page).count("<li>") == CARDS
    page.button(key="plain-more").click().run()
    assert _cards(page).count("<li>") == MANY
    assert "plain-more" not in [button.key for button in page.button]


def test_a_row_is_acted_on_from_its_card() -> None:
    page = _page()
    page.button(key="choosing-choose-3").click().run()
    assert [text.value for text in page.text] == ["took 3"]
    assert page.button(key="choosing-choose").disabled
