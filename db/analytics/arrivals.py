"""When people came: sessions by the time of their start.

All that began count, also one that still runs or delivered nothing. By hour and weekday they are
`series.hour_by_weekday`.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from db.analytics.buckets import Bucket, Grain, buckets
from db.analytics.hours import by_hour
from db.analytics.scope import Period, Scope
from db.analytics.summed import summed
from db.sums import ARRIVALS_BY_HOUR


def whole(store: Session, scope: Scope, period: Period) -> int:
    """In the period as a whole."""
    return sum(values[0] for values in summed(store, scope, period, None, ("arrivals",)).values())


def series(store: Session, scope: Scope, period: Period, grain: Grain) -> dict[Bucket, int]:
    """In every bucket of the period, in order."""
    if grain == "hour":
        by_bucket = by_hour(store, scope, period, grain, ARRIVALS_BY_HOUR)
        return {bucket: by_bucket.get(bucket, 0) for bucket in buckets(period, grain)}
    found = dict.fromkeys(buckets(period, grain), 0)
    for (bucket, _), (number,) in summed(store, scope, period, grain, ("arrivals",)).items():
        if bucket is not None:
            found[bucket] += number
    return found
