"""An OpenID Connect provider: where to send a browser, and who it is that comes back.

Authorization code with PKCE. Whom the provider vouches for is read from the ID token alone, whose signature
is checked against the provider's keys, and whose issuer, audience, times and nonce against what was asked.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from json import JSONDecodeError, loads
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry
from urllib3.exceptions import HTTPError

from db.identities import Identity
from db.texts import is_storable
from settings import Settings

# Signatures with a key of the provider's alone: a shared secret, or none, shows nothing.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_SKEW = 60
_TIMEOUT = (3, 10)
# An answer that drips in, or does not end, is given up.
_SECONDS, _BYTES = 15, 1 << 20
# Seconds that what the provider tells of itself holds; its keys are asked for earlier when one is new.
_HOLDS = 3600
_ASK_AGAIN = 30
# Visitors who come while it is away do not wait for it one after the other.
_IS_AWAY = 5
_ASKED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderError(Exception):
    """The provider cannot be used, or what it or the browser said cannot be believed."""


class Asked(Protocol):
    """What the browser was sent away with: see `dashboard.gate.journeys`."""

    @property
    def state(self) -> str: ...

    @property
    def nonce(self) -> str: ...

    @property
    def verifier(self) -> str: ...


class Provider:
    """Every method blocks on the network, at most some seconds. `clock` tells Unix seconds."""

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        name: str,
        clock: Callable[[], float] = time.time,
    ):
        self.name = name
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._clock = clock
        self._lock = Lock()
        self._about: dict[str, Any] = {}
        self._about_at = float("-inf")
        self._away_until = float("-inf")
        self._keys: KeySet | None = None
        self._keys_at = float("-inf")

    @classmethod
    def of(cls, settings: Settings) -> Provider | None:
        if settings.oidc_issuer is None or settings.oidc_client_id is None:
            return None
        secret = settings.oidc_client_secret
        return cls(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            name=settings.oidc_name,
        )

    def address(self, asked: Asked, redirect_uri: str) -> str:
        """Where the browser signs in, to come back to `redirect_uri`. Raises `ProviderError`."""
        challenge = urlsafe_b64encode(sha256(asked.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._told("authorization_endpoint")
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query)}"

    def person(self, code: str, asked: Asked, redirect_uri: str) -> Identity:
        """Who signed in. Raises `ProviderError` where that is not beyond doubt."""
        answer = self._token(code, asked, redirect_uri)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise ProviderError("the provider sent no ID token")
        claims = self._checked(token, asked.nonce)
        if "email" not in claims and self._about.get("userinfo_endpoint"):
            claims |= self._user_info(str(answer.get("access_token", "")), claims["sub"])
        email = claims.get("email")
        if not isinstance(email, str) or not is_storable(email):
            email = ""
        return Identity(
            issuer=self._issuer,
            subject=claims["sub"],
            email=email,
            is_verified=email != "" and claims.get("email_verified") is True,
        )

    def _token(self, code: str, asked: Asked, redirect_uri: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": asked.verifier,
        }
        endpoint = self._told("token_endpoint")
        methods = self._about.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = None
        if self._client_secret is None:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in methods:
            auth = (quote_plus(self._client_id), quote_plus(self._client_secret))
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        return _asked("POST", endpoint, data=form, auth=auth)

    def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that is for us, now, and for this journey."""
        expected = JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=_SKEW,
            iss={"essential": True, "value": self._issuer},
            sub={"essential": True},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = self._decoded(token)
            expected.validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise ProviderError(f"the ID token cannot be believed: {error}") from error
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise ProviderError("the ID token is for another client")
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not is_storable(subject):
            raise ProviderError("the ID token names nobody")
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        # Providers change their keys without a word: a signature by none of those known is looked at again.
        try:
            return dict(jwt.decode(token, self._key_set(), algorithms=list(_ALGORITHMS)).claims)
        except (JoseError, ValueError):
            if self._clock() - self._keys_at < _ASK_AGAIN:
                raise
        return dict(jwt.decode(token, self._key_set(renew=True), algorithms=list(_ALGORITHMS)).claims)

    def _key_set(self, *, renew: bool = False) -> KeySet:
        address = self._told("jwks_uri")
        with self._lock:
            now = self._clock()
            if self._keys is None or renew or now - self._keys_at > _HOLDS:
                self._keys = _imported(_asked("GET", address))
                self._keys_at = now
            return self._keys

    def _user_info(self, access_token: str, subject: str) -> dict[str, Any]:
        """Address of the person, from where some providers tell it instead of in the ID token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        found = _asked("GET", str(self._about["userinfo_endpoint"]), headers=headers)
        if found.get("sub") != subject:
            raise ProviderError("the provider tells of another person than its ID token")
        return {name: found[name] for name in ("email", "email_verified") if name in found}

    def _told(self, name: str) -> str:
        """An address that the provider tells in its metadata."""
        with self._lock:
            now = self._clock()
            if now - self._about_at > _HOLDS:
                if time.monotonic() < self._away_until:
                    raise ProviderError("it was away a moment ago")
                try:
                    self._about = self._discovered()
                except ProviderError:
                    self._away_until = time.monotonic() + _IS_AWAY
                    raise
                self._about_at = now
            return str(self._about[name])

    def _discovered(self) -> dict[str, Any]:
        about = _asked("GET", f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self._issuer:
            raise ProviderError(f"the provider calls itself {about.get('issuer')!r}, not {self._issuer!r}")
        told = [*_ASKED, *(["userinfo_endpoint"] if "userinfo_endpoint" in about else [])]
        for name in told:
            if urlsplit(str(about.get(name))).scheme not in ("https", urlsplit(self._issuer).scheme):
                raise ProviderError(f"the provider has no {name} that can be trusted")
        return about


def _asked(method: str, url: str, **parts: Any) -> dict[str, Any]:
    """The object that an address answers with. Raises `ProviderError` for any other answer."""
    host, until = urlsplit(url).netloc, time.monotonic() + _SECONDS
    try:
        with requests.request(
            method, url, timeout=_TIMEOUT, allow_redirects=False, stream=True, **parts
        ) as answer:
            found = loads(_body(answer, until))
    except (requests.RequestException, HTTPError, JSONDecodeError, UnicodeDecodeError) as error:
        # Not the error's own words: they hold the address, with what was sent.
        raise ProviderError(f"{host} gave no answer ({type(error).__name__})") from error
    if answer.status_code != 200 or not isinstance(found, dict):
        said = found.get("error") if isinstance(found, dict) else None
        raise ProviderError(f"{host} answered {answer.status_code} {str(said or '')[:100]!r}")
    return found


def _body(answer: requests.Response, until: float) -> bytes:
    body = bytearray()
    # read1 comes back with what is there; a plain read waits until its buffer is full.
    while part := answer.raw.read1(1 << 16, decode_content=True):
        body += part
        if len(body) > _BYTES or time.monotonic() > until:
            raise ProviderError(f"{urlsplit(answer.url).netloc} gave an answer that does not end")
    return bytes(body)


def _imported(told: dict[str, Any]) -> KeySet:
    try:
        return KeySet.import_key_set(told)  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProviderError(f"the provider's keys cannot be read ({type(error).__name__})") from error
