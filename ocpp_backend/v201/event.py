"""A TransactionEvent in the platform's terms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from ocpp_backend.samples import Sample
from ocpp_backend.transactions import Start
from ocpp_backend.v201.fields import Evse

# Triggers by which somebody may charge, whether or not the event says who.
AUTHORISED = {"Authorized", "RemoteStart"}


class TransactionEvent(NamedTuple):
    """`kind` is Started, Updated or Ended; `charging_state` as the status of a connector."""

    station_id: str
    ocpp_id: str
    kind: str
    trigger: str
    reported: datetime
    time: datetime
    evse: Evse | None
    id_token: str
    remote_start_id: int | None
    charging_state: str | None
    stopped_reason: str | None
    samples: Sequence[Sample]

    @property
    def has_user(self) -> bool:
        return bool(self.id_token) or self.remote_start_id is not None or self.trigger in AUTHORISED

    @property
    def newest(self) -> datetime:
        """The newest moment that it tells of."""
        return max((self.time, *(sample.timestamp for sample in self.samples)))

    def start(self, connector_id: int, meter_start: int | None) -> Start:
        return Start(
            station_id=self.station_id,
            connector_id=connector_id,
            id_tag=self.id_token,
            meter_start=meter_start,
            reported=self.reported,
            time=self.time,
            ocpp_id=self.ocpp_id,
        )
