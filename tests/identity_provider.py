"""A little OpenID Connect provider over HTTP, which can be told to be wrong in one thing at a time."""

from __future__ import annotations

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET = "the dashboard", "a secret of: the provider"


class IdentityProvider:
    """`person` are the claims of whoever signs in next. `forge` changes the ID token's, `key` signs it."""

    def __init__(self, url: str):
        self.url = url
        self.key = self.published = RSAKey.generate_key(2048, {"kid": "first"})
        self.person: dict[str, Any] = {}
        self.user_info: dict[str, Any] = {}
        self.forge: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.codes: dict[str, dict[str, str]] = {}

    def reset(self) -> None:
        self.key, self.person, self.user_info, self.forge = self.published, {}, {}, dict

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes, as if the person had typed its password."""
        code = f"code {len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], credentials: str) -> dict[str, Any] | None:
        """None for anything but the first use of a code by the client that has its verifier."""
        asked = self.codes.pop(form["code"], None)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
            or credentials != "the+dashboard:a+secret+of%3A+the+provider"
        ):
            return None
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
            **self.person,
        }
        token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, self.forge(claims), self.key)
        return {"id_token": token, "access_token": "an access token", "token_type": "Bearer"}


@contextmanager
def providing() -> Iterator[IdentityProvider]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.provider  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        provider: IdentityProvider = self.server.provider  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        if parts.path == "/authorize":
            self.send_response(303)
            self.send_header("location", provider.authorize(dict(parse_qsl(parts.query))))
            self.end_headers()
            return
        self._answer(
            {
                "/.well-known/openid-configuration": provider.metadata(),
                "/keys": {"keys": [provider.published.as_dict(private=False)]},
                "/userinfo": provider.user_info,
            }[parts.path]
        )

    def do_POST(self) -> None:
        provider: IdentityProvider = self.server.provider  # type: ignore[attr-defined]
        form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        _, _, credentials = self.headers.get("authorization", "").partition(" ")
        found = provider.token(form, b64decode(credentials).decode())
        self._answer(found or {"error": "invalid_grant"}, 200 if found else 400)

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
