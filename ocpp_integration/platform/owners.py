"""Whose stations they are: owners that are new, and one that has another name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from ocpp_integration.platform.changes import Change, OwnerAdded, OwnerRenamed, StationAdded, StationChanged
from ocpp_integration.platform.known import Known, KnownStation
from ocpp_integration.platform.listing import Listing, StationKey
from ocpp_integration.platform.sources import PLATFORM


def renamed_owner(
    known: Known, listing: Listing, find: Callable[[StationKey], KnownStation | None]
) -> OwnerRenamed | None:
    """Whether the token's owner has a new name, and not its stations a new owner.

    Whoever signs in for an owner sees its stations, so this must be sure: everything that the store has of
    the old name came from this list, and the whole list has the one new name, which nobody had.
    """
    own = [each for each in listing.stations if each.is_own]
    before = {station.owner for each in own if (station := find(each.key))}
    after = {each.owner for each in own}
    if not listing.complete or len(before) != 1 or len(after) != 1:
        return None
    (old,), (new,) = before, after
    if new is None or new in known.owners or any(each.owner == old for each in listing.stations):
        return None
    sure = all(station.source == PLATFORM for station in known.stations if station.owner == old)
    return OwnerRenamed(old, new) if sure else None


def owner_changes(
    changes: Iterable[Change], known: Collection[str], renamed: OwnerRenamed | None
) -> Iterator[OwnerAdded | OwnerRenamed]:
    """What has to happen to owners before the changes can."""
    names = set(known)
    if renamed:
        names.add(renamed.after)
        yield renamed
    for change in changes:
        name = _owner_needed(change)
        if name is not None and name not in names:
            names.add(name)
            yield OwnerAdded(name)


def _owner_needed(change: Change) -> str | None:
    if isinstance(change, StationAdded):
        return change.owner
    if isinstance(change, StationChanged) and change.field == "owner":
        return str(change.after)
    return None
