"""One charge point's socket: its CALLs answered in order, ours matched with their answers."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from ocpp_backend import rpc
from ocpp_backend.failures import CallError, CallTimeout
from ocpp_backend.frames import FrameLog
from ocpp_backend.protocol import Command, Protocol
from ocpp_backend.rpc import BadFrame, Call, Error, Result

_log = logging.getLogger(__name__)

Answerer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]

# The client of the locator API gives up after ten seconds; it should hear first that we did.
CALL_TIMEOUT_SECONDS = 8.0
MAX_BAD_FRAMES = 20
_BAD_FRAMES_WITHIN_SECONDS = 60.0

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
_OUR_FAULTS = {"InternalError", "NotImplemented", "NotSupported", "SecurityError"}


@dataclass
class _Asked:
    """A CALL of ours that is not answered yet; `at` is an instant of the frame log."""

    action: str
    at: float
    answer: asyncio.Future[dict[str, Any]]


class Connection:
    """A socket after its handshake. `answer` gives the response to a valid CALL or raises `CallError`."""

    def __init__(
        self,
        socket: WebSocket,
        station_id: str,
        protocol: Protocol,
        *,
        answer: Answerer,
        heard: Callable[[], Awaitable[None]],
        frames: FrameLog,
        call_timeout: float,
    ):
        self.station_id = station_id
        self.protocol = protocol
        self._socket = socket
        self._answer = answer
        self._heard = heard
        self._frames = frames
        self._call_timeout = call_timeout
        self._waiting: dict[str, _Asked] = {}
        self._one_call_at_once = asyncio.Lock()
        self._bad_frames: deque[float] = deque(maxlen=MAX_BAD_FRAMES + 1)

    async def serve(self) -> None:
        """Answer until either side closes."""
        try:
            while (frame := await self._receive()) is not None:
                await self._heard()
                await self._take(frame)
        except (WebSocketDisconnect, WebSocketDisconnected):
            pass
        finally:
            self._give_up_waiting()

    async def call(self, command: Command) -> dict[str, Any]:
        """The charge point's valid response. Raises `CallError`, and `CallTimeout` if none comes in time.

        Never awaited while a CALL of the charge point is being answered.
        """
        try:
            async with asyncio.timeout(self._call_timeout), self._one_call_at_once:
                payload = await self._exchange(command)
        except TimeoutError:
            raise CallTimeout(f"no answer within {self._call_timeout:g} s") from None
        except (WebSocketDisconnect, WebSocketDisconnected):
            raise CallTimeout("the charge point disconnected") from None
        return self.protocol.schemas.check_response(command.action, payload)

    async def close(self, code: int, reason: str) -> None:
        try:
            await self._socket.close(code, reason)
        except (RuntimeError, WebSocketDisconnect):
            _log.debug("%s: the socket was closed already", self.station_id)

    async def _receive(self) -> str | bytes | None:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | bytes | None = message.get("text")
        return text if text is not None else message["bytes"]

    async def _take(self, frame: str | bytes) -> None:
        try:
            message = rpc.parse(frame)
        except BadFrame as error:
            self._frames.bad(frame, error)
            if error.reply:
                await self._refuse(error.message_id, None, error, None)
            await self._count_bad_frame(error)
            return
        if isinstance(message, Call):
            await self._take_call(message)
        else:
            self._take_reply(message)

    async def _take_call(self, call: Call) -> None:
        asked = self._frames.call("in", call.message_id, call.action, call.payload)
        try:
            self.protocol.handler(call.action)
            payload = self.protocol.schemas.check_request(call.action, call.payload)
            answer = await self._answer(call.action, payload)
            reply = rpc.result(call.message_id, answer)
        except CallError as error:
            await self._refuse(call.message_id, call.action, error, asked)
            if error.code not in _OUR_FAULTS:
                await self._count_bad_frame(error)
        except Exception:  # noqa: BLE001 - the boundary of a request
            _log.exception("%s: %s failed", self.station_id, call.action)
            failure = CallError("InternalError", "try again later")
            await self._refuse(call.message_id, call.action, failure, asked)
        else:
            self._frames.result("out", call.message_id, call.action, answer, asked)
            await self._socket.send_text(reply)

    async def _refuse(
        self, message_id: str, action: str | None, error: CallError, asked: float | None
    ) -> None:
        self._frames.error("out", message_id, action, error, asked)
        await self._socket.send_text(rpc.error(message_id, error.code, error.description))

    def _take_reply(self, message: Result | Error) -> None:
        asked = self._waiting.get(message.message_id)
        action, at = (asked.action, asked.at) if asked else (None, None)
        if isinstance(message, Result):
            self._frames.result("in", message.message_id, action, message.payload, at)
        else:
            self._frames.error("in", message.message_id, action, _failure(message), at)
        if asked is None or asked.answer.done():
            _log.debug("%s: a reply nobody asked for is dropped", self.station_id)
        elif isinstance(message, Result):
            asked.answer.set_result(message.payload)
        else:
            asked.answer.set_exception(_failure(message))

    async def _exchange(self, command: Command) -> dict[str, Any]:
        message_id = str(uuid4())
        at = self._frames.call("out", message_id, command.action, command.payload)
        asked = _Asked(command.action, at, asyncio.get_running_loop().create_future())
        self._waiting[message_id] = asked
        try:
            await self._socket.send_text(rpc.call(message_id, command.action, command.payload))
            return await asked.answer
        finally:
            del self._waiting[message_id]

    async def _count_bad_frame(self, error: CallError) -> None:
        now = asyncio.get_running_loop().time()
        self._bad_frames.append(now)
        _log.info("%s sent a bad frame: %s", self.station_id, error)
        recent = [at for at in self._bad_frames if now - at < _BAD_FRAMES_WITHIN_SECONDS]
        if len(recent) > MAX_BAD_FRAMES:
            _log.warning("%s is disconnected: too many bad frames within a minute", self.station_id)
            await self.close(POLICY_VIOLATION, "too many bad frames")

    def _give_up_waiting(self) -> None:
        for asked in self._waiting.values():
            if not asked.answer.done():
                asked.answer.set_exception(CallTimeout("the charge point disconnected"))


def _failure(message: Error) -> CallError:
    return CallError(message.code, message.description)
