"""A station as a row of the list: its state in a word, its connectors, its figures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from dashboard import formats
from dashboard.connector_card import KINDS, state_of
from db.analytics.live import LiveConnector
from db.analytics.stations import Station, StationFigures
from languages import N_, _

INACTIVE = "inactive"
STATES = {**KINDS, INACTIVE: N_("Not active")}
NO_FIGURES = StationFigures()
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# What is said first of a station of which several things are true.
RANKS = {
    kind: rank
    for rank, kind in enumerate(
        ("offline", "faulted", "charging", "occupied", "available", "other", INACTIVE)
    )
}
_LAST = len(RANKS)


@dataclass(frozen=True)
class StationNow:
    """A station with its connectors as they are and its figures."""

    station: Station
    connectors: Sequence[LiveConnector]
    figures: StationFigures

    @property
    def kinds(self) -> list[str]:
        """What goes on at its connectors, each kind once, what matters most first."""
        if not self.station.is_active:
            return [INACTIVE]
        if not self.station.is_online:
            return ["offline"]
        found = {state_of(connector).kind for connector in self.connectors}
        return sorted(found, key=lambda kind: RANKS.get(kind, _LAST)) or ["other"]

    @property
    def power_w(self) -> int:
        return sum(connector.live_power_w or 0 for connector in self.connectors)

    @property
    def place(self) -> str:
        address, city = self.station.address, self.station.city
        return address if city in address else ", ".join(filter(None, (address, city)))

    def matches(self, kinds: Sequence[str], text: str) -> bool:
        station = self.station
        searched = " ".join((station.name, station.station_id, station.owner, self.place)).lower()
        return (not kinds or not set(kinds).isdisjoint(self.kinds)) and text.strip().lower() in searched


@dataclass(frozen=True)
class Order:
    key: Callable[[StationNow], object]
    descending: bool = False


LONGEST_NOT_HEARD = N_("Longest not heard")
# Of equal ones, those come first whose names do.
ORDERS = {
    N_("What needs attention"): Order(lambda row: RANKS[row.kinds[0]]),
    N_("Name"): Order(lambda row: row.station.name.lower()),
    N_("Most power now"): Order(lambda row: row.power_w, descending=True),
    N_("Most energy today"): Order(lambda row: row.figures.energy_today_wh, descending=True),
    N_("Lowest availability"): Order(
        lambda row: (row.figures.availability is None, row.figures.availability or 0.0)
    ),
    LONGEST_NOT_HEARD: Order(lambda row: row.station.heard_at or _LONG_AGO),
}


def row(found: StationNow, now: datetime, *, with_owner: bool) -> str:
    station = found.station
    kind = found.kinds[0]
    below = " · ".join(filter(None, (station.owner if with_owner else "", found.place)))
    return (
        '<div class="mm-row mm-station"><div class="mm-row-who">'
        f"<b>{escape(station.name)}</b><span>{escape(below or station.station_id)}</span></div>"
        f'<span class="mm-pill"><i class="mm-dot mm-{kind}"></i>{escape(_(STATES[kind]))}</span>'
        f'<dl class="mm-row-facts">{"".join(_facts(found, now))}</dl></div>'
    )


def heading(found: StationNow) -> str:
    """How the station is, in a line."""
    kind = found.kinds[0]
    told = [connectors_in_words(found.connectors), _("{power} now", power=formats.power(found.power_w))]
    return (
        f'<div class="mm-station-head"><span class="mm-pill"><i class="mm-dot mm-{kind}"></i>'
        f"{escape(_(STATES[kind]))}</span><span>{escape(' · '.join(filter(None, told)))}</span></div>"
    )


def counted(connectors: Sequence[LiveConnector]) -> list[tuple[str, str]]:
    """How many are in which state, those without any left out: `("2", "charging")`."""
    states = [state_of(connector).kind for connector in connectors]
    counts = [(states.count(kind), _(words).lower()) for kind, words in KINDS.items()]
    return [(formats.count(count), word) for count, word in counts if count]


def connectors_in_words(connectors: Sequence[LiveConnector]) -> str:
    """`2 charging, 1 available`."""
    return ", ".join(" ".join(each) for each in counted(connectors))


def _facts(found: StationNow, now: datetime) -> list[str]:
    figures, heard = found.figures, found.station.heard_at
    availability = formats.NO_DATA if figures.availability is None else formats.percent(figures.availability)
    return [
        _fact(_("Connectors"), _dots(found), connectors_in_words(found.connectors), is_html=True),
        _fact(_("Power"), str(formats.power(found.power_w)) if found.connectors else formats.NO_DATA),
        _fact(_("Today"), str(formats.energy(figures.energy_today_wh))),
        _fact(_("Availability"), str(availability)),
        _fact(_("Last heard"), formats.ago(heard, now) if heard else _("Never")),
    ]


def _dots(found: StationNow) -> str:
    if not found.connectors:
        return formats.NO_DATA
    dots = "".join(f'<i class="mm-dot mm-{state_of(each).kind}"></i>' for each in found.connectors)
    words = escape(connectors_in_words(found.connectors))
    return f'<span class="mm-dots" role="img" aria-label="{words}">{dots}</span>'


def _fact(name: str, value: str, exact: str = "", *, is_html: bool = False) -> str:
    title = f' title="{escape(exact)}"' if exact else ""
    return f"<div><dt>{escape(name)}</dt><dd{title}>{value if is_html else escape(value)}</dd></div>"
