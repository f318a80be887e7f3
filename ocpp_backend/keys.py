"""The keys with which charge points authenticate: HTTP Basic, as in OCPP's security profile 1.

The store holds only their SHA-256. They are random, so that a slow hash would protect nothing more and make a
thousand charge points that reconnect at once wait for minutes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from ocpp_backend import clock
from ocpp_backend.engine import create_tables, open_engine
from ocpp_backend.tables import station_keys

# As hex they are the 40 characters that a charge point's AuthorizationKey may have at most.
_BYTES = 20
_LEAST_LENGTH = 16


def fresh_key() -> str:
    """160 random bits that every charge point can be configured with."""
    return secrets.token_hex(_BYTES)


def store_key(url: str, station_id: str, key: str) -> None:
    """Make `key` the station's in the backend's store at `url`, also where no backend has run yet."""
    store_keys(url, {station_id: key})


def store_keys(url: str, keys: Mapping[str, str]) -> None:
    """Many keys by station id, in one transaction."""
    engine = open_engine(url)
    try:
        now = clock.now()
        create_tables(engine, now)
        with engine.execution_options(writes=True).begin() as db:
            for station_id, key in keys.items():
                put(db, station_id, key, now)
    finally:
        engine.dispose()


def put(db: Connection, station_id: str, key: str, now: datetime) -> None:
    """Replace the station's key. A connection that was made with the old one goes on."""
    if len(key) < _LEAST_LENGTH:
        raise ValueError(f"a key has at least {_LEAST_LENGTH} characters")
    db.execute(delete(station_keys).where(station_keys.c.station_id == station_id))
    row = {"station_id": station_id, "key_hash": _digest(key.encode()), "created_at": now}
    db.execute(insert(station_keys).values(row))


def hash_of(db: Connection, station_id: str) -> str | None:
    """What the store has of the station's key; None where it has no key."""
    found: str | None = db.scalar(
        select(station_keys.c.key_hash).where(station_keys.c.station_id == station_id)
    )
    return found


def stations_with_key(db: Connection) -> set[str]:
    return set(db.scalars(select(station_keys.c.station_id)))


def objection(authorization: str | None, station_id: str, key_hash: str) -> str | None:
    """Why a charge point's `Authorization` header does not let it in, or None where it does."""
    if authorization is None:
        return "it sends no key"
    scheme, _, credentials = authorization.partition(" ")
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    user, colon, password = decoded.partition(b":")
    if scheme.lower() != "basic" or not colon:
        return "its Authorization header is not HTTP Basic"
    # The key first: how long this takes must not depend on which of both is wrong.
    right_key = _matches(password, key_hash)
    if not hmac.compare_digest(user, station_id.encode()):
        return "its user name is not its station id"
    return None if right_key else "its key is wrong"


def _matches(password: bytes, key_hash: str) -> bool:
    # Older charge points of 1.6 are given the key as hex and send the bytes that this stands for.
    as_sent = hmac.compare_digest(_digest(password), key_hash)
    as_bytes = hmac.compare_digest(_digest(password.hex().encode()), key_hash)
    return as_sent or as_bytes


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()
