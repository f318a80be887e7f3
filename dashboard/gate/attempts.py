"""Failed sign-ins, counted per account and per address so that passwords cannot be tried out."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from db.models import SignInFailure

LIMIT = 5
WINDOW = timedelta(minutes=15)


def register(store: Session, account: str, address: str, now: datetime) -> datetime | None:
    """Count an attempt before its password is looked at, or say until when there are none left.

    Counting first keeps attempts that run at the same time within the limit; `forgive_failures` takes the
    count back for one that succeeds.
    """
    account, address = account.lower()[:255], address[:255]
    _take_turns(store, account, address)
    ends = [
        end
        for condition in (SignInFailure.account == account, SignInFailure.address == address)
        if (end := _locked_until(store, condition, now))
    ]
    if ends:
        return max(ends)
    store.add(SignInFailure(account=account, address=address, at=now))
    return None


def _take_turns(store: Session, *keys: str) -> None:
    """Who counts the same meanwhile is waited for: on PostgreSQL its count would not be seen. On SQLite
    writers take turns as it is.
    """
    if store.get_bind().dialect.name == "postgresql":
        # Always in the same order, so that two cannot wait for each other.
        for key in sorted(keys):
            store.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"sign-in {key}"))))


def _locked_until(store: Session, condition: ColumnElement[bool], now: datetime) -> datetime | None:
    newest = store.scalars(
        select(SignInFailure.at)
        # Those of a clock that was ahead lock nobody out until the right time has caught up with it.
        .where(condition, SignInFailure.at > now - WINDOW, SignInFailure.at < now + WINDOW)
        .order_by(SignInFailure.at.desc())
        .limit(LIMIT)
    ).all()
    return newest[-1] + WINDOW if len(newest) == LIMIT else None
