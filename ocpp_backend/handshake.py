"""uvicorn's WebSocket as charge points need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


# A charge point waits for its answer before it sends more; one that does not is read ahead of so far.
_READ_AHEAD = 16


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def send_receive_event_to_app(self) -> None:
        # uvicorn would stop reading after each message until it is taken, which costs more than the reading.
        self.read_paused = self.queue.qsize() < _READ_AHEAD
        super().send_receive_event_to_app()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # The handshake is over: it was refused with an answer of ours. uvicorn would take it for one that
            # was forgotten, and log an error.
            self.handshake_complete = True
