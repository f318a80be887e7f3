"""What can go wrong between us and the OCPP backend.

IntegrationError
├── InvalidRequest      what was asked cannot be done as asked; `errors` names the fields
├── KeyReused           the idempotency key was used for another request
├── UnderWay            the same command was sent before and has no answer yet
├── NotFound            no such station, connector or session, or not this user's
├── CannotRetry         an event that is held cannot be read (see `recorded_webhooks`)
├── CannotDecide        the session is not, or no longer, held back (see `quarantine`)
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


class KeyReused(IntegrationError):
    code = "key_reused"


class UnderWay(IntegrationError):
    code = "under_way"


class NotFound(IntegrationError):
    code = "not_found"


class BackendError(IntegrationError):
    code = "backend_failed"

    @property
    def is_outage(self) -> bool:
        """Whether the backend as a whole, not what was asked of it, is the trouble."""
        return True


class BackendRefused(BackendError):
    """`status` is the HTTP status; what the body tells besides its sentence may be missing: a word for
    the reason, and the transaction that was refused (unchecked).
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        status: int,
        backend_code: str = "",
        retry_after: float | None = None,
        *,
        transaction_id: object = None,
    ):
        super().__init__(message)
        self.status = status
        self.backend_code = backend_code
        self.retry_after = retry_after
        self.transaction_id = transaction_id

    @property
    def is_final(self) -> bool:
        """Whether nothing was done. What failed on the way (500, 502, 504) may have been done all the same;
        503 is the answer for a charge point that is not connected.
        """
        return self.status < 500 or self.status == 503

    @property
    def is_outage(self) -> bool:
        """Whether this is no answer of a backend that works: an error of its own or of a proxy before it, a
        redirect. That a charge point is away or silent (503 or 504 with a word for it) is an answer.
        """
        if self.status in (503, 504):
            return not self.backend_code
        return self.status < 400 or self.status >= 500


class BackendDown(BackendError):
    """`retry_after` is in how many seconds asking again may help, where that is known."""

    code = "backend_down"

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class BackendSilent(BackendError):
    code = "backend_failed"
