"""What stations are called where one chooses among them: a select box knows an option by its text alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from dashboard import loading
from db.analytics.scope import Scope

K = TypeVar("K")


def labels(scope: Scope) -> dict[int, str]:
    """By `ocpp_stations.id`: name and city, with the OCPP id where several would be called alike."""
    names = {pk: place.label for pk, place in loading.places(scope).items()}
    if len(set(names.values())) == len(names):
        return names
    return told_apart(names, {each.pk: each.station_id for each in loading.stations(scope)})


def told_apart(names: Mapping[K, str], ids: Mapping[K, str]) -> dict[K, str]:
    """The names, with its id behind each that another has as well."""
    often = Counter(names.values())
    return {key: name if often[name] == 1 else f"{name} ({ids.get(key, key)})" for key, name in names.items()}
