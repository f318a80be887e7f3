"""Whether a session can be as it was reported: values in, reasons out.

The checks are those of the Atlas charging-use specification with its recommended defaults; where they differ
the constant says why. A *doubtful* session counts and is shown with its reasons. An *impossible* one is
quarantined: it counts nowhere until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

SHORTEST = timedelta(minutes=1)
LONGEST_SESSION = timedelta(minutes=2880)
LONGEST_CHARGE = timedelta(minutes=1440)
LEAST_WH, MOST_WH = 500, 250_000
# Meters and ratings are not exact, and a rating is what a charge point delivers, not what it never exceeds.
RATING_MARGIN = Decimal("1.1")
# Twice the margin: so much more power than the connector has is a wrong register, not a generous one.
IMPOSSIBLE_MARGIN = Decimal("1.2")
# Registers are read a little before and after the times that a charge point tells.
REGISTER_SLACK_WH = 500
# No vehicle takes more than this from a connector that is not a rapid one, however long it stays.
RAPID_W = 50_000
# Atlas ends level 2 at 19.2 kW, which is the largest of North America; in Ethiopia it is 22 kW (32 A, three
# phases), and some sockets reach 43 kW.
RATINGS_W = {"ac": (3_200, 43_000), "dc": (20_000, 360_000)}
DC_TYPES = frozenset({"ccs1", "ccs2", "chademo", "tesla"})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of an ended session. Energy and registers in Wh, power in W; None where it is not known.

    `charging` is the time in which energy flowed. `register_before` is where the connector's register stood
    when the session before it ended, and `is_reset` whether the register was seen to be reset since.
    """

    start: datetime
    stop: datetime
    energy_wh: int | None
    charging: timedelta | None = None
    rated_w: int | None = None
    connector_type: str | None = None
    meter_start: int | None = None
    meter_stop: int | None = None
    register_before: int | None = None
    is_reset: bool = False

    @property
    def plugged(self) -> timedelta:
        return self.stop - self.start


class Check(NamedTuple):
    """`code` is for programs and stays, `words` are for people. `applies` says whether the check strikes."""

    code: str
    words: str
    applies: Callable[[Evidence], bool]


def _mean_power_exceeds(evidence: Evidence, time: timedelta, margin: Decimal, slack_wh: int = 0) -> bool:
    if evidence.rated_w is None or evidence.energy_wh is None:
        return False
    hours = Decimal(time // timedelta(microseconds=1)) / Decimal(3_600_000_000)
    return evidence.energy_wh > margin * evidence.rated_w * hours + slack_wh


def _exceeds_while_charging(evidence: Evidence) -> bool:
    time = evidence.charging if evidence.charging is not None else evidence.plugged
    return time > timedelta() and _mean_power_exceeds(evidence, time, RATING_MARGIN)


def _is_rating_unusual(evidence: Evidence) -> bool:
    if evidence.rated_w is None or evidence.connector_type is None:
        return False
    least, most = RATINGS_W["dc" if evidence.connector_type in DC_TYPES else "ac"]
    return not least <= evidence.rated_w <= most


def _is_baseline_zero(evidence: Evidence) -> bool:
    """The register is said to have begun at zero, and ended beyond where it stood before."""
    if evidence.is_reset or evidence.meter_start != 0 or evidence.meter_stop is None:
        return False
    return 0 < (evidence.register_before or 0) <= evidence.meter_stop


DOUBTS = (
    Check("short_session", "plugged in for less than a minute", lambda e: timedelta() < e.plugged < SHORTEST),
    Check("long_session", "plugged in for more than two days", lambda e: e.plugged > LONGEST_SESSION),
    Check(
        "short_charge",
        "charged for less than a minute",
        lambda e: e.charging is not None and e.charging < SHORTEST,
    ),
    Check(
        "long_charge",
        "charged for more than a day",
        lambda e: e.charging is not None and e.charging > LONGEST_CHARGE,
    ),
    Check(
        "charge_longer_than_session",
        "charged for longer than it was plugged in",
        lambda e: e.charging is not None and e.charging > e.plugged,
    ),
    Check("little_energy", "less than 0.5 kWh", lambda e: 0 < (e.energy_wh or 0) < LEAST_WH),
    Check("much_energy", "more than 250 kWh", lambda e: (e.energy_wh or 0) > MOST_WH),
    Check("no_energy", "no energy was delivered", lambda e: e.energy_wh == 0),
    Check("power_above_rating", "more power than the connector is rated for", _exceeds_while_charging),
    Check("unusual_rating", "the connector's rating is unusual for its type", _is_rating_unusual),
)

IMPOSSIBILITIES = (
    Check("negative_energy", "less than no energy", lambda e: (e.energy_wh or 0) < 0),
    Check("ends_before_start", "it ended before it began", lambda e: e.plugged < timedelta()),
    Check(
        "energy_in_no_time",
        "energy, but no time in which it could have flowed",
        lambda e: e.plugged == timedelta() and (e.energy_wh or 0) > REGISTER_SLACK_WH,
    ),
    Check(
        "energy_beyond_connector",
        "more energy than the connector can deliver in the time",
        lambda e: (
            e.plugged > timedelta()
            and _mean_power_exceeds(e, e.plugged, IMPOSSIBLE_MARGIN, REGISTER_SLACK_WH)
        ),
    ),
    Check(
        "energy_beyond_vehicle",
        "more energy than any vehicle takes from such a connector",
        lambda e: e.rated_w is not None and e.rated_w < RAPID_W and (e.energy_wh or 0) > MOST_WH,
    ),
    Check("zero_baseline", "its register began at zero, and had stood higher before", _is_baseline_zero),
)

WORDS = {check.code: check.words for check in (*DOUBTS, *IMPOSSIBILITIES)}


@dataclass(frozen=True)
class Judgement:
    """The codes of the checks that strike, in the order of the tables."""

    doubts: tuple[str, ...]
    impossibilities: tuple[str, ...]

    @property
    def is_impossible(self) -> bool:
        return bool(self.impossibilities)


def judge(evidence: Evidence) -> Judgement:
    return Judgement(tuple(_struck(DOUBTS, evidence)), tuple(_struck(IMPOSSIBILITIES, evidence)))


def _struck(checks: tuple[Check, ...], evidence: Evidence) -> Iterator[str]:
    return (check.code for check in checks if check.applies(evidence))
