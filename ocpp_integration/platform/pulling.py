"""Stations from MengedMate into the store."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from ocpp_integration.platform.applying import ByHand, Terms, carry_out
from ocpp_integration.platform.planning import Plan, Rules
from ocpp_integration.platform.source import MengedMate, OnRead, unheard
from ocpp_integration.platform.sources import PLATFORM
from settings import Settings

NAMELESS_OWNER = "MengedMate"


def pull(
    engine: Engine,
    source: MengedMate,
    terms: Terms,
    *,
    now: datetime,
    dry_run: bool = False,
    trusted: bool = False,
    on_read: OnRead = unheard,
) -> tuple[int, Plan]:
    """Bring the store to the platform's list; returns how many stations it names, and what changed.

    What cannot be read, and what is not believed, is left as it is and stands among the plan's problems. A
    list from which all or most stations are gone is believed only where it is `trusted`. `on_read` is told
    how many stations were found so far; what it raises ends the pull, with nothing changed.
    """
    listing = source.read(on_read)
    rules = Rules(PLATFORM, NAMELESS_OWNER, exhaustive=True, trusted=trusted)
    # That somebody trusts a list is a person's word; what is pulled without it, the job would have pulled.
    by_hand = ByHand("pull stations", source.address, {"trust": "yes"}) if trusted else None
    plan = carry_out(engine, listing, rules, terms, now=now, dry_run=dry_run, by_hand=by_hand)
    return len(listing.stations) + len(listing.left_out), plan


def terms_of(settings: Settings) -> Terms:
    return Terms(settings.timezone, settings.currency, settings.vat_percent)
