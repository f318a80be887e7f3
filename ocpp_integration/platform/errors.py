"""What can go wrong with the platform's list of stations.

PlatformError (an IntegrationError)   the platform did not answer with what was asked for
├── PlatformRefused                   it said no; `status` is the HTTP status
└── PlatformSilent                    no usable answer came
StationRejected                       one station is left out; the others are taken in
"""

from __future__ import annotations

from ocpp_integration.errors import IntegrationError


class PlatformError(IntegrationError):
    code = "platform_failed"


class PlatformRefused(PlatformError):
    def __init__(self, message: str, status: int, retry_after: float | None = None):
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class PlatformSilent(PlatformError):
    pass


class StationRejected(Exception):
    """`reasons` are sentences without a subject, such as `power_kw is negative: -5`."""

    def __init__(self, *reasons: str):
        super().__init__("; ".join(reasons))
        self.reasons = reasons
