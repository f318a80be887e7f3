"""A connector as a card: its state in a word, its running session in figures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape

from dashboard import formats
from db.analytics.live import LiveConnector
from languages import N_, _
from ocpp_integration.plugs import plug_name


@dataclass(frozen=True)
class State:
    """A state as people call it; `kind` names its colour and groups states for the filter."""

    word: str
    kind: str


_STATES = {
    "available": State(N_("Available"), "available"),
    "preparing": State(N_("Plugged in"), "occupied"),
    "charging": State(N_("Charging"), "charging"),
    "suspended_ev": State(N_("Paused by vehicle"), "occupied"),
    "suspended_evse": State(N_("Paused by station"), "occupied"),
    "finishing": State(N_("Finishing"), "occupied"),
    "reserved": State(N_("Reserved"), "other"),
    "unavailable": State(N_("Out of service"), "other"),
    "faulted": State(N_("Faulted"), "faulted"),
    "offline": State(N_("Offline"), "offline"),
}
# In the order in which they want attention.
KINDS = {
    "charging": N_("Charging"),
    "occupied": N_("Occupied"),
    "faulted": N_("Faulted"),
    "available": N_("Available"),
    "offline": N_("Offline"),
    "other": N_("Other"),
}


_RANKS = {kind: rank for rank, kind in enumerate(KINDS)}


def state_of(connector: LiveConnector) -> State:
    return _STATES.get(connector.status) or State(formats.words(connector.status), "other")


def kind_of(status: str) -> str:
    """A key of `KINDS`."""
    return _STATES[status].kind if status in _STATES else "other"


def rank_of(connector: LiveConnector) -> int:
    """Sorts connectors by what goes on at them, those that are charging first."""
    return _RANKS[kind_of(connector.status)]


_SEPARATOR = " · "


def name_of(connector: LiveConnector) -> str:
    parts = [_("Connector {number}", number=connector.number)]
    if connector.type:
        parts.append(plug_name(connector.type))
    if connector.power_w:
        parts.append(f"{connector.power_w / 1000:g}\u00a0kW")
    return _SEPARATOR.join(parts)


def place_of(connector: LiveConnector) -> str:
    return _("{station} · connector {number}", station=connector.station_name, number=connector.number)


def card(connector: LiveConnector, now: datetime, *, with_station: bool = True) -> str:
    """Without its station where the page is that station's own."""
    state, name = state_of(connector), name_of(connector)
    head, *below = (connector.station_name, name) if with_station else name.split(_SEPARATOR, 1)
    body = _session(connector, now) if connector.session_pk is not None else _idle(connector, now)
    return (
        '<div class="mm-connector"><div class="mm-connector-head">'
        f"<span><b>{escape(head)}</b><span>{escape(''.join(below))}</span></span>"
        f'<span class="mm-pill"><i class="mm-dot mm-{state.kind}"></i>{escape(_(state.word))}</span></div>'
        f"{body}</div>"
    )


def _session(connector: LiveConnector, now: datetime) -> str:
    figures = [
        (
            _("power"),
            formats.NO_DATA if connector.live_power_w is None else str(formats.power(connector.live_power_w)),
        ),
        (_("energy"), formats.NO_DATA if connector.energy_wh is None else _energy(connector.energy_wh)),
        (
            _("cost"),
            formats.NO_DATA if connector.cost is None else f"{connector.cost:,.2f}\u00a0{connector.currency}",
        ),
        (_("elapsed"), _elapsed(connector, now)),
    ]
    cells = "".join(f"<span><b>{escape(value)}</b>{escape(name)}</span>" for name, value in figures)
    return f'<div class="mm-figures">{cells}</div>{_gauge(connector)}'


def _energy(wh: int) -> str:
    return f"{wh / 1000:,.2f}\u00a0kWh"


def _elapsed(connector: LiveConnector, now: datetime) -> str:
    if connector.started_at is None:
        return formats.NO_DATA
    return formats.duration(int((now - connector.started_at).total_seconds()))


def _gauge(connector: LiveConnector) -> str:
    """The state of charge where the vehicle tells it, else how much of its power the connector gives."""
    if connector.soc_percent is not None:
        part, words = (
            float(connector.soc_percent),
            _("Battery at {soc_percent:.0f}\u00a0%", soc_percent=connector.soc_percent),
        )
    elif connector.live_power_w is not None and connector.power_w:
        part = min(100.0, 100 * connector.live_power_w / connector.power_w)
        words = _("{part:.0f}\u00a0% of the connector's power", part=part)
    else:
        return ""
    return (
        f'<div class="mm-gauge" aria-hidden="true"><span style="width:{part:.0f}%"></span></div>'
        f"{_note(words)}"
    )


def _idle(connector: LiveConnector, now: datetime) -> str:
    since = (
        _("For {duration}", duration=formats.duration(int((now - connector.since).total_seconds())))
        if connector.since
        else ""
    )
    causes = [
        code for code in (connector.error_code, connector.vendor_error_code) if code and code != "NoError"
    ]
    if connector.status == "faulted" and causes:
        return f'<p class="mm-note mm-warn">{escape(" · ".join(causes))}</p>{_note(since)}'
    if connector.status == "offline":
        return _note(_("Its station has not been heard from."))
    return _note(since)


def _note(text: str) -> str:
    return f'<p class="mm-note">{escape(text)}</p>'
