"""What stations are called where one chooses among them: a select box knows an option by its text alone."""

from __future__ import annotations

from dashboard import loading
from db.analytics.scope import Scope
from ocpp_integration.naming import told_apart


def labels(scope: Scope) -> dict[int, str]:
    """By `ocpp_stations.id`: name and city, with the OCPP id where several would be called alike."""
    names = {pk: place.label for pk, place in loading.places(scope).items()}
    if len(set(names.values())) == len(names):
        return names
    return told_apart(names, {each.pk: each.station_id for each in loading.stations(scope)})
