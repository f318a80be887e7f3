"""The bill: which volumes each price component is paid for, and what that comes to.

Rules of OCPI 2.2.1: of a dimension the first element that has it and whose restrictions hold applies; what no
element prices is free. `step_size` rounds the billed energy up once per session, and once the time: of the
dimension, charging or parking, that was paid for last, by the last component's step (mod_cdrs, step_size).
A flat fee is paid once, as the first element that has one says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ocpp_integration.pricing.periods import Piece, applies, reserved_pieces, session_pieces
from ocpp_integration.pricing.tariff import Dimension, Element, Price, PriceComponent, TariffDocument
from ocpp_integration.pricing.usage import Usage, moment

What = Literal[
    "ENERGY",
    "TIME",
    "PARKING_TIME",
    "FLAT",
    "RESERVATION_TIME",
    "RESERVATION_FLAT",
    "MIN_PRICE",
    "MAX_PRICE",
    "PREPAID",
]
_DIMENSIONS: tuple[Dimension, ...] = ("FLAT", "ENERGY", "TIME", "PARKING_TIME")
_TIMES: dict[str, Dimension] = {"charging": "TIME", "idle": "PARKING_TIME"}
_RESERVED: dict[Dimension, What] = {"TIME": "RESERVATION_TIME", "FLAT": "RESERVATION_FLAT"}
# Within each of these the step of what was used last rounds up once.
_STEPPED: tuple[frozenset[What], ...] = (
    frozenset({"ENERGY"}),
    frozenset({"TIME", "PARKING_TIME"}),
    frozenset({"RESERVATION_TIME"}),
)
_ONE = Fraction(1)


@dataclass(frozen=True)
class Line:
    """What, how much, at what price. `volume` is in kWh or hours, of a fee or a limit it is 1; it is what is
    billed, rounded up to whole steps. `price` is the tariff's for one of it, `vat` in percent, None where the
    tariff tells none. `gross` is None where the bill's is.
    """

    what: What
    volume: Decimal
    price: Decimal
    vat: Decimal | None
    net: Decimal
    gross: Decimal | None


@dataclass(frozen=True)
class Period:
    """A part of the session throughout which the same components applied."""

    start: datetime
    state: str
    energy_wh: Decimal
    seconds: Decimal


@dataclass(frozen=True)
class Bill:
    """`lines` add up to `net` and to `gross` (with VAT), which is None where some price has no known VAT.

    `tax_included` says that the prices on the lines contain it.
    """

    lines: tuple[Line, ...]
    net: Decimal
    gross: Decimal | None
    periods: tuple[Period, ...] = ()
    tax_included: bool = False

    @property
    def payable(self) -> Decimal:
        return self.net if self.gross is None else self.gross

    @property
    def tax(self) -> Decimal | None:
        return None if self.gross is None else self.gross - self.net

    @property
    def beyond_prepaid(self) -> Decimal:
        """How much of it is not asked for, since no more was paid in advance."""
        parts = (
            line.net if line.gross is None else line.gross for line in self.lines if line.what == "PREPAID"
        )
        return -sum(parts, Decimal(0))

    def limited(self, prepaid: Decimal | None) -> Bill:
        """The same where no more than `prepaid` can be paid of it: a line tells what is not asked for."""
        if prepaid is None or self.payable <= prepaid:
            return self
        if self.gross is None:
            line = Line("PREPAID", Decimal(1), prepaid, None, prepaid - self.net, None)
            return replace(self, lines=(*self.lines, line), net=prepaid)
        net = half_up(Fraction(self.net) * Fraction(prepaid) / Fraction(self.gross))
        line = Line("PREPAID", Decimal(1), prepaid, None, net - self.net, prepaid - self.gross)
        return replace(self, lines=(*self.lines, line), net=net, gross=prepaid)

    def stored(self) -> dict[str, Any]:
        """As JSON, to be read by `read` again."""
        return {
            "lines": [
                {name: value if value is None else str(value) for name, value in vars(line).items()}
                for line in self.lines
            ],
            "tax_included": self.tax_included,
            "periods": [
                {name: str(value) for name, value in vars(period).items()} for period in self.periods
            ],
        }

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Bill:
        lines = tuple(_line(each) for each in stored["lines"])
        gross = [line.gross for line in lines if line.gross is not None]
        return cls(
            lines,
            net=sum((line.net for line in lines), Decimal(0)),
            gross=sum(gross, Decimal(0)) if len(gross) == len(lines) else None,
            periods=tuple(_period(each) for each in stored["periods"]),
            tax_included=stored["tax_included"],
        )


@dataclass
class _Used:
    what: What
    component: PriceComponent
    volume: Fraction = Fraction(0)  # Wh, seconds, or 1


def price(tariff: TariffDocument, usage: Usage) -> Bill:
    """The bill of a session, and of the reservation before it."""
    zone = ZoneInfo(usage.timezone)
    metering = _Metering(tariff, zone)
    metering.reservation(usage)
    metering.session(usage)
    used = [each for each in metering.used.values() if each.volume]
    return _bill(tariff, used, metering.periods)


@dataclass
class _Metering:
    """Volumes by component, in the order in which each was first used; and the periods."""

    tariff: TariffDocument
    zone: ZoneInfo
    used: dict[tuple[What, int], _Used] = field(default_factory=dict)
    periods: list[Period] = field(default_factory=list)

    def session(self, usage: Usage) -> None:
        elements = {
            number: each
            for number, each in enumerate(self.tariff.elements)
            if each.restrictions.reservation is None
        }
        last: dict[What, _Used] = {}
        known: object = None
        for piece in session_pieces(usage, elements.values()):
            applying = dict(self._applying(piece, elements))
            for dimension, number in applying.items():
                if volume := _volume(dimension, piece, elements[number]):
                    self._use(dimension, dimension, number, volume, last)
            if (piece.state, applying) != known:
                known = (piece.state, applying)
                self.periods.append(_period_of(piece))
            else:
                self.periods[-1] = _longer(self.periods[-1], piece)
        self._step_up(last)

    def reservation(self, usage: Usage) -> None:
        if usage.reservation is None:
            return
        kinds = ("RESERVATION_EXPIRES", "RESERVATION") if usage.reservation.expired else ("RESERVATION",)
        elements = {
            number: each
            for kind in kinds
            for number, each in enumerate(self.tariff.elements)
            if each.restrictions.reservation == kind
        }
        last: dict[What, _Used] = {}
        for piece in reserved_pieces(usage, elements.values()):
            for dimension, number in self._applying(piece, elements):
                if dimension in _RESERVED:
                    volume = piece.seconds if dimension == "TIME" else _ONE
                    self._use(_RESERVED[dimension], dimension, number, volume, last)
        self._step_up(last)

    def _applying(self, piece: Piece, elements: Mapping[int, Element]) -> Iterator[tuple[Dimension, int]]:
        """Of each dimension the number of the element that applies."""
        holding = [
            number for number, each in elements.items() if applies(each.restrictions, piece, self.zone)
        ]
        for dimension in _DIMENSIONS:
            for number in holding:
                if elements[number].component(dimension) is not None:
                    yield dimension, number
                    break

    def _use(
        self, what: What, dimension: Dimension, number: int, volume: Fraction, last: dict[What, _Used]
    ) -> None:
        if dimension == "FLAT" and any(known == what for known, _ in self.used):
            return
        component = self.tariff.elements[number].component(dimension)
        assert component is not None  # noqa: S101 - narrows the type; the element applies for having it
        used = self.used.setdefault((what, number), _Used(what, component))
        used.volume += volume
        # The newest at the end.
        last.pop(what, None)
        last[what] = used

    def _step_up(self, last: Mapping[What, _Used]) -> None:
        """Round what was used last of each kind up, so that the total of its dimension is whole steps."""
        for kind in _STEPPED:
            newest = next((used for what, used in reversed(list(last.items())) if what in kind), None)
            if newest is None:
                continue
            step = newest.component.step_size
            total = sum((used.volume for used in self.used.values() if used.what == newest.what), Fraction(0))
            newest.volume += ceil(total / step) * step - total


def _volume(dimension: Dimension, piece: Piece, element: Element) -> Fraction:
    if dimension == "ENERGY":
        return piece.energy_wh
    if dimension == "FLAT":
        return _ONE
    if _TIMES.get(piece.state) != dimension:
        return Fraction(0)
    component = element.component(dimension)
    is_grace = component is not None and piece.idle_before < component.grace_seconds
    return Fraction(0) if is_grace else piece.seconds


def _bill(tariff: TariffDocument, used: Sequence[_Used], periods: Sequence[Period]) -> Bill:
    """Each line is the growth of the rounded total, so that lines add up to it."""
    knows_vat = all(each.component.vat is not None for each in used if each.component.price)
    net = gross = Fraction(0)
    told = half_up(net), half_up(gross)
    lines = []
    for each in used:
        line_net, line_gross = _amounts(tariff, each)
        net, gross = net + line_net, gross + line_gross
        total = _rounded(tariff, net, gross)
        lines.append(_billed(each, total[0] - told[0], total[1] - told[1] if knows_vat else None))
        told = total
    limit, total = _limited(tariff, net, gross, told)
    if limit is not None:
        more = total[1] - told[1] if knows_vat else None
        lines.append(Line(limit, Decimal(1), total[0], None, total[0] - told[0], more))
        told = total
    total_gross = told[1] if knows_vat else None
    return Bill(tuple(lines), told[0], total_gross, tuple(periods), tariff.tax_included == "YES")


def _amounts(tariff: TariffDocument, used: _Used) -> tuple[Fraction, Fraction]:
    """What is to be paid for it, without VAT and with it."""
    amount = used.volume * Fraction(used.component.price) / _unit(used.what)
    factor = 1 + Fraction(used.component.vat or 0) / 100
    return (amount / factor, amount) if tariff.tax_included == "YES" else (amount, amount * factor)


def _rounded(tariff: TariffDocument, net: Fraction, gross: Fraction) -> tuple[Decimal, Decimal]:
    """Both totals half up. Of prices with VAT what is rounded is the total with VAT and the VAT in it."""
    if tariff.tax_included == "YES" and gross:
        paid = half_up(gross)
        return paid - half_up(Fraction(paid) * (gross - net) / gross), paid
    return half_up(net), half_up(gross)


def _limited(
    tariff: TariffDocument, net: Fraction, gross: Fraction, told: tuple[Decimal, Decimal]
) -> tuple[What | None, tuple[Decimal, Decimal]]:
    """The limit that changes the totals, if one does, and these. With VAT and without it bind separately."""
    least, most = tariff.min_price, tariff.max_price
    if most is not None:
        totals = min(told[0], _minor(most.excl_vat)), min(told[1], _minor(_with_vat(most, gross)))
        if totals != told:
            return "MAX_PRICE", totals
    if least is not None:
        totals = max(told[0], _minor(least.excl_vat)), max(told[1], _minor(_with_vat(least, net)))
        if totals != told:
            return "MIN_PRICE", totals
    return None, told


def _with_vat(limit: Price, otherwise: Fraction) -> Fraction:
    return otherwise if limit.incl_vat is None else Fraction(limit.incl_vat)


def _minor(limit: Decimal | Fraction) -> Decimal:
    return half_up(Fraction(limit))


def half_up(amount: Fraction) -> Decimal:
    """To the minor unit."""
    return Decimal(floor(amount * 100 + Fraction(1, 2))).scaleb(-2)


def _billed(used: _Used, net: Decimal, gross: Decimal | None) -> Line:
    component = used.component
    volume = _shown(used.volume / _unit(used.what))
    return Line(used.what, volume, component.price, component.vat, net, gross)


def _unit(what: What) -> int:
    """Prices are per kWh and per hour; volumes are counted in Wh and seconds."""
    return {"ENERGY": 1000, "FLAT": 1, "RESERVATION_FLAT": 1}.get(what, 3600)


def _shown(volume: Fraction) -> Decimal:
    """A volume as it stands on a bill: six places, of hours less than a hundredth of a second."""
    return Decimal(floor(volume * 10**6 + Fraction(1, 2))).scaleb(-6).normalize() + 0


def _period_of(piece: Piece) -> Period:
    start = moment(piece.origin, piece.start)
    return Period(start, piece.state, _shown(piece.energy_wh), _shown(piece.seconds))


def _longer(period: Period, piece: Piece) -> Period:
    return Period(
        period.start,
        period.state,
        period.energy_wh + _shown(piece.energy_wh),
        period.seconds + _shown(piece.seconds),
    )


def _line(stored: Mapping[str, Any]) -> Line:
    numbers = {
        name: None if stored[name] is None else Decimal(stored[name])
        for name in ("volume", "price", "vat", "net", "gross")
    }
    return Line(what=stored["what"], **numbers)  # type: ignore[arg-type]


def _period(stored: Mapping[str, Any]) -> Period:
    return Period(
        datetime.fromisoformat(stored["start"]),
        stored["state"],
        Decimal(stored["energy_wh"]),
        Decimal(stored["seconds"]),
    )
