"""The wiring of the backend: one ASGI application from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute

from ocpp_backend import stations, v16, v201
from ocpp_backend.admission import Admission
from ocpp_backend.answers import EXCEPTION_HANDLERS, RequireKey
from ocpp_backend.clock import Clock, now
from ocpp_backend.commands import Commands
from ocpp_backend.connection import CALL_TIMEOUT_SECONDS
from ocpp_backend.hub import Hub
from ocpp_backend.locator import Locator
from ocpp_backend.ocpp_socket import ChargePointDoor
from ocpp_backend.operations import Operations
from ocpp_backend.presence import Presence
from ocpp_backend.quarantine import Quarantine
from ocpp_backend.sender import Sender
from ocpp_backend.station_commands import StationCommands
from ocpp_backend.store import Store
from ocpp_backend.watch import Watch
from settings import Settings

SOCKET_PATH = "/ws/ev-locator/{station_id}"


def make_app(
    settings: Settings, *, clock: Clock = now, call_timeout: float = CALL_TIMEOUT_SECONDS
) -> Starlette:
    """The locator API and the address of charge points. Nothing is opened before its lifespan begins.

    `call_timeout` is how many seconds a charge point has to answer a command of ours.
    `app.state.hub` has the connections, for whoever stops the server.
    """
    hub, presence = Hub(), Presence()
    protocols = (v201.protocol(), v16.protocol())
    store = Store(settings.ocpp_backend_database_url)
    quarantine = Quarantine(store, settings.heartbeat_interval, clock)
    locator = Locator(
        store=store,
        hub=hub,
        presence=presence,
        quarantine=quarantine,
        commands=Commands(store, hub, clock),
        websocket_url=str(settings.ocpp_websocket_url),
        clock=clock,
    )
    operations = Operations(
        store=store,
        hub=hub,
        quarantine=quarantine,
        commands=StationCommands(store, hub),
        guarded=settings.ocpp_api_key is not None,
        clock=clock,
    )
    door = ChargePointDoor(
        store=store,
        hub=hub,
        presence=presence,
        quarantine=quarantine,
        admission=Admission(
            store=store,
            protocols={protocol.subprotocol: protocol for protocol in protocols},
            require_keys=settings.ocpp_require_station_keys,
            quarantine_unknown=settings.ocpp_unknown_stations == "quarantine",
            default_protocol=settings.ocpp_default_protocol,
        ),
        heartbeat_interval=settings.heartbeat_interval,
        clock=clock,
        call_timeout=call_timeout,
    )
    watch = Watch(
        store=store,
        presence=presence,
        clock=clock,
        offline_after=timedelta(seconds=settings.offline_after),
        connection_timeout=timedelta(seconds=settings.connection_timeout),
        stuck_after=timedelta(hours=settings.stuck_after),
        keep_frames=timedelta(days=settings.frame_retention_days),
        most_frames=settings.frame_retention_rows,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await store.open(clock())
        sender = Sender(store, str(settings.ocpp_webhook_url), settings.webhook_secrets, clock)
        store.on_commit = sender.wake
        presence.load(await store.read(stations.last_seen_of_online), clock())
        await sender.start()
        watching = asyncio.create_task(watch.run())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await sender.stop()
        await watch.save_last_seen()
        await store.close()

    app = Starlette(
        routes=[*locator.routes(), *operations.routes(), WebSocketRoute(SOCKET_PATH, door.enter)],
        middleware=_key_check(settings),
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    app.state.hub = hub
    return app


def _key_check(settings: Settings) -> list[Middleware]:
    if settings.ocpp_api_key is None:
        return []
    return [Middleware(RequireKey, key=settings.ocpp_api_key.get_secret_value())]
