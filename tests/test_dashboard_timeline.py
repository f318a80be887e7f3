"""What the timeline of a station and the map show of what is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.stations import map as station_map
from dashboard.stations.row import NO_FIGURES, StationNow
from dashboard.stations.timeline import readable
from db.analytics.availability import StatusSpan
from db.analytics.outcome import DOWN_STATUSES
from db.analytics.stations import Station

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def log_of(*parts: tuple[str, int]) -> list[StatusSpan]:
    """Statuses one after the other, each for so many minutes."""
    spans, at = [], NOW
    for status, minutes in parts:
        spans.append(StatusSpan(status, at, at := at + timedelta(minutes=minutes)))
    return spans


def minutes_of(spans: list[StatusSpan]) -> list[tuple[str, int]]:
    return [(span.status, int((span.end - span.start).total_seconds()) // 60) for span in spans]


def test_of_what_is_too_short_to_be_seen_the_longest_stands_for_all() -> None:
    log = log_of(("available", 90), ("preparing", 1), ("charging", 20), ("finishing", 2), ("available", 90))
    assert minutes_of(readable(log, timedelta(hours=1))) == [
        ("available", 90),
        ("charging", 23),
        ("available", 90),
    ]


def test_an_outage_of_a_minute_is_seen_in_a_year() -> None:
    log = log_of(("available", 10), ("faulted", 1), ("available", 10))
    assert ("faulted", 1) in minutes_of(readable(log, timedelta(hours=12)))


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from(["available", "charging", "faulted", "offline"]), st.integers(1, 300)))
)
def test_no_time_is_lost_and_down_time_stays_what_it_was(parts: list[tuple[str, int]]) -> None:
    log = log_of(*parts)
    found = readable(log, timedelta(hours=1))

    def total(spans: list[StatusSpan], *, down: bool) -> int:
        return sum(minutes for status, minutes in minutes_of(spans) if not down or status in DOWN_STATUSES)

    assert total(found, down=False) == total(log, down=False)
    assert total(found, down=True) == total(log, down=True)


def at_place(
    pk: int, latitude: float | None, longitude: float | None, *, is_online: bool = True
) -> StationNow:
    station = Station(
        pk=pk,
        station_id=f"S{pk}",
        name=f"<b>{pk}</b>",
        owner="",
        address="",
        city="",
        country="",
        latitude=latitude,
        longitude=longitude,
        timezone="UTC",
        is_active=True,
        is_online=is_online,
        heard_at=None,
        vendor="",
        model="",
        firmware_version="",
    )
    return StationNow(station, [], NO_FIGURES)


def test_stations_that_would_cover_each_other_are_one_point_in_the_worst_state() -> None:
    found = [at_place(1, 9.0, 38.7), at_place(2, 9.001, 38.701, is_online=False), at_place(3, 11.6, 37.4)]
    points = {pks: trace.name for trace in station_map.station_map(found).data for pks in trace.customdata}
    assert points == {"1,2": "Offline", "3": "Other"}


def test_a_single_station_and_names_with_tags_make_a_map() -> None:
    figure = station_map.station_map([at_place(1, -33.9, 151.2)])
    assert figure.data[0].text == ("&lt;b&gt;1&lt;/b&gt;",)
    low, high = figure.layout.xaxis.range
    assert low < 151.2 < high


def test_who_has_no_coordinates_is_not_on_the_map() -> None:
    assert station_map.located([at_place(1, None, None), at_place(2, 0.0, 0.0)])[0].station.pk == 2


def test_a_name_that_would_cover_another_is_left_to_the_hover() -> None:
    found = [at_place(n, 9 + n // 3 * 0.01, 38.7 + n % 3 * 0.01) for n in range(9)]

    def named(width: int) -> int:
        return sum(map(bool, station_map.station_map(found, width).data[0].text))

    assert 0 < named(station_map.NARROW) < named(station_map.WIDE) == len(found)
