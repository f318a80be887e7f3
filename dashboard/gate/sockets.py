"""The WebSocket of an open page, let through in both directions only while its session lives."""

from __future__ import annotations

import time

from anyio import to_thread
from starlette.types import Message, Receive, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.gate.rules import LOGIN
from dashboard.gate.signins import SignIns

# Seconds that what a page is sent relies on the last look. What it asks for is looked at each time.
_RELIES = 1.0


def to_sign_in() -> ForwardMsg:
    """Has the browser go to the sign-in form: the message with which `st.login` sends it elsewhere."""
    message = ForwardMsg()
    message.auth_redirect.url = LOGIN
    return message


class WatchedSocket:
    """Stands between the server's `receive` and `send` and the page.

    A page that was open when its session ended (logged out elsewhere, deactivated, a new password) gets no
    further word of the application's, and nothing it asks for reaches a script.
    """

    def __init__(self, receive: Receive, send: Send, *, sign_ins: SignIns, cookie: str):
        self._receive = receive
        self._send = send
        self._sign_ins = sign_ins
        self._cookie = cookie
        self._looked_at = float("-inf")
        self._is_over = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and not await self._lives():
            await self._end()
            return {"type": "websocket.disconnect", "code": 1008}
        return message

    async def send(self, message: Message) -> None:
        is_told = message["type"] == "websocket.send"
        if is_told and time.monotonic() - self._looked_at > _RELIES and not await self._lives():
            await self._end()
        if not self._is_over:
            await self._send(message)

    async def _lives(self) -> bool:
        if self._is_over:
            return False
        found = await to_thread.run_sync(self._sign_ins.user, self._cookie)
        self._looked_at = time.monotonic()
        return found is not None

    async def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            await self._send({"type": "websocket.send", "bytes": to_sign_in().SerializeToString()})
            await self._send({"type": "websocket.close", "code": 1008})
