"""The ASGI application: Streamlit's, behind the gate, with the sign-in pages beside it."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import streamlit as st
from anyio import to_thread
from sqlalchemy import Engine
from starlette.middleware import Middleware

import log
from dashboard.gate.document import document_routes
from dashboard.gate.headers import app_policy
from dashboard.gate.middleware import Gate
from dashboard.gate.oidc_routes import oidc_routes
from dashboard.gate.provider import Provider
from dashboard.gate.routes import routes
from dashboard.gate.scripts import CompressedScripts
from dashboard.gate.signins import SignedIn, SignIns
from dashboard.navigation import PAGES, pages_for
from dashboard.told_runs import tell_runs
from dashboard.visitor import visitor_of
from settings import Settings

SCRIPT = Path(__file__).with_name("main.py")


def create_app(settings: Settings, *, engine: Engine, cookie_secret: str, script: Path = SCRIPT) -> st.App:
    sign_ins = SignIns(engine=engine, secret=cookie_secret, lasting=timedelta(hours=settings.session_hours))
    provider = Provider.of(settings)
    ways_in = routes(sign_ins=sign_ins, secret=cookie_secret, provider=provider.name if provider else "")
    if provider:
        contact = settings.oidc_contact
        ways_in += oidc_routes(sign_ins=sign_ins, provider=provider, secret=cookie_secret, contact=contact)
    return st.App(
        script,
        routes=ways_in + document_routes(page.path for page in PAGES),
        middleware=[
            Middleware(Gate, sign_ins=sign_ins, policy=app_policy(), has_page=_has_page),
            Middleware(CompressedScripts),
        ],
        lifespan=_lifespan,
    )


def _has_page(found: SignedIn, path: str) -> bool:
    return any(page.path == path for page in pages_for(visitor_of(found)))


@asynccontextmanager
async def _lifespan(_app: st.App) -> AsyncIterator[None]:
    await to_thread.run_sync(_warm_up)
    # They print for themselves, past our format and with whatever an error holds.
    for library in ("streamlit", "uvicorn"):
        log.adopt(library)
    tell_runs()
    # What is loaded by now stays; without this every collection walks all of it again.
    gc.collect()
    gc.freeze()
    yield


def _warm_up() -> None:
    """Pay for the slow imports and the first figure now, not in the first visitor's page.

    They are here, and not above, so that who only imports this module does not wait for them.
    """
    import dashboard.availability.drawn
    import dashboard.commands.dialog
    import dashboard.explanation
    import dashboard.overview.figure
    import dashboard.revenue.figure
    import dashboard.visitor  # noqa: F401 - see above
    from dashboard import figures

    figures.warm_up()
