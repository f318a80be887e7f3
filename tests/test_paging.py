"""The pages of a list, turned by buttons that name it."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _script() -> None:
    import streamlit as st

    from dashboard.paging import choose_page

    st.text(str(choose_page(st.session_state.get("pages", 3), "list", "Users")))


def _page() -> AppTest:
    return AppTest.from_function(_script, default_timeout=20).run()


def _turn(page: AppTest, way: str) -> str:
    page.button(key=f"list-{way}").click().run()
    return str(page.text[0].value)


def test_pages_are_turned_to_either_end_and_no_further() -> None:
    page = _page()
    assert page.button(key="list-previous").disabled and page.button(key="list-first").disabled
    assert [_turn(page, way) for way in ("next", "last", "previous", "first")] == ["2", "3", "2", "1"]
    _turn(page, "last")
    assert page.button(key="list-next").disabled and page.button(key="list-last").disabled


def test_a_list_that_has_become_shorter_shows_its_last_page() -> None:
    page = _page()
    _turn(page, "last")
    page.session_state["pages"] = 2
    assert page.run().text[0].value == "2"
    page.session_state["pages"] = 1
    assert page.run().text[0].value == "1" and not page.button


def test_the_buttons_say_of_which_list_they_are() -> None:
    assert all("Users" in button.label for button in _page().button)
