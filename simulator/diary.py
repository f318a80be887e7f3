"""What the simulator did, as JSON lines, so that it can be compared with what arrived elsewhere."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import IO

from simulator.fleet import Outage
from simulator.messages import Stopped


class Diary:
    """Counts everything, and writes it to `lines` where given: one JSON object each, times in ISO 8601.

    Events: `transaction` (once its stop was answered, or with `delivered` false where it was given up or the
    simulator ends before; with `stop_sent` false where the charge point forgets the stop), `faulted` and
    `unavailable` (a connector, when it is over), `offline` (a window without connection).
    """

    def __init__(self, lines: IO[str] | None = None) -> None:
        self._lines = lines
        self._counts: Counter[str] = Counter()
        self._energy_wh = 0

    def transaction(self, station_id: str, stop: Stopped, *, delivered: bool) -> None:
        transaction = stop.transaction
        self._energy_wh += stop.energy_wh
        self._write(
            "transaction",
            station_id=station_id,
            connector_id=transaction.connector_id,
            key=transaction.key,
            transaction_id=transaction.transaction_id,
            id_tag=transaction.id_tag,
            start_time=transaction.start_time,
            stop_time=stop.time,
            meter_start=transaction.meter_start,
            meter_stop=stop.meter_stop,
            energy_wh=stop.energy_wh,
            reason=stop.reason,
            delivered=delivered,
            stop_sent=not stop.forgotten,
        )

    def out_of_order(
        self, outage: Outage, station_id: str, connector_id: int, start: datetime, end: datetime
    ) -> None:
        self._write(
            outage.status,
            station_id=station_id,
            connector_id=connector_id,
            start=start,
            end=end,
            error_code=outage.error_code,
            vendor_error_code=outage.vendor_error_code,
        )

    def offline(self, station_id: str, start: datetime, end: datetime) -> None:
        self._write("offline", station_id=station_id, start=start, end=end)

    def summary(self) -> str:
        counts = ", ".join(_counted(count, event) for event, count in sorted(self._counts.items()))
        return f"{counts or 'nothing'}; {self._energy_wh / 1000:.3f} kWh"

    def _write(self, event: str, **fields: object) -> None:
        self._counts[event] += 1
        if self._lines is not None:
            print(json.dumps({"event": event, **fields}, default=_iso), file=self._lines, flush=True)


def _counted(count: int, event: str) -> str:
    # Of the words, only this one has a plural: the others say how something was.
    return f"{count} {event}{'s' if event == 'transaction' and count != 1 else ''}"


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the diary")
