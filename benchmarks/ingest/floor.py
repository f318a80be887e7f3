"""The floor: a bare Flask app on granian, `python -m benchmarks.ingest.floor PORT DATABASE_URL`.

It verifies the signature, inserts the event and commits, each event by itself, as durably as the receiver
does. It checks no shape, keeps no reason and knows no conflict.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from functools import partial
from typing import Any

import psycopg
from flask import Flask, request
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from sqlalchemy import make_url
from standardwebhooks import Webhook

from benchmarks.ingest.requests import SECRET

THREADS = 16
_CREATE = "CREATE TABLE IF NOT EXISTS floor (event_key varchar(255) PRIMARY KEY, type text, body {bytes})"
_INSERT = "INSERT INTO floor VALUES ({0}, {0}, {0}) ON CONFLICT DO NOTHING"


class Store:
    """A connection for each thread; every statement commits by itself."""

    def __init__(self, url: str):
        self._url = make_url(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._own = threading.local()
        self._insert = _INSERT.format("?" if self._sqlite else "%s")
        self._connection().execute(_CREATE.format(bytes="blob" if self._sqlite else "bytea"))

    def insert(self, key: str, kind: str, body: bytes) -> None:
        self._connection().execute(self._insert, (key, kind, body))

    def _connection(self) -> Any:
        if not hasattr(self._own, "connection"):
            self._own.connection = self._open_sqlite() if self._sqlite else self._open_postgresql()
        return self._own.connection

    def _open_sqlite(self) -> sqlite3.Connection:
        connection = sqlite3.connect(str(self._url.database), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _open_postgresql(self) -> psycopg.Connection[Any]:
        url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(url, autocommit=True)


def make_app(url: str) -> Flask:
    app = Flask(__name__)
    store, webhook = Store(url), Webhook(SECRET)

    @app.get("/healthz")
    def alive() -> str:
        return "ok"

    @app.post("/api/ocpp/webhook/")
    def receive() -> dict[str, str]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = webhook.verify(request.get_data(), headers)
        store.insert(headers["webhook-id"], event["type"], request.get_data())
        return {"status": "success", "message": "event recorded"}

    return app


def _load(url: str) -> Any:
    return make_app(url)


if __name__ == "__main__":
    Granian(
        "floor",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        log_level=LogLevels.error,
    ).serve(target_loader=partial(_load, sys.argv[2]), wrap_loader=False)
