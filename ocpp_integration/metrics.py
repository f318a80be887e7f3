"""Metrics of the calls of the OCPP backend, and the rule of who may read metrics at all."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address

from prometheus_client import CollectorRegistry, Counter, Histogram

# A proxy in front of us is a neighbour on this machine, whoever it asks for.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class BackendMetrics:
    """How many calls of the OCPP backend, of which kind, came to what end, and how long they took."""

    def __init__(self, registry: CollectorRegistry):
        self._calls = Counter(
            "mengedmate_backend_calls",
            "Requests to the OCPP backend; outcome is ok, refused, silent (no answer) or down",
            ("call", "outcome"),
            registry=registry,
        )
        self._seconds = Histogram(
            "mengedmate_backend_call_seconds",
            "Seconds until the OCPP backend's answer or its failure",
            ("call",),
            registry=registry,
            buckets=_SECONDS,
        )

    def observe(self, call: str, outcome: str, seconds: float) -> None:
        self._calls.labels(call, outcome).inc()
        self._seconds.labels(call).observe(seconds)


def may_read(token: str | None, peer: str, headers: Mapping[str, str]) -> bool:
    """Whether a request may read metrics: with the token where there is one, else from this machine only.

    `headers` by their names in lower case. Metrics betray how much business is done.
    """
    if token:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
    return _is_loopback(peer) and not any(name in headers for name in _FORWARDED)


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
