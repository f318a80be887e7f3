"""What may fail in the backend: one small tree.

BackendError
├── Failure        a request of the locator API is refused: HTTP status, code, sentence
└── CallError      a CALL of OCPP-J is answered with CALLERROR: code, description
    └── CallTimeout    the charge point did not answer ours, or went away meanwhile
"""

from __future__ import annotations

from typing import Any


class BackendError(Exception):
    """Base of all that is raised on purpose here."""


class Failure(BackendError):
    """`status` is HTTP's, `code` is for programs, `message` one sentence for people.

    What is in `more` joins the answer's body.
    """

    def __init__(self, status: int, code: str, message: str, **more: Any):
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more


class CallError(BackendError):
    """`code` is one of OCPP-J's, `description` at most 255 characters."""

    def __init__(self, code: str, description: str = ""):
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description[:255]


class CallTimeout(CallError):
    """Whether the charge point acts on our call is not known."""

    def __init__(self, description: str):
        super().__init__("GenericError", description)
