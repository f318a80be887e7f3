"""The server under the backend: uvicorn, with the limits of OCPP-J."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette

from ocpp_backend.handshake import WebSocketProtocol

# A frame that is too large is answered up to here; beyond, it ends the connection.
_LARGEST_FRAME_READ = 1024 * 1024
_PING_SECONDS = 30


class Server(uvicorn.Server):
    """Says goodbye to the charge points (1001) before it closes their sockets."""

    def __init__(self, app: Starlette, *, host: str, port: int):
        self._hub = app.state.hub
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                ws=WebSocketProtocol,
                ws_max_size=_LARGEST_FRAME_READ,
                ws_ping_interval=_PING_SECONDS,
                ws_ping_timeout=_PING_SECONDS,
                ws_per_message_deflate=False,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=10,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._hub.close_all()
        await super().shutdown(sockets)
