"""Tokens and users as rows of a list: who, in which state, and their times. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from db.accounts import TokenRow, UserRow
from languages import N_, _

_SOON = timedelta(days=14)
# Word and colour of a state; the colours are those of connectors.
_TOKEN_STATES = {
    "active": (N_("Active"), "available"),
    "expired": (N_("Expired"), "offline"),
    "revoked": (N_("Revoked"), "offline"),
    "deactivated": (N_("User deactivated"), "offline"),
}


def token_row(token: TokenRow, now: datetime, timezone: str, *, with_user: bool) -> str:
    word, kind = _TOKEN_STATES[token.state]
    below = f"{token.user_name} · {formats.words(token.role)}" if with_user else ""
    facts = [
        Fact(_("Created"), _day(token.created_at, timezone), formats.local_time(token.created_at, timezone)),
        _expiry(token, now, timezone),
        _use(_("Last used"), token.last_used_at, now, timezone, never=_("Never")),
    ]
    return fact_row(token.name or _("Unnamed token"), below, (_(word), kind), facts)


def user_row(user: UserRow, now: datetime, timezone: str) -> str:
    state = (_("Active"), "available") if user.is_active else (_("Deactivated"), "offline")
    below = " · ".join(filter(None, (user.user_name, formats.words(user.role), user.owner)))
    facts = [
        Fact(_("Created"), _day(user.created_at, timezone), formats.local_time(user.created_at, timezone)),
        _use(_("Signed in"), user.signed_in_at, now, timezone, never=_("Not now")),
        Fact(_("Tokens"), formats.count(user.tokens)),
    ]
    return fact_row(user.name or user.user_name, below, state, facts)


def _expiry(token: TokenRow, now: datetime, timezone: str) -> Fact:
    if token.expires_at is None:
        return Fact(_("Expires"), _("Never"))
    is_urgent = token.state == "active" and token.expires_at - now < _SOON
    left = formats.duration(int((token.expires_at - now).total_seconds()))
    value = _("In {left}", left=left) if is_urgent else _day(token.expires_at, timezone)
    return Fact(_("Expires"), value, formats.local_time(token.expires_at, timezone), is_urgent)


def _use(name: str, at: datetime | None, now: datetime, timezone: str, *, never: str) -> Fact:
    if at is None:
        return Fact(name, never)
    value = formats.ago(at, now) if now - at < timedelta(days=7) else _day(at, timezone)
    return Fact(name, value[:1].upper() + value[1:], formats.local_time(at, timezone))


def _day(at: datetime, timezone: str) -> str:
    return formats.day(at.astimezone(ZoneInfo(timezone)).date())
