"""What a transaction that failed may be repeated after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError

log = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_TRIES = 5
# PostgreSQL gives up one of several transactions that wait for each other, or cannot be put in an order.
_GIVEN_UP = {"40001", "40P01"}
_LOCK_NOT_AVAILABLE = "55P03"


def repeated(transaction: Callable[[], _Result]) -> _Result:
    """Run a whole transaction, up to five times where the store gives it up for another one."""
    for _ in range(_TRIES - 1):
        try:
            return transaction()
        except OperationalError as error:
            if _sqlstate(error) not in _GIVEN_UP:
                raise
            log.info("a transaction is repeated: %s", error.orig)
    return transaction()


def is_busy(error: OperationalError) -> bool:
    """Whether others did not let go of what the transaction needs: later it may fare better."""
    if _sqlstate(error) in {*_GIVEN_UP, _LOCK_NOT_AVAILABLE}:
        return True
    return str(getattr(error.orig, "sqlite_errorname", "")).startswith("SQLITE_BUSY")


def _sqlstate(error: OperationalError) -> str | None:
    return getattr(error.orig, "sqlstate", None)
