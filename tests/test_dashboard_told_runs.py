"""Panels of an open page that ask to be run again at about the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache

from dashboard.told_runs import ToldSession

PAGE = """
import streamlit as st

@st.fragment(run_every=2)
def first():
    st.text("first panel")

@st.fragment(run_every=2)
def second():
    st.text("second panel")

first()
second()
"""


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    script = tmp_path / "page.py"
    script.write_text(PAGE, "utf-8")
    monkeypatch.setattr(Runtime, "_instance", None)
    Runtime(
        RuntimeConfig(
            script_path=str(script),
            media_file_storage=MemoryMediaFileStorage("/media"),
            uploaded_file_manager=MemoryUploadedFileManager("/upload"),
        )
    )
    yield script


def asked(panel: str = "") -> BackMsg:
    message = BackMsg()
    message.rerun_script.fragment_id = panel
    return message


def texts(told: list[ForwardMsg]) -> list[str]:
    return [each.delta.new_element.text.body for each in told if each.delta.new_element.HasField("text")]


async def told_until(session: ToldSession, text: str) -> list[ForwardMsg]:
    """What the page is told, until a run that told this text is over."""
    told: list[ForwardMsg] = []
    async with asyncio.timeout(10):
        while session._scriptrunner is not None or text not in texts(told):
            await asyncio.sleep(0.005)
            told += session.flush_browser_queue()
    return told


def test_a_panel_is_told_though_another_asks_between_its_end_and_its_telling(page: Path) -> None:
    async def ask() -> list[ForwardMsg]:
        session = ToldSession(
            ScriptData(str(page), is_hello=False),
            MemoryUploadedFileManager("/upload"),
            ScriptCache(),
            lambda: None,
            {},
        )
        session.handle_backmsg(asked())
        opened = await told_until(session, "second panel")
        first, second = [each.auto_rerun.fragment_id for each in opened if each.HasField("auto_rerun")]
        session.handle_backmsg(asked(first))
        # The loop, which has to tell what was drawn, is kept from it until the run has ended.
        assert session._scriptrunner is not None
        assert session._scriptrunner._script_thread is not None
        session._scriptrunner._script_thread.join()
        session.handle_backmsg(asked(second))
        told = await told_until(session, "second panel")
        session.shutdown()
        return told

    assert texts(asyncio.run(ask())) == ["first panel", "second panel"]
