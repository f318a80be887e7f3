"""How long sites were full: Atlas's site congestion.

A site is a station; it is congested while all of its connectors that are open are occupied at once. The rate
is over the time in which it is open (`db.analytics.capacity`), and of several sites that of their sums. A
session of an unknown connector counts for the only one of its station, and for none where there are several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, Key, buckets, parts
from db.analytics.capacity import Port, ports
from db.analytics.ended import Charge, charges
from db.analytics.scope import Period, Scope
from db.analytics.spans import Span, all_at_once, intersection, union


@dataclass(frozen=True)
class Congestion:
    """Times summed over sites."""

    congested: timedelta = timedelta()
    open: timedelta = timedelta()

    @property
    def share(self) -> float | None:
        """None where no site was open."""
        return self.congested / self.open if self.open else None


def whole(store: Session, scope: Scope, period: Period, now: datetime) -> Congestion:
    """Of the period as a whole, up to now."""
    sites = by_site(store, scope, period, now).values()
    return Congestion(
        sum((site.congested for site in sites), timedelta()), sum((site.open for site in sites), timedelta())
    )


def by_site(store: Session, scope: Scope, period: Period, now: datetime) -> dict[int, Congestion]:
    """Of each site that was open in the period, by its `ocpp_stations.id`."""
    return {
        site[0].station_pk: Congestion(_total(full), _total(opening))
        for site, full, opening in _sites(store, scope, period, now)
    }


def series(
    store: Session, scope: Scope, period: Period, grain: Grain, now: datetime
) -> dict[Bucket, Congestion]:
    """Of every bucket of the period, in order."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for site, full, opening in _sites(store, scope, period, now):
        for column, spans in enumerate((full, opening)):
            for span in spans:
                for key, begun, ended in parts(site[0].timezone, *_seconds(span), grain):
                    sums[key][column] += ended - begun
    return {
        bucket: Congestion(*(timedelta(seconds=seconds) for seconds in sums.get(bucket, (0, 0))))
        for bucket in buckets(period, grain)
    }


def congested(occupied: Iterable[Iterable[Span]], opening: Sequence[Span]) -> list[Span]:
    """When in a site's open time all of its connectors were occupied at once.

    `occupied` holds the spans of each connector, also of one that was never used.
    """
    return intersection(all_at_once(occupied), opening)


def _sites(
    store: Session, scope: Scope, period: Period, now: datetime
) -> Iterator[tuple[list[Port], list[Span], list[Span]]]:
    """The ports of each site that was open, when it was full, and when it was open."""
    sites: dict[int, list[Port]] = defaultdict(list)
    for port in ports(store, scope):
        start, end = port.open_in(period, now)
        if start < end:
            sites[port.station_pk].append(port)
    occupied = _occupied(charges(store, scope, period), sites)
    for site in sites.values():
        open_spans = [_span(*port.open_in(period, now)) for port in site]
        opening = union(open_spans)
        # A connector that is not open takes nobody in either.
        taken = [
            [*occupied[port.pk], *_without(opening, open_span)]
            for port, open_span in zip(site, open_spans, strict=True)
        ]
        yield site, congested(taken, opening), opening


def _occupied(found: Iterable[Charge], sites: dict[int, list[Port]]) -> dict[int, list[Span]]:
    occupied: dict[int, list[Span]] = defaultdict(list)
    for charge in found:
        site = sites.get(charge.station_pk, [])
        if charge.begun < charge.ended and site:
            pk = charge.connector_pk or (site[0].pk if len(site) == 1 else 0)
            occupied[pk].append(_span(charge.begun, charge.ended))
    return occupied


def _without(opening: Sequence[Span], open_span: Span) -> list[Span]:
    rest = [Span(opening[0].start, open_span.start), Span(open_span.end, opening[-1].end)]
    return [span for span in rest if span.start < span.end]


def _span(start: int, end: int) -> Span:
    return Span(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))


def _seconds(span: Span) -> tuple[int, int]:
    return int(span.start.timestamp()), int(span.end.timestamp())


def _total(spans: Iterable[Span]) -> timedelta:
    return sum((span.length for span in spans), timedelta())
