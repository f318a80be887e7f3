"""What can go wrong between us and the OCPP backend.

IntegrationError
├── InvalidRequest      what was asked cannot be done as asked; `errors` names the fields
├── NotFound            no such station, connector or session, or not this user's
└── BackendError        the backend did not do it
    ├── BackendRefused  it said no, and why
    ├── BackendDown     it could not be reached: nothing was sent
    └── BackendSilent   it may have been reached, but no usable answer came
"""

from __future__ import annotations


class IntegrationError(Exception):
    """`code` is a snake_case word for programs, the message a sentence for people."""

    code = "failed"


class InvalidRequest(IntegrationError):
    code = "invalid"

    def __init__(self, field: str, reason: str):
        super().__init__(reason)
        self.errors = {field: [reason]}


class NotFound(IntegrationError):
    code = "not_found"


class BackendError(IntegrationError):
    code = "backend_failed"


class BackendRefused(BackendError):
    """`status` is the HTTP status, `backend_code` the word in the answer's body, if any."""

    code = "refused"

    def __init__(self, message: str, status: int, backend_code: str = "", retry_after: float | None = None):
        super().__init__(message)
        self.status = status
        self.backend_code = backend_code
        self.retry_after = retry_after


class BackendDown(BackendError):
    code = "backend_down"


class BackendSilent(BackendError):
    code = "backend_failed"
