"""What has to change of a station's connectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from ocpp_integration.platform.changes import ConnectorAdded, ConnectorChanged
from ocpp_integration.platform.errors import StationRejected
from ocpp_integration.platform.known import KnownConnector
from ocpp_integration.platform.listing import WantedConnector
from ocpp_integration.platform.numbering import number, numbers_by_id


def connector_changes(
    id: UUID,
    station_id: str,
    known: Sequence[KnownConnector],
    wanted: Sequence[WantedConnector],
    *,
    exhaustive: bool = False,
) -> Iterator[ConnectorAdded | ConnectorChanged]:
    """`id` and `station_id` name the station. Where the list is `exhaustive`, what it lacks is deactivated.

    Raises `StationRejected`.
    """
    numbers = number(known, wanted)
    _check_numbers(known, wanted, numbers)
    known_fields = {each.number: each.fields for each in known}
    for each, its_number in zip(wanted, numbers, strict=True):
        if (before := known_fields.get(its_number)) is None:
            yield ConnectorAdded(id, station_id, its_number, _columns(each))
            continue
        for field, after in _columns(each).items():
            if before[field] != after:
                yield ConnectorChanged(id, station_id, its_number, field, before[field], after)
    if exhaustive:
        for its_number, fields in known_fields.items():
            if fields["is_active"] and its_number not in numbers:
                yield ConnectorChanged(id, station_id, its_number, "is_active", True, False)


def _check_numbers(
    known: Sequence[KnownConnector], wanted: Sequence[WantedConnector], numbers: Sequence[int]
) -> None:
    """A list that gives numbers may contradict the platform's ids. Raises `StationRejected`."""
    if len(set(numbers)) < len(numbers):
        raise StationRejected("two of its connectors have the same number")
    by_id = numbers_by_id(known)
    for each, its_number in zip(wanted, numbers, strict=True):
        if (its_own := by_id.get((each.external_id, each.unit), its_number)) != its_number:
            raise StationRejected(f"connector {each.external_id} has the number {its_own}, which stays")


def _columns(wanted: WantedConnector) -> dict[str, Any]:
    """What is to stand in the columns of a connector that is listed."""
    external = {"external_id": wanted.external_id, "unit": wanted.unit} if wanted.external_id else {}
    return {**wanted.fields, **external, "is_active": True}
