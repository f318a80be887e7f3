"""A browser's way to the provider and back, remembered by the browser itself in a signed cookie.

What is sent along is derived from the cookie's random part under our secret: who reads one value learns none
of the others, and a state belongs to the one browser it was made for.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import quote, unquote

from dashboard.gate.signing import derive, sign, unsign

COOKIE = "mengedmate_oidc"
LASTING = 600


@dataclass(frozen=True)
class Journey:
    """`key` is random, `begun_at` Unix seconds, `next_path` where the visitor wanted to go."""

    key: str
    begun_at: int
    next_path: str
    secret: str

    @classmethod
    def begin(cls, next_path: str, now: float, secret: str) -> Journey:
        # A browser drops a cookie that is longer than 4 KiB.
        fits = len(quote(next_path)) <= 2000
        return cls(secrets.token_urlsafe(32), int(now), next_path if fits else "/", secret)

    @classmethod
    def read(cls, cookie: str, now: float, secret: str) -> Journey | None:
        """The journey in a cookie that `cookie` made, None for any other or one that took too long."""
        value = unsign(cookie, secret, "oidc")
        if value is None:
            return None
        key, begun_at, next_path = value.split(":", 2)
        if not 0 <= now - int(begun_at) <= LASTING:
            return None
        return cls(key, int(begun_at), unquote(next_path), secret)

    @property
    def cookie(self) -> str:
        return sign(f"{self.key}:{self.begun_at}:{quote(self.next_path)}", self.secret, "oidc")

    @property
    def state(self) -> str:
        return derive(self.key, self.secret, "oidc-state")

    @property
    def nonce(self) -> str:
        return derive(self.key, self.secret, "oidc-nonce")

    @property
    def verifier(self) -> str:
        return derive(self.key, self.secret, "oidc-verifier")

    def is_of(self, state: str) -> bool:
        return state.isascii() and compare_digest(state, self.state)
