"""A dialog that asks once, whatever it asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import question
from dashboard.question import Dialog, Question
from db.access import AccessError

done: list[str] = []


def _act(_who: object, target: str, given: dict[str, str]) -> None:
    if given["name"] == "taken":
        raise AccessError("this name is taken")
    done.append(f"{target} {given['name']}")


def _draw(_who: object, _target: str) -> None:
    import streamlit as st

    st.text_input("Name", key="test-name")


DIALOG = Dialog[str]("test", "Name it", "edit", _draw, _act, confirm="Name", done="Named.", fields=("name",))


def _script() -> None:
    from dashboard import question

    question.show("test")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    monkeypatch.setattr(question, "visitor", lambda: None)
    done.clear()
    test = AppTest.from_function(_script)
    test.session_state["question"] = Question(DIALOG, "station")
    yield test.run()


def test_an_answer_is_acted_on_and_the_dialog_closes(page: AppTest) -> None:
    page.text_input(key="test-name").set_value("Bole")
    page.button(key="test-confirm").click().run()
    assert done == ["station Bole"]
    assert "question" not in page.session_state and not page.text_input


def test_a_refusal_is_told_and_what_was_typed_stays(page: AppTest) -> None:
    page.text_input(key="test-name").set_value("taken")
    page.button(key="test-confirm").click().run()
    assert [error.value for error in page.error] == ["This name is taken."]
    assert (page.text_input(key="test-name").value, done) == ("taken", [])


@pytest.mark.parametrize("text", ["Bole\0", "\ud800"])
def test_a_text_that_no_store_takes_is_refused_before_anything_is_done(page: AppTest, text: str) -> None:
    asked = page.session_state["question"]
    asked.answer = {"name": text}
    page.run()
    assert [error.value[:47] for error in page.error] == ["What was typed has characters that cannot be st"]
    assert (asked.answer, done) == (None, [])


def test_a_second_click_finds_the_question_answered(page: AppTest) -> None:
    asked = page.session_state["question"]
    asked.answer, asked.is_done = {}, True
    # Clicked in the dialog as it was still shown, while the first click was acted on.
    page.button(key="test-confirm").click().run()
    assert done == [] and not page.text_input


def test_a_page_shows_no_question_of_another_topic(page: AppTest) -> None:
    page.session_state["question"].dialog = Dialog[str]("other", "", "edit", _draw, _act, confirm="")
    assert not page.run().text_input


def test_what_a_refusal_quotes_is_shown_as_it_was_typed() -> None:
    quoted = r"\*a\* \[b\](http\://c\.d) \_\_e\_\_"
    refused = question.sentence(AccessError("*a* [b](http://c.d) __e__"))
    assert refused == f"{quoted}."
