"""A session that is or was held back, as a row of a list. Pure."""

from __future__ import annotations

from dashboard import formats
from dashboard.fact_row import Fact, fact_row
from db.analytics import flags
from db.analytics.sessions import SessionRow
from db.models import SessionDecision
from languages import N_, _

STATES = {"held": N_("Held back"), "accepted": N_("Accepted"), "corrected": N_("Corrected")}
_COLOURS = {"held": "faulted", "accepted": "occupied", "corrected": "available"}
CHANGED_SINCE = "changed_since_decision"


def row(session: SessionRow, decision: SessionDecision | None) -> str:
    """`decision` is the newest about it; one that was taken back is of no concern any more."""
    state = session.verdict or "held"
    decided = [decided_by(decision, session.timezone)] if decision and not session.is_held else []
    if CHANGED_SINCE in session.flags:
        decided.append(_(flags.sentence(CHANGED_SINCE)))
    below = " · ".join([_where_and_when(session), *decided, *reasons(session)])
    return fact_row(session.station_name, below, (_(STATES[state]), _COLOURS[state]), facts(session))


def facts(session: SessionRow) -> list[Fact]:
    energy = formats.NO_DATA if session.energy_wh is None else formats.exact_energy(session.energy_wh)
    cost = formats.NO_DATA if session.cost is None else formats.exact_money(session.cost, session.currency)
    return [
        Fact(_("Energy"), energy, is_urgent=session.is_held),
        Fact(_("Cost"), cost),
        Fact(_("Meter"), registers(session), _("Register at the start and at the stop")),
    ]


def reasons(session: SessionRow) -> list[str]:
    """Why it is held back, in sentences."""
    return [_(flags.sentence(code)) for code in session.flags if code in flags.IMPOSSIBILITIES]


def registers(session: SessionRow) -> str:
    known = (session.meter_start, session.meter_stop)
    if known == (None, None):
        return _("Not told")
    return " → ".join(formats.NO_DATA if wh is None else formats.exact_energy(wh) for wh in known)


def decided_by(decision: SessionDecision, timezone: str) -> str:
    by = decision.user_name or _("the command line")
    words, at = _(STATES[decision.verdict]), formats.local_time(decision.at, timezone)
    reported = decision.reported.get("energy_wh")
    if decision.verdict == "corrected" and reported is not None:
        words += _(" from {exact_energy}", exact_energy=formats.exact_energy(reported))
    return _("{words} by {by} on {at}: {reason}", words=words, by=by, at=at, reason=decision.reason)


def _where_and_when(session: SessionRow) -> str:
    ended = formats.local_time(session.stop_time or session.start_time, session.timezone)
    lasted = formats.duration(session.duration_seconds)
    return _(
        "Connector {connector_number}, ended {ended} after {lasted}",
        connector_number=session.connector_number or "?",
        ended=ended,
        lasted=lasted,
    )
