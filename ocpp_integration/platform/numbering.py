"""Which OCPP number each connector of a list has: numbers stay with their connectors for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ocpp_integration.platform.known import KnownConnector
from ocpp_integration.platform.listing import WantedConnector

Rule = Callable[[KnownConnector, WantedConnector], bool]


def number(known: Sequence[KnownConnector], wanted: Sequence[WantedConnector]) -> list[int]:
    """The number of each wanted connector, in their order.

    A connector is recognised by its number or by the platform's id. What is left may be one that was known
    without an id, or under an id of the other kind: an installation that goes from integers to UUIDs gives
    every connector a new one. All others are new, and numbered on from the greatest number there ever was.
    """
    numbers: dict[int, int] = {}
    by_id = numbers_by_id(known)
    for position, each in enumerate(wanted):
        at = each.number or by_id.get((each.external_id, each.unit))
        if at is not None:
            numbers[position] = at
    free = [each for each in known if each.number not in numbers.values()]
    for rule in _RULES:
        for position, each in enumerate(wanted):
            if position not in numbers:
                for candidate in free:
                    if _may_be(candidate, each) and rule(candidate, each):
                        numbers[position] = candidate.number
                        free.remove(candidate)
                        break
    _number_on(numbers, len(wanted), (each.number for each in known))
    return [numbers[position] for position in range(len(wanted))]


def numbers_by_id(known: Iterable[KnownConnector]) -> dict[tuple[str | None, int], int]:
    """The numbers of connectors that have an id of the platform's, by it and their unit."""
    return {(each.external_id, each.unit): each.number for each in known if each.external_id}


def _number_on(numbers: dict[int, int], count: int, ever: Iterable[int]) -> None:
    greatest = max([*ever, *numbers.values()], default=0)
    for position in range(count):
        if position not in numbers:
            greatest += 1
            numbers[position] = greatest


def _may_be(known: KnownConnector, wanted: WantedConnector) -> bool:
    if known.external_id is None or wanted.external_id is None:
        return known.external_id is None
    return known.external_id.isdecimal() != wanted.external_id.isdecimal()


def _same_token(known: KnownConnector, wanted: WantedConnector) -> bool:
    token = wanted.fields.get("qr_code_token")
    return token is not None and token == known.fields["qr_code_token"] and known.unit == wanted.unit


def _same_type(known: KnownConnector, wanted: WantedConnector) -> bool:
    return bool(known.fields["connector_type"] == wanted.fields.get("connector_type"))


def _same_type_and_power(known: KnownConnector, wanted: WantedConnector) -> bool:
    return _same_type(known, wanted) and known.fields["power_w"] == wanted.fields.get("power_w")


def _unknown_type(known: KnownConnector, _wanted: WantedConnector) -> bool:
    """Imported sessions tell that a connector is there, not what it is."""
    return known.fields["connector_type"] == "other" and known.fields["power_w"] is None


_RULES: tuple[Rule, ...] = (_same_token, _same_type_and_power, _same_type, _unknown_type)
