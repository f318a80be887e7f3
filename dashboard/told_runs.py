"""Runs of an open page's panels, each told to the browser before the next takes its place.

Streamlit runs what a page asks for in one script runner, and makes a new one where that has ended. Asked
between the end of a run and the telling of it, it dropped what the ended runner still had to tell: of two
panels that refresh themselves at about the same time, one missed a refresh.
"""

from __future__ import annotations

from streamlit.runtime import websocket_session_manager
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.scriptrunner import RerunData

# Seconds after which an ended run that has not told all is looked at again.
_PAUSE = 0.005


class ToldSession(AppSession):
    """Streamlit's session, whose next run waits until the one before has told all it had to tell."""

    def _create_scriptrunner(self, initial_rerun_data: RerunData) -> None:
        # One that has ended is here until its last event, and takes no more requests. A run of the whole
        # page, in whose favour the one before was dropped, finds none here and begins at once.
        if self._scriptrunner is None:
            super()._create_scriptrunner(initial_rerun_data)
        else:
            self._event_loop.call_later(_PAUSE, self._ask_again, initial_rerun_data)

    def _ask_again(self, data: RerunData) -> None:
        if self._state is AppSessionState.SHUTDOWN_REQUESTED:
            return
        if self._scriptrunner is None or not self._scriptrunner.request_rerun(data):
            self._create_scriptrunner(data)


def tell_runs() -> None:
    """From now on pages that are opened have such a session."""
    websocket_session_manager.AppSession = ToldSession  # type: ignore[attr-defined]
