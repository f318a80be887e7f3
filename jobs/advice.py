"""Why a run failed, and what somebody can do about it."""

from __future__ import annotations

import traceback

from sqlalchemy.exc import DBAPIError, OperationalError

from ocpp_integration.errors import BackendDown, BackendRefused, BackendSilent

ADVICE: dict[type[BaseException], str] = {
    BackendDown: "Start the OCPP backend, or correct OCPP_BASE_URL; `python manage.py doctor` checks both.",
    BackendSilent: "See the OCPP backend's own log: it was reached, and answered nothing that can be used.",
    BackendRefused: "See that OCPP_API_KEY is the backend's, and what its log says of the refusal.",
    OperationalError: (
        "The store was locked, full or not reachable. See that its disk has room and that DATABASE_URL is "
        "right; the job runs again by itself."
    ),
    DBAPIError: "See that `python manage.py migrate` was run with this version.",
}
UNFORESEEN = (
    "This was not foreseen: the log of the jobs process has the traceback at this time. The job runs again "
    "by itself; if it fails again, please report it with the traceback."
)


def reason_of(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()[:2000]


def advice_for(error: BaseException) -> str:
    """What to do about it; the nearest kind of error that has an advice counts."""
    return next((ADVICE[kind] for kind in type(error).__mro__ if kind in ADVICE), UNFORESEEN)
