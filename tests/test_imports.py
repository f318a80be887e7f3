"""Sessions from CSV files: what is added, left out, flagged; what a bad file changes (nothing)."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from factories import add_owner, add_station, make_store
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from db import rollups
from db.analytics import kpis, series
from db.analytics.scope import Period, Scope
from db.engine import reading, writing
from db.models import (
    ChargingSession,
    ChargingStation,
    OCPPConnector,
    OCPPStation,
    Rollup,
    StationOwner,
)
from ocpp_integration.errors import NotFound
from ocpp_integration.imports import (
    EndedSession,
    ImportRefused,
    ImportReport,
    UnreadableFile,
    UnwritableRejects,
    import_sessions,
    insert_sessions,
)
from ocpp_integration.imports.checks import ERRORS
from ocpp_integration.imports.insertion import add_sessions
from ocpp_integration.imports.layout import FIELDS
from ocpp_integration.imports.stations import Stations

ROOT = Path(__file__).resolve().parent.parent
ACN = ROOT.parent / "shared" / "data" / "acn_sessions.csv.gz"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = "session_id,station_id,start_time,stop_time,energy_kwh"
GOOD = "S1,BOLE-01,2026-01-31T08:00:00Z,2026-01-31T09:00:00Z,20.5"


@dataclass
class Importer:
    """Writes files and imports them into a store of its own."""

    engine: Engine
    folder: Path

    def write(self, *lines: str, name: str = "sessions.csv") -> Path:
        file = self.folder / name
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def run(self, file: Path, timezone: str = "Africa/Addis_Ababa", **options: object) -> ImportReport:
        arguments: dict[str, object] = {"rejects": self.folder / "rejects.csv", "now": NOW} | options
        return import_sessions(self.engine, file, timezone=timezone, **arguments)  # type: ignore[arg-type]

    def rows(self, *lines: str, header: str = HEADER, **options: object) -> ImportReport:
        return self.run(self.write(header, *lines), **options)  # type: ignore[arg-type]

    def sessions(self) -> list[ChargingSession]:
        with reading(self.engine) as store:
            return list(store.scalars(select(ChargingSession).order_by(ChargingSession.external_id)))

    def session(self) -> ChargingSession:
        (session,) = self.sessions()
        return session

    def rejects(self) -> list[dict[str, str]]:
        with (self.folder / "rejects.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def reason(self, row: str, header: str = HEADER, **options: object) -> str:
        """Why the one row was left out."""
        report = self.rows(row, header=header, **options)
        assert (report.added, report.rejected) == (0, 1)
        return self.rejects()[0]["reason"]

    def count(self, model: type) -> int:
        with reading(self.engine) as store:
            return store.scalar(select(func.count()).select_from(model)) or 0

    def is_untouched(self) -> bool:
        models = (ChargingSession, ChargingStation, OCPPStation, OCPPConnector, StationOwner, Rollup)
        return not any(self.count(model) for model in models)


@pytest.fixture
def importer(sqlite: Engine, tmp_path: Path) -> Importer:
    return Importer(sqlite, tmp_path)


# The real file


@dataclass
class RealImport:
    importer: Importer
    first: ImportReport
    second: ImportReport


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> RealImport:
    if not ACN.exists():
        pytest.skip(f"the ACN sessions are not at {ACN}")
    folder = tmp_path_factory.mktemp("acn")
    importer = Importer(make_store(folder), folder)
    first = importer.run(ACN, timezone="America/Los_Angeles", currency="USD")
    return RealImport(importer, first, importer.run(ACN, timezone="America/Los_Angeles"))


def test_every_session_of_the_real_file_is_added(real: RealImport) -> None:
    assert (real.first.rows, real.first.added, real.first.rejected) == (30_114, 30_114, 0)


def test_the_energy_of_the_real_file_is_kept_to_the_last_watt_hour(real: RealImport) -> None:
    assert real.first.energy_wh == 442_037_230


def test_the_stations_of_the_real_file_are_created(real: RealImport) -> None:
    assert (real.first.new_stations, real.first.new_connectors) == (52, 52)


def test_importing_the_real_file_again_adds_nothing(real: RealImport) -> None:
    assert (real.second.added, real.second.already_there, real.second.new_stations) == (0, 30_114, 0)


def test_the_tiles_over_the_whole_period_equal_the_real_file(real: RealImport) -> None:
    with reading(real.importer.engine) as store:
        first, last = series.first_and_last_day(store, Scope.network()) or (None, None)
        assert first and last
        summary = kpis.summary(store, Scope.network(), Period(first, last + timedelta(days=1)), NOW)
    assert (summary.sessions, summary.energy_wh) == (30_114, 442_037_230)


def test_the_real_files_days_are_those_that_pandas_finds(real: RealImport) -> None:
    table = pd.read_csv(ACN, dtype=str)
    ended = pd.to_datetime(table["connection_end"], utc=True).dt.tz_convert("America/Los_Angeles")
    wh = table["energy_kwh"].map(lambda kwh: int(Decimal(kwh) * 1000))
    expected = wh.groupby(ended.dt.date).agg(["size", "sum"])
    with reading(real.importer.engine) as store:
        rows = store.execute(
            select(Rollup.bucket, Rollup.sessions, Rollup.energy_wh).where(
                Rollup.scope == "network", Rollup.grain == "day", Rollup.sessions > 0
            )
        )
        found = {bucket: (sessions, energy_wh) for bucket, sessions, energy_wh in rows}
    assert found == {day: (row["size"], row["sum"]) for day, row in expected.iterrows()}


def test_the_sums_of_the_real_file_are_those_computed_anew_from_its_rows(real: RealImport) -> None:
    first, last = date(2018, 10, 1), date(2021, 9, 30)
    with reading(real.importer.engine) as store:
        assert rollups.stored(store, first, last) == rollups.computed(store, first, last)


# What a row becomes


def test_a_session_keeps_what_its_row_says(importer: Importer) -> None:
    importer.rows(
        "S1,BOLE-01,2,TAG,2026-01-31T11:00:00+03:00,2026-01-31T09:00:00Z,3000,20.5,58.9,410,USD,local",
        header="session_id,station_id,connector_id,user_id,start_time,stop_time,charging_seconds,energy_kwh,"
        "max_power_kw,cost,currency,stop_reason",
    )
    session = importer.session()
    assert (session.source, session.external_id, session.id_tag) == ("import", "S1", "TAG")
    assert session.start_time == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert session.stop_time == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert (session.energy_wh, session.max_power_w, session.charging_seconds) == (20_500, 58_900, 3000)
    assert (session.cost, session.payment_status) == (Decimal("410.00"), "completed")
    assert (session.status, session.stop_reason, session.flags) == ("completed", "Local", [])


def test_a_row_without_a_cost_gets_none(importer: Importer) -> None:
    importer.rows(GOOD)
    session = importer.session()
    assert (session.cost, session.tax, session.tariff_id, session.payment_status) == (
        None,
        None,
        None,
        "pending",
    )


def test_charging_time_comes_from_its_start_and_end_where_it_is_not_given(importer: Importer) -> None:
    importer.rows(
        f"{GOOD},2026-01-31T08:00:00Z,2026-01-31T08:40:00Z", header=f"{HEADER},charging_start,charging_end"
    )
    assert importer.session().charging_seconds == 2400


def test_energy_is_rounded_half_up_to_whole_watt_hours(importer: Importer) -> None:
    importer.rows(GOOD.replace("20.5", "20.0005"))
    assert importer.session().energy_wh == 20_001


def test_the_cost_of_imported_sessions_is_revenue(importer: Importer) -> None:
    importer.rows(f"{GOOD},410.25", header=f"{HEADER},cost")
    with reading(importer.engine) as store:
        day = date(2026, 1, 31)
        summary = kpis.summary(store, Scope.network(), Period(day, day + timedelta(days=1)), NOW)
    assert summary.revenue == {"ETB": Decimal("410.25")}


def test_a_header_may_be_in_any_order_and_case_and_have_more_columns(importer: Importer) -> None:
    report = importer.rows(
        "20,red,S1,2026-01-31T09:00:00Z,2026-01-31T08:00:00Z,BOLE-01",
        header="Energy_kWh,Colour,SESSION_ID,stop_time,Start time,station_id",
    )
    assert (report.added, report.ignored_columns) == (1, ("colour",))


def test_a_byte_order_mark_is_no_part_of_the_header(importer: Importer) -> None:
    file = importer.folder / "bom.csv"
    file.write_text(f"{HEADER}\n{GOOD}\n", encoding="utf-8-sig")
    assert importer.run(file).added == 1


def test_a_compressed_file_is_recognised_whatever_it_is_called(importer: Importer) -> None:
    file = importer.folder / "sessions.csv"
    file.write_bytes(gzip.compress(f"{HEADER}\n{GOOD}\n".encode()))
    assert importer.run(file).added == 1


def test_lines_may_end_as_on_windows_and_be_blank(importer: Importer) -> None:
    file = importer.folder / "sessions.csv"
    file.write_bytes(f"{HEADER}\r\n\r\n{GOOD}\r\n\r\n".encode())
    assert importer.run(file).rows == 1


def test_a_file_of_a_spreadsheet_is_read_as_it_was_saved(importer: Importer) -> None:
    file = importer.folder / "excel.csv"
    lines = (
        "session_id;station_id;start_time;stop_time;energy_kwh;cost",
        "",
        "1;BOLE-01;31/01/2026 8:30;31/01/2026 9:12 PM;21,48;1257,5",
        ";;;;;",
        "2;BOLE-01;2026-01-31 08:30;2026-01-31 09:12;7;0,00",
    )
    file.write_text("\r\n".join(lines), encoding="utf-8-sig", newline="")
    assert importer.run(file, dates="day-first").rows == 2
    first, second = importer.sessions()
    assert (first.energy_wh, first.cost) == (21480, Decimal("1257.50"))
    assert first.start_time == datetime(2026, 1, 31, 5, 30, tzinfo=UTC)
    assert first.stop_time == datetime(2026, 1, 31, 18, 12, tzinfo=UTC)
    assert second.energy_wh == 7000


@pytest.mark.parametrize(
    ("separator", "energy", "decimals", "energy_wh"),
    [
        (";", "1.5", "point", 1500),
        (",", '"1,5"', "comma", 1500),
        ("\t", "1.5", None, 1500),
        (";", "1.234", None, None),
        (";", "1.234,5", None, None),
        (",", '"1,234"', None, None),
    ],
)
def test_a_number_is_never_a_thousand_times_what_was_meant(
    importer: Importer, separator: str, energy: str, decimals: str | None, energy_wh: int | None
) -> None:
    header = "session_id,station_id,start_time,stop_time,energy_kwh".replace(",", separator)
    row = separator.join(("1", "BOLE-01", "2026-01-31 08:30", "2026-01-31 09:12", energy))
    importer.rows(row, header=header, decimals=decimals)
    assert [session.energy_wh for session in importer.sessions()] == ([energy_wh] if energy_wh else [])


@pytest.mark.parametrize(
    ("dates", "clock", "reason"),
    [
        (None, "08:30", "may be of two days"),
        ("month-first", "08:30", "is no date and time that there was, month first"),
        ("day-first", "13:00 AM", "is no date and time that there was, day first"),
    ],
)
def test_a_date_or_time_that_may_be_another_is_not_guessed(
    importer: Importer, dates: str | None, clock: str, reason: str
) -> None:
    row = f"1,BOLE-01,31/01/2026 {clock},31/01/2026 14:12,7"
    header = "session_id,station_id,start_time,stop_time,energy_kwh"
    assert reason in importer.reason(row, header=header, dates=dates)


def test_progress_ends_with_all_bytes_read(importer: Importer) -> None:
    told: list[tuple[int, int]] = []
    file = importer.write(HEADER, GOOD)
    importer.run(file, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (file.stat().st_size, file.stat().st_size)


# Times


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2025-07-01 12:00", datetime(2025, 7, 1, 19, tzinfo=UTC)),
        ("2025-12-01 12:00", datetime(2025, 12, 1, 20, tzinfo=UTC)),
        ("2025-07-01T12:00:00Z", datetime(2025, 7, 1, 12, tzinfo=UTC)),
        ("2025-07-01T12:00+03:00", datetime(2025, 7, 1, 9, tzinfo=UTC)),
    ],
)
def test_only_a_time_without_an_offset_is_read_on_the_local_clock(
    importer: Importer, local: str, utc: datetime
) -> None:
    importer.rows(f"S1,A,{local},2025-12-02T00:00:00Z,20", timezone="America/Los_Angeles")
    assert importer.session().start_time == utc


def test_a_time_that_the_clock_skipped_is_rejected(importer: Importer) -> None:
    reason = importer.reason("S1,A,2025-03-09 02:30,2025-03-09 04:00,20", timezone="America/Los_Angeles")
    assert "was never shown by a clock in America/Los_Angeles" in reason


def test_a_time_in_the_doubled_hour_is_the_first_and_flagged(importer: Importer) -> None:
    importer.rows("S1,A,2025-11-02 01:30,2025-11-02 03:00,20", timezone="America/Los_Angeles")
    session = importer.session()
    assert (session.start_time, session.flags) == (
        datetime(2025, 11, 2, 8, 30, tzinfo=UTC),
        ["ambiguous_time"],
    )


def test_a_stop_in_the_doubled_hour_is_the_second_where_the_first_lies_before_the_start(
    importer: Importer,
) -> None:
    importer.rows("S1,A,2025-11-02 01:50,2025-11-02 01:10,5", timezone="America/Los_Angeles")
    assert importer.session().stop_time == datetime(2025, 11, 2, 9, 10, tzinfo=UTC)


def test_a_session_counts_on_the_local_day_on_which_it_ended(importer: Importer) -> None:
    importer.rows("S1,A,2026-01-31 23:00,2026-02-01 00:30,20")
    with reading(importer.engine) as store:
        day = date(2026, 2, 1)
        (point,) = series.daily(store, Scope.network(), Period(day, day + timedelta(days=1)), NOW)
    assert point.energy_wh == 20_000


# What is left out


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("S1", "", "session_id is missing"),
        ("S1", "S" * 256, "session_id is longer than 255 characters"),
        ("BOLE-01", "A\0B", "station_id has characters that cannot be shown"),
        ("2026-01-31T08:00:00Z", "yesterday", "start_time is not a date and time"),
        ("2026-01-31T08:00:00Z", "2026-01-31", "start_time is not a date and time"),
        ("2026-01-31T08:00:00Z", "0001-01-01T00:00:00+14:00", "start_time is out of range"),
        ("2026-01-31T08:00:00Z", "1970-01-01T00:00:00Z", "start_time is before 2000"),
        ("2026-01-31T08:00:00Z", "2026-01-31T09:00:00Z", "the session lasted no time"),
        ("2026-01-31T08:00:00Z", "2026-01-31T09:30:00Z", "stop_time is before start_time"),
        ("2026-01-31T09:00:00Z", "2026-03-01T00:06:00Z", "stop_time is in the future"),
        ("20.5", "0", "energy_kwh is 0"),
        ("20.5", "0.0004", "energy_kwh is 0"),
        ("20.5", "-3", "energy_kwh is negative: -3"),
        ("20.5", "1000.001", "energy_kwh is above 1000"),
        ("20.5", "1e99", "energy_kwh is above 1000"),
        ("20.5", "NaN", "energy_kwh is not a number: NaN"),
        ("20.5", "1_000", "energy_kwh is not a number: 1_000"),
        ("20.5", '"20,5"', "energy_kwh is not a number: 20,5"),
        ("20.5", "20,5", "has 6 cells, the header has 5"),
    ],
)
def test_a_row_that_is_wrong_is_left_out_with_the_reason(
    importer: Importer, old: str, new: str, reason: str
) -> None:
    assert reason in importer.reason(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("connector_id", "0", "connector_id is not a connector's number"),
        ("connector_id", "left", "connector_id is not a whole number"),
        ("cost", "-1", "cost is not an amount"),
        ("currency", "Birr", "currency is not an ISO 4217 code"),
        ("charging_seconds", "1.5", "charging_seconds is not a whole number"),
        ("max_power_kw", "1e20", "max_power_kw is above 10000"),
    ],
)
def test_an_optional_cell_that_cannot_be_read_leaves_its_row_out(
    importer: Importer, column: str, cell: str, reason: str
) -> None:
    assert reason in importer.reason(f"{GOOD},{cell}", header=f"{HEADER},{column}")


def test_charging_that_ends_before_it_starts_leaves_its_row_out(importer: Importer) -> None:
    header = f"{HEADER},charging_start,charging_end"
    row = f"{GOOD},2026-01-31T08:40:00Z,2026-01-31T08:10:00Z"
    assert importer.reason(row, header=header) == "charging_end is before charging_start"


def test_every_reason_of_a_row_is_listed(importer: Importer) -> None:
    reason = importer.reason("S1,,2026-01-31T08:00:00Z,2026-01-31T09:00:00Z,much")
    assert reason == "station_id is missing; energy_kwh is not a number: much"


def test_the_good_rows_beside_a_bad_one_are_imported(importer: Importer) -> None:
    report = importer.rows(GOOD, GOOD.replace("S1", ""), GOOD.replace("S1", "S3"))
    assert (report.rows, report.added, report.rejected) == (3, 2, 1)


def test_rejects_are_listed_by_the_line_they_begin_on(importer: Importer) -> None:
    several_lines = '"S2","A",,,"many\nlines"'
    report = importer.rows(GOOD, several_lines, "S3,A,,,20")
    assert [row["line"] for row in importer.rejects()] == ["3", "5"]
    assert report.rejects == importer.folder / "rejects.csv"


def test_rejects_keep_the_cells_as_they_were(importer: Importer) -> None:
    importer.rows(GOOD.replace("20.5", "-3"))
    assert importer.rejects()[0]["energy_kwh"] == "-3"


def test_no_cell_of_the_rejects_is_a_formula(importer: Importer) -> None:
    importer.rows('S1,"=HYPERLINK(""http://example.org"")",,,20', "S2,@SUM(A1),,,20")
    assert [row["station_id"][:2] for row in importer.rejects()] == ["'=", "'@"]


def test_without_a_reject_no_rejects_file_is_written(importer: Importer) -> None:
    report = importer.rows(GOOD)
    assert report.rejects is None
    assert not (importer.folder / "rejects.csv").exists()


def test_rejects_go_to_the_current_directory_unless_told_otherwise(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = importer.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    importer.rows(GOOD.replace("20.5", "0"), rejects=None)
    assert (elsewhere / "sessions.rejects.csv").exists()


def test_rejects_never_overwrite_the_file_itself(importer: Importer) -> None:
    file = importer.write(HEADER, GOOD.replace("20.5", "0"))
    with pytest.raises(UnwritableRejects):
        importer.run(file, rejects=file)


def test_where_rejects_cannot_be_written_nothing_changes(importer: Importer) -> None:
    with pytest.raises(UnwritableRejects):
        importer.rows(GOOD, "S2,A,,,20", rejects=importer.folder / "missing" / "rejects.csv")
    assert importer.is_untouched()


def test_an_id_that_a_line_above_has_is_rejected(importer: Importer) -> None:
    report = importer.rows(GOOD, GOOD.replace("BOLE-01", "BOLE-02"))
    assert (report.added, importer.rejects()[0]["reason"]) == (1, "session_id S1 is on line 2 already")


def test_a_rejected_row_does_not_use_up_its_id(importer: Importer) -> None:
    assert importer.rows(GOOD.replace("20.5", "0"), GOOD).added == 1


def test_an_id_that_was_imported_for_another_session_is_rejected_not_taken_for_it(importer: Importer) -> None:
    importer.rows(GOOD)
    report = importer.rows(GOOD.replace("BOLE-01", "ADAMA-07"))
    assert (report.added, report.already_there, report.rejected, report.new_stations) == (0, 0, 1, 0)


def test_a_cost_in_another_currency_than_the_stations_is_rejected(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01")
    reason = importer.reason(f"{GOOD},5,USD", header=f"{HEADER},cost,currency")
    assert reason == "currency is USD, that of station BOLE-01 is ETB"


def test_unknown_stations_are_rejected_where_only_known_ones_are_wanted(importer: Importer) -> None:
    assert importer.reason(GOOD, known_stations_only=True) == "station BOLE-01 is not known"


# What is flagged


FLAGGED: list[tuple[str, str, str]] = [
    ("short_duration", f"{HEADER},charging_seconds", "S1,A,2026-01-31T08:00:00Z,2026-01-31T09:00:00Z,1,59"),
    ("short_duration", HEADER, "S1,A,2026-01-31T08:00:00Z,2026-01-31T08:00:59Z,1"),
    ("long_session", HEADER, "S1,A,2026-01-01T08:00:00Z,2026-01-03T08:00:01Z,20"),
    (
        "long_charging",
        f"{HEADER},charging_seconds",
        "S1,A,2026-01-01T08:00Z,2026-01-02T18:00Z,20,86401",
    ),
    ("low_energy", HEADER, "S1,A,2026-01-31T08:00:00Z,2026-01-31T09:00:00Z,0.499"),
    ("high_energy", HEADER, "S1,A,2026-01-31T08:00:00Z,2026-02-01T09:00:00Z,250.001"),
    (
        "charging_longer_than_session",
        f"{HEADER},charging_seconds",
        "S1,A,2026-01-31T08:00:00Z,2026-01-31T09:00:00Z,20,3601",
    ),
    ("unknown_stop_reason", f"{HEADER},stop_reason", f"{GOOD},went home"),
]


@pytest.mark.parametrize(("flag", "header", "row"), FLAGGED)
def test_a_doubtful_session_is_imported_with_a_flag(
    importer: Importer, flag: str, header: str, row: str
) -> None:
    report = importer.rows(row, header=header)
    assert (report.added, report.flagged, dict(report.flags)) == (1, 1, {flag: 1})
    assert importer.session().flags == [flag]


@pytest.mark.parametrize(("kwh", "flags"), [("12.10", []), ("12.11", ["power_above_rating"])])
def test_a_mean_power_above_eleven_tenths_of_the_rating_is_flagged(
    importer: Importer, kwh: str, flags: list[str]
) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01", connector_type="type2", power_w=11_000)
    importer.rows(GOOD.replace("20.5", kwh))
    assert importer.session().flags == flags


def test_a_greatest_power_above_eleven_tenths_of_the_rating_is_flagged(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01", power_w=60_000)
    importer.rows(f"{GOOD},66.1", header=f"{HEADER},max_power_kw")
    assert importer.session().flags == ["power_above_rating"]


# Stations


def test_a_station_first_seen_in_the_file_is_created_but_not_in_operation(importer: Importer) -> None:
    importer.rows(GOOD, owner_name="Fleet", currency="KES", timezone="Africa/Nairobi")
    with reading(importer.engine) as store:
        place = store.scalars(select(ChargingStation)).one()
        described = (place.name, place.owner.name, place.timezone, place.currency, place.is_active)
    assert described == ("BOLE-01", "Fleet", "Africa/Nairobi", "KES", False)


def test_a_new_station_has_the_currency_of_its_first_row(importer: Importer) -> None:
    importer.rows(f"{GOOD},5,USD", header=f"{HEADER},cost,currency")
    with reading(importer.engine) as store:
        assert store.scalar(select(ChargingStation.currency)) == "USD"


def test_a_known_station_keeps_its_owner_and_connectors(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01", connectors=1)
    report = importer.rows(GOOD)
    assert (report.new_stations, report.new_connectors, importer.count(StationOwner)) == (0, 0, 1)


def test_a_connector_first_seen_in_the_file_is_added_to_its_station(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01", connectors=1)
    report = importer.rows(f"{GOOD},2", header=f"{HEADER},connector_id")
    assert (report.new_stations, report.new_connectors) == (0, 1)


def test_a_rejected_row_creates_no_station(importer: Importer) -> None:
    importer.rows(GOOD.replace("20.5", "0"))
    assert importer.is_untouched()


# Files that cannot be read


def _compressed(rows: int = 2000) -> bytes:
    lines = [HEADER, *(GOOD.replace("S1", f"S{n}").replace("20.5", f"{n % 97 + 1}.{n}") for n in range(rows))]
    return gzip.compress("\n".join(lines).encode())


def _good_rows_and(tail: bytes) -> bytes:
    lines = [HEADER, *(GOOD.replace("S1", f"S{number}") for number in range(6000))]
    return "\n".join(lines).encode() + b"\n" + tail


UNREADABLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty"),
    "blank": (lambda: b"\n\n", "is empty"),
    "a damaged gzip file": (lambda: _compressed()[:200] + bytes(40) + _compressed()[240:], "damaged"),
    "half a gzip file": (lambda: _compressed()[:-2000], "ends in the middle"),
    "only the beginning of a gzip file": (lambda: b"\x1f\x8b\x08", "ends in the middle"),
    "a workbook": (lambda: b"PK\x03\x04" + bytes(100), "Excel"),
    "an image": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not UTF-8"),
    "UTF-16": (lambda: f"{HEADER}\n{GOOD}\n".encode("utf-16"), "not UTF-8"),
    "Latin-1, far down": (lambda: _good_rows_and("S,Zürich,,,1\n".encode("latin-1")), "not UTF-8"),
    "an open quote, far down": (lambda: _good_rows_and(b'"S,A,,,1\n'), "quotes"),
    "an endless cell": (lambda: _good_rows_and(b"S" * 200_000), "quotes"),
    "a missing column": (lambda: b"session_id,station_id,start_time,stop_time\n", "no column energy_kwh"),
    "a missing column with two names": (
        lambda: b"session_id,station_id,stop_time,energy_kwh\n",
        "no column start_time or connection_start",
    ),
    "a column twice": (
        lambda: f"{HEADER},connection_start\n".encode(),
        "More than one column gives start_time",
    ),
    "another table": (lambda: b"name,age\nAbebe,41\n", "Found: name, age"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_file_that_cannot_be_read_changes_nothing_and_says_why(importer: Importer, kind: str) -> None:
    content, meaning = UNREADABLE[kind]
    file = importer.folder / "sessions.csv.gz"
    file.write_bytes(content())
    with pytest.raises(UnreadableFile, match=re.escape(meaning)):
        importer.run(file)
    assert importer.is_untouched()
    assert sorted(path.name for path in importer.folder.glob("*rejects*")) == []


def test_a_file_that_is_not_there_is_unreadable(importer: Importer) -> None:
    with pytest.raises(UnreadableFile, match="there is no such file"):
        importer.run(importer.folder / "nothing.csv")


def test_a_folder_is_unreadable(importer: Importer) -> None:
    with pytest.raises(UnreadableFile, match="it is a folder"):
        importer.run(importer.folder)


def test_rejects_of_a_file_that_turns_out_unreadable_are_taken_back(importer: Importer) -> None:
    file = importer.folder / "sessions.csv"
    file.write_bytes(f"{HEADER}\nS0,A,,,1\n".encode() + _good_rows_and(b"\xff")[len(HEADER) + 1 :])
    with pytest.raises(UnreadableFile):
        importer.run(file)
    assert sorted(path.name for path in importer.folder.glob("*rejects*")) == []


def test_an_import_that_is_interrupted_changes_nothing(importer: Importer) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importer.run(importer.write(HEADER, GOOD), progress=interrupt)
    assert importer.is_untouched()


def test_an_unknown_time_zone_is_refused(importer: Importer) -> None:
    with pytest.raises(ImportRefused, match="No time zone is called Mars/Olympus"):
        importer.rows(GOOD, timezone="Mars/Olympus")


# Sessions that come from elsewhere than a file


def _ended(number: int = 1, **columns: object) -> EndedSession:
    start = datetime(2026, 1, 31, 8, tzinfo=UTC)
    known: dict[str, object] = {
        "external_id": f"D{number}",
        "station_id": "BOLE-01",
        "start_time": start,
        "stop_time": start + timedelta(hours=1),
        "energy_wh": 20_000,
    }
    return EndedSession(**known | columns)  # type: ignore[arg-type]


def test_inserted_sessions_are_added_once_per_source(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01")
        added = [insert_sessions(store, [_ended()], source=source) for source in ("demo", "demo", "import")]
    assert added == [1, 0, 1]


def test_inserted_sessions_are_in_the_sums(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01")
        failed = _ended(2, status="failed", energy_wh=0, stop_reason="PowerLoss")
        insert_sessions(store, [_ended(cost=Decimal("12.34")), failed], source="demo")
        day = date(2026, 1, 31)
        summary = kpis.summary(store, Scope.network(), Period(day, day + timedelta(days=1)), NOW)
    assert (summary.sessions, summary.attempts, summary.failed_attempts) == (1, 2, 1)
    assert (summary.energy_wh, summary.revenue) == (20_000, {"ETB": Decimal("12.34")})


def test_inserting_for_a_station_that_is_not_there_is_refused(importer: Importer) -> None:
    with pytest.raises(NotFound), writing(importer.engine) as store:
        insert_sessions(store, [_ended()], source="demo")


def test_a_session_that_is_there_already_cannot_be_added_unnoticed(importer: Importer) -> None:
    with writing(importer.engine) as store:
        add_station(store, add_owner(store), station_id="BOLE-01")
        insert_sessions(store, [_ended()], source="demo")
    with pytest.raises(IntegrityError), writing(importer.engine) as store:
        add_sessions(store, [_ended()], rollups.Changes(), source="demo", stations=Stations(store))


# The documentation


def test_the_documentation_lists_exactly_the_columns_that_are_read() -> None:
    text = (ROOT / "docs" / "import-format.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*?)\|(.*?)\|.*\|$", text, re.MULTILINE)
    documented = {
        name: (set(re.findall(r"`(\w+)`", others)), needed.strip() == "yes") for name, others, needed in rows
    }
    assert documented == {field.name: (set(field.names[1:]), field.required) for field in FIELDS}


def test_the_example_of_the_documentation_can_be_imported(importer: Importer) -> None:
    text = (ROOT / "docs" / "import-format.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    report = importer.run(importer.write(example.strip()))
    assert (report.added, report.rejected, report.flagged) == (2, 0, 0)


def test_every_error_can_be_told_apart() -> None:
    assert len(ERRORS) == len(set(ERRORS))
