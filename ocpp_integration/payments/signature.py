"""How a provider's callbacks are signed: hex HMAC-SHA256 of the body as it came, in either of two headers.

In `Chapa-Signature` Chapa may send an HMAC of the secret by itself instead. That is the same for every
callback, so whoever has seen one could sign any: it counts for nothing here.
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "x-chapa-signature"
HEADERS = (HEADER, "chapa-signature")


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """In constant time, whatever text the header holds."""
    return hmac.compare_digest(sign(secret, body).encode(), signature.strip().lower().encode())
