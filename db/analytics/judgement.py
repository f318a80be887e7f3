"""Whether a session can be as it was reported: values in, codes out. `flags` says each in a sentence.

The checks are those of the Atlas charging-use specification with its recommended defaults; where they differ
the constant says why. A *doubtful* session counts and is shown with its reasons. An *impossible* one is held
back: it counts nowhere until somebody has looked at it. A session that merely delivered nothing is possible:
an attempt that failed is an attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.analytics.outcome import STOP_REASONS

SHORTEST = timedelta(minutes=1)
LONGEST_SESSION = timedelta(minutes=2880)
LONGEST_CHARGE = timedelta(minutes=1440)
LEAST_WH, MOST_WH = 500, 250_000
# In hundredths of the rating. Meters and ratings are not exact: a rating is what a charge point delivers, not
# what it never exceeds.
RATING_MARGIN = 110
# Ratings are written down by hand, and wrong by a phase or by a power module: 11 for 22 kW, 60 for 120. What
# is further off is a wrong register.
IMPOSSIBLE_MARGIN = 200
# Registers are read a little before and after the times that a charge point tells.
REGISTER_SLACK_WH = 500
# The largest batteries that charge at a connector below `RAPID_W` are those of trucks: 540 kWh, at 43 kW.
RAPID_W = 50_000
MOST_SLOWLY_WH = 600_000
# Atlas ends level 2 at 19.2 kW, which is the largest of North America; in Ethiopia it is 22 kW (32 A, three
# phases), and some sockets reach 43 kW.
RATINGS_W = {"ac": (3_200, 43_000), "dc": (20_000, 360_000)}
DC_TYPES = frozenset({"ccs1", "ccs2", "chademo", "tesla"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of an ended session. Energy and registers in Wh, power in W; None where it is not known.

    `energy_wh` is what would be billed. `charging` is the time in which energy flowed. `register_before` is
    where the connector's register stood when an earlier session on it ended, and `is_reset` whether the
    register was reset meanwhile, as far as its charge point told.
    """

    start: datetime
    stop: datetime
    energy_wh: int | None
    charging: timedelta | None = None
    rated_w: int | None = None
    peak_w: int | None = None
    connector_type: str | None = None
    meter_start: int | None = None
    meter_stop: int | None = None
    register_before: int | None = None
    is_reset: bool = False
    stop_reason: str | None = None

    @property
    def plugged(self) -> timedelta:
        return self.stop - self.start

    @property
    def register_wh(self) -> int | None:
        """Between the registers at both ends."""
        if self.is_reset or self.meter_start is None or self.meter_stop is None:
            return None
        return self.meter_stop - self.meter_start

    @property
    def told_wh(self) -> int:
        """The energy, be it one that is too strange to be billed; 0 where nothing tells of any."""
        return (self.register_wh or 0) if self.energy_wh is None else self.energy_wh


Check = Callable[[Evidence], bool]


def _exceeds(evidence: Evidence, time: timedelta, margin: int, slack_wh: int = 0) -> bool:
    """Whether it is more energy than flows in `time` at `margin` hundredths of the connector's rating."""
    if evidence.rated_w is None:
        return False
    most = margin * evidence.rated_w * (time // timedelta(microseconds=1))
    return (evidence.told_wh - slack_wh) * 360_000_000_000 > most


def _is_short(evidence: Evidence) -> bool:
    if timedelta() <= evidence.plugged < SHORTEST:
        return True
    return evidence.charging is not None and evidence.charging < SHORTEST and evidence.told_wh > 0


def _is_power_above_rating(evidence: Evidence) -> bool:
    if evidence.rated_w is None:
        return False
    if (evidence.peak_w or 0) * 100 > RATING_MARGIN * evidence.rated_w:
        return True
    time = evidence.plugged if evidence.charging is None else evidence.charging
    return time > timedelta() and _exceeds(evidence, time, RATING_MARGIN)


def _is_rating_unusual(evidence: Evidence) -> bool:
    if evidence.rated_w is None or evidence.connector_type in (None, "other"):
        return False
    least, most = RATINGS_W["dc" if evidence.connector_type in DC_TYPES else "ac"]
    return not least <= evidence.rated_w <= most


def _is_baseline_zero(evidence: Evidence) -> bool:
    """The register is said to begin at zero, ended beyond where it stood before, and makes the energy."""
    if evidence.is_reset or evidence.meter_start != 0 or evidence.meter_stop is None:
        return False
    counts = evidence.energy_wh is None or evidence.energy_wh == evidence.meter_stop
    return counts and 0 < (evidence.register_before or 0) <= evidence.meter_stop


DOUBTS: Mapping[str, Check] = {
    "register_fell": lambda e: e.energy_wh is not None and (e.register_wh or 0) < 0,
    "short_duration": _is_short,
    "long_session": lambda e: e.plugged > LONGEST_SESSION,
    "long_charging": lambda e: e.charging is not None and e.charging > LONGEST_CHARGE,
    "charging_longer_than_session": lambda e: (
        e.charging is not None and e.charging > max(e.plugged, timedelta())
    ),
    "ends_before_start": lambda e: e.plugged < timedelta(),
    "no_energy": lambda e: e.energy_wh == 0,
    "low_energy": lambda e: 0 < e.told_wh < LEAST_WH,
    "high_energy": lambda e: e.told_wh > MOST_WH,
    "power_above_rating": _is_power_above_rating,
    "unusual_rating": _is_rating_unusual,
    "unknown_stop_reason": lambda e: (e.stop_reason or "Local") not in STOP_REASONS,
}

IMPOSSIBILITIES: Mapping[str, Check] = {
    "negative_energy": lambda e: e.told_wh < 0,
    "energy_in_no_time": lambda e: e.plugged <= timedelta() and e.told_wh > REGISTER_SLACK_WH,
    "energy_beyond_connector": lambda e: (
        e.plugged > timedelta() and _exceeds(e, e.plugged, IMPOSSIBLE_MARGIN, REGISTER_SLACK_WH)
    ),
    "energy_beyond_vehicle": lambda e: (
        e.rated_w is not None and e.rated_w < RAPID_W and e.told_wh > MOST_SLOWLY_WH
    ),
    "zero_baseline": _is_baseline_zero,
}

# All that a judgement says; other flags tell how a session became known, and are not its business.
CODES = frozenset({*DOUBTS, *IMPOSSIBILITIES})


@dataclass(frozen=True, slots=True)
class Judgement:
    """The codes of the checks that strike, in the order of the tables."""

    doubts: tuple[str, ...]
    impossibilities: tuple[str, ...]

    @property
    def is_impossible(self) -> bool:
        return bool(self.impossibilities)

    @property
    def codes(self) -> tuple[str, ...]:
        return (*self.doubts, *self.impossibilities)

    @property
    def verdict(self) -> str:
        return "held" if self.impossibilities else "counted"


def judge(evidence: Evidence) -> Judgement:
    return Judgement(tuple(_struck(DOUBTS, evidence)), tuple(_struck(IMPOSSIBILITIES, evidence)))


def _struck(checks: Mapping[str, Check], evidence: Evidence) -> Iterator[str]:
    return (code for code, applies in checks.items() if applies(evidence))
