"""Sessions that cannot be as they were reported: held back, decided about, and in the sums as decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import factories
import pytest
from dashboard_pages import OpenPage, opening_pages, text_of
from one_station import TODAY, add_network, differing_in, session_of, sums_of
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session
from webhooks import NOON, STATION, at, progress, started, stopped, tell

import manage
from dashboard import loading, visitor
from dashboard.quarantine import orders
from db import rollups
from db.analytics import flags, kpis, series
from db.analytics.scope import Period, Scope
from db.analytics.sessions import SessionFilter, count_sessions, each_session, each_session_at_place
from db.engine import reading, writing
from db.models import AuditEntry, ChargingSession, OCPPStation, Rollup, SessionDecision, User, utc_now
from management.commands import quarantine as commands
from ocpp_integration import quarantine
from ocpp_integration.errors import InvalidRequest, NotFound
from ocpp_integration.exports import ev_chart, ocpi
from ocpp_integration.imports import EndedSession, import_sessions, insert_sessions
from ocpp_integration.judging_history import judge_history
from ocpp_integration.lifecycle import update_session
from ocpp_integration.quarantine import CannotDecide, Correction
from settings import ROOT, load
from webhook_receiver import serializers

PERIOD = Period(TODAY, TODAY + timedelta(days=1))


@pytest.fixture
def network(engine: Engine) -> Engine:
    """One station with two connectors of 60 kW at 10 ETB/kWh, and an admin."""
    add_network(engine)
    with writing(engine) as store:
        factories.add_user(store, "admin")
    return engine


def _overcharge(engine: Engine) -> int:
    """A session of 910 kWh in ten minutes at 60 kW; returns its key."""
    tell(engine, started(0), stopped(600, meter_stop=911_000))
    return session_of(engine).id


def _decide(engine: Engine, decision: Callable[..., None], pk: int, *more: Any) -> None:
    with writing(engine) as store:
        user = store.scalars(select(User).where(User.user_name == "admin")).one()
        decision(store, user, pk, *more, "looked at the meter")


def _correct(engine: Engine, pk: int, energy_wh: int, cost: Decimal | None = None) -> None:
    _decide(engine, quarantine.correct, pk, Correction(energy_wh, cost))


def _summary(engine: Engine) -> tuple[int, int, int, dict[str, Decimal]]:
    with reading(engine) as store:
        found = kpis.summary(store, Scope.network(), PERIOD, at(3600))
    return found.sessions, found.attempts, found.energy_wh, found.revenue


def _rebuilt(engine: Engine) -> rollups.Sums:
    with writing(engine) as store:
        rollups.rebuild(store, TODAY, TODAY)
    return sums_of(engine)


# What is held


def test_a_session_that_cannot_be_is_held_and_in_no_sum(network: Engine) -> None:
    _overcharge(network)
    session = session_of(network)
    assert (session.verdict, session.energy_wh, session.cost) == ("held", 910_000, Decimal("9100.00"))
    assert session.flags == ["energy_beyond_connector", "high_energy", "power_above_rating"]
    assert (_summary(network), sums_of(network), _rebuilt(network)) == ((0, 0, 0, {}), {}, {})
    with reading(network) as store:
        assert series.top_stations(store, Scope.network(), PERIOD) == []
        assert series.first_and_last_day(store, Scope.network()) is None


def test_a_session_that_can_be_is_counted(network: Engine) -> None:
    tell(network, started(0), stopped(600))
    assert (session_of(network).verdict, _summary(network)[:3]) == ("counted", (1, 1, 8000))


def test_a_session_that_runs_has_no_verdict(network: Engine) -> None:
    tell(network, started(0), progress(60, 900))
    assert session_of(network).verdict is None


def test_a_failed_attempt_is_no_session_but_an_attempt(network: Engine) -> None:
    tell(network, started(0), stopped(90, meter_stop=1000))
    assert (session_of(network).verdict, session_of(network).flags) == ("counted", ["no_energy"])
    assert _summary(network)[:3] == (0, 1, 0)


def test_a_register_below_its_start_is_held_where_nothing_else_tells_the_energy(network: Engine) -> None:
    tell(network, started(0, meter_start=9000), stopped(600, meter_stop=2000))
    assert (session_of(network).verdict, session_of(network).flags) == ("held", ["negative_energy"])


def test_v4c_a_reset_that_was_told_is_flagged_and_counted(network: Engine) -> None:
    reset = stopped(900, meter_stop=2900, energy_consumed_kwh=8.9, meter_reset=True)
    tell(network, started(0, meter_start=120_000), reset)
    session = session_of(network)
    assert (session.verdict, session.energy_wh, session.flags) == ("counted", 8900, ["meter_reset"])


def test_v4e_an_end_that_was_estimated_is_flagged_and_counted(network: Engine) -> None:
    tell(network, started(0, meter_start=120_000), progress(600, 6.4))
    tell(network, stopped(600, meter_stop=126_400, estimated=True))
    session = session_of(network)
    assert (session.verdict, session.energy_wh, session.flags) == ("counted", 6400, ["estimated_stop"])


def test_a_whole_register_taken_for_one_session_is_held(network: Engine) -> None:
    tell(network, started(0, meter_start=20_000), stopped(600, meter_stop=26_000))
    tell(
        network,
        started(700, transaction=2, meter_start=0),
        stopped(3500, transaction=2, meter_stop=30_000),
    )
    assert (session_of(network, 2).verdict, session_of(network, 2).flags) == ("held", ["zero_baseline"])


def test_a_meter_that_begins_each_session_at_zero_holds_nothing_back(network: Engine) -> None:
    tell(network, started(0, meter_start=0), stopped(600, meter_stop=6000))
    tell(network, started(700, transaction=2, meter_start=0), stopped(1700, transaction=2, meter_stop=9000))
    assert [session_of(network, number).verdict for number in (1, 2)] == ["counted", "counted"]


def test_a_real_stop_lets_a_session_go_that_an_estimate_held(network: Engine) -> None:
    tell(network, started(0), progress(60, 8), stopped(60, meter_stop=9000, estimated=True))
    assert session_of(network).verdict == "held"
    tell(network, stopped(900, meter_stop=9000))
    assert (session_of(network).verdict, session_of(network).flags) == ("counted", [])
    assert (_summary(network)[:3], differing_in(network)) == ((1, 1, 8000), 0)


def test_an_imported_session_is_judged(network: Engine, tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"
    file.write_text(
        "session_id,station_id,start_time,stop_time,energy_kwh\n"
        f"A,{STATION},2026-03-10T08:00Z,2026-03-10T09:00Z,20\n"
        f"B,{STATION},2026-03-10T10:00Z,2026-03-10T11:00Z,600\n"
    )
    report = import_sessions(network, file, timezone="UTC", now=at(3600))
    assert (report.added, report.held, report.energy_wh) == (2, 1, 20_000)
    assert (_summary(network)[:3], differing_in(network)) == ((1, 1, 20_000), 0)


def test_nobody_pays_for_a_session_that_is_held(network: Engine) -> None:
    tell(network, started(0))
    with writing(network) as store:
        session = store.scalars(select(ChargingSession)).one()
        update_session(store, session, lambda s: setattr(s, "payment_transaction_id", "PAY-1"))
    tell(network, stopped(600, meter_stop=911_000))
    assert session_of(network).payment_status == "authorized"
    _decide(network, quarantine.accept, session_of(network).id)
    assert session_of(network).payment_status == "completed"


# Where it does not go


def test_a_held_session_is_listed_and_counted_apart(network: Engine) -> None:
    _overcharge(network)
    tell(network, started(700, transaction=2), stopped(1300, transaction=2))
    with reading(network) as store:
        found = count_sessions(store, Scope.network(), SessionFilter(period=PERIOD))
    assert (found.rows, found.held, found.sessions, found.running) == (2, 1, 1, 0)
    assert (found.energy_wh, found.revenue) == (8000, {"ETB": Decimal("80.00")})


def test_nothing_of_a_held_session_is_billed_or_reported(network: Engine) -> None:
    _overcharge(network)
    party = ocpi.Party("ET", "MMT")
    with reading(network) as store:
        wanted = SessionFilter(period=PERIOD)
        (row,) = each_session_at_place(store, Scope.network(), wanted)
        assert list(ocpi.cdrs([row], party).rows) == []
        told = ocpi.session(row, party)
        assert (told["status"], "total_cost" in told) == ("INVALID", False)
        assert list(ev_chart.sessions(each_session(store, Scope.network(), wanted), "us").rows) == []
        answer = serializers.session(row.session, at(3600))
    assert (answer["verdict"], answer["final_cost"], answer["estimated_cost"]) == ("held", None, "9100.00")
    assert "energy_beyond_connector" in answer["flags"]
    _decide(network, quarantine.accept, session_of(network).id)
    with reading(network) as store:
        (row,) = each_session_at_place(store, Scope.network(), SessionFilter())
        assert len(list(ocpi.cdrs([row], party).rows)) == 1
        assert serializers.session(row.session, at(3600))["final_cost"] == "9100.00"


# What an admin decides


def test_an_accepted_session_counts_as_it_is(network: Engine) -> None:
    _decide(network, quarantine.accept, _overcharge(network))
    assert session_of(network).verdict == "accepted"
    assert _summary(network) == (1, 1, 910_000, {"ETB": Decimal("9100.00")})
    assert sums_of(network) == _rebuilt(network)


def test_a_corrected_session_counts_with_the_correction_at_its_price(network: Engine) -> None:
    _correct(network, _overcharge(network), 9100)
    session = session_of(network)
    assert (session.verdict, session.energy_wh) == ("corrected", 9100)
    assert (session.cost, session.tax) == (Decimal("91.00"), Decimal("11.87"))
    assert _summary(network) == (1, 1, 9100, {"ETB": Decimal("91.00")})
    assert sums_of(network) == _rebuilt(network)


def test_a_corrected_cost_counts_in_the_place_of_the_price(network: Engine) -> None:
    _correct(network, _overcharge(network), 9100, Decimal("23.00"))
    assert (session_of(network).cost, session_of(network).tax) == (Decimal("23.00"), Decimal("3.00"))


def test_a_session_that_is_corrected_to_nothing_is_a_failed_attempt(network: Engine) -> None:
    _correct(network, _overcharge(network), 0)
    assert (session_of(network).status, _summary(network)[:3]) == ("failed", (0, 1, 0))


def test_a_decision_is_recorded_with_who_why_and_what_was_before(network: Engine) -> None:
    pk = _overcharge(network)
    _correct(network, pk, 9100)
    with reading(network) as store:
        (decision,) = store.scalars(select(SessionDecision))
        (entry,) = store.scalars(select(AuditEntry))
        assert quarantine.decisions(store, [pk])[pk].id == decision.id
    assert (decision.user_name, decision.reason, decision.energy_wh) == ("admin", "looked at the meter", 9100)
    assert (decision.reported["energy_wh"], decision.reported["cost"]) == (910_000, "9100.00")
    assert (entry.user_name, entry.action, entry.subject) == ("admin", "correct session", f"{STATION} 1")
    assert entry.details == {
        "session": str(pk),
        "reason": "looked at the meter",
        "energy": "910000 Wh is now 9100 Wh",
        "cost": "9100.00 is now 91.00",
    }


@pytest.mark.parametrize("correction", [None, Correction(9100, Decimal(5))])
def test_a_decision_that_is_taken_back_leaves_everything_as_it_was(
    network: Engine, correction: Correction | None
) -> None:
    pk = _overcharge(network)
    before = session_of(network)
    if correction:
        _decide(network, quarantine.correct, pk, correction)
    else:
        _decide(network, quarantine.accept, pk)
    _decide(network, quarantine.take_back, pk)
    after = session_of(network)
    for name in ("verdict", "status", "energy_wh", "cost", "tax", "flags", "payment_status"):
        assert getattr(after, name) == getattr(before, name)
    assert (sums_of(network), _rebuilt(network)) == ({}, {})
    _decide(network, quarantine.accept, pk)
    assert session_of(network).verdict == "accepted"


def _import_held(engine: Engine, cost: Decimal | None, start: datetime = NOON) -> int:
    """One of a file, without a price."""
    ended = EndedSession("X1", STATION, start, start + timedelta(minutes=10), 910_000, cost=cost)
    with writing(engine) as store:
        assert insert_sessions(store, [ended], source="import") == 1
        return store.scalars(select(ChargingSession.id)).one()


def test_without_a_price_a_correction_says_what_it_costs(network: Engine) -> None:
    pk = _import_held(network, Decimal(70))
    with pytest.raises(InvalidRequest, match="say what it costs"):
        _correct(network, pk, 7000)
    _correct(network, pk, 7000, Decimal(7))
    assert _summary(network) == (1, 1, 7000, {"ETB": Decimal("7.00")})
    _decide(network, quarantine.take_back, pk)
    with reading(network) as store:
        session = store.get_one(ChargingSession, pk)
        assert (session.energy_wh, session.cost, session.verdict) == (910_000, Decimal("70.00"), "held")


def test_what_had_no_cost_is_corrected_without_one(network: Engine) -> None:
    _correct(network, _import_held(network, None), 7000)
    assert _summary(network) == (1, 1, 7000, {"ETB": Decimal(0)})


def test_a_later_report_does_not_undo_a_decision_and_is_told(network: Engine) -> None:
    _correct(network, _overcharge(network), 9100)
    tell(network, stopped(600, meter_stop=911_000))
    assert "changed_since_decision" not in session_of(network).flags
    tell(network, stopped(500, meter_stop=9000))
    session = session_of(network)
    assert (session.verdict, session.energy_wh, session.stop_time) == ("corrected", 9100, at(500))
    assert session.flags == ["changed_since_decision"]
    assert (_summary(network)[2], differing_in(network)) == (9100, 0)


def test_what_is_taken_back_is_judged_by_what_is_known_by_then(network: Engine) -> None:
    pk = _overcharge(network)
    _decide(network, quarantine.accept, pk)
    tell(network, stopped(500, meter_stop=9000))
    _decide(network, quarantine.take_back, pk)
    assert (session_of(network).verdict, session_of(network).energy_wh) == ("counted", 8000)
    assert (session_of(network).flags, differing_in(network)) == ([], 0)


def test_nothing_is_decided_twice(network: Engine) -> None:
    pk = _overcharge(network)
    _decide(network, quarantine.accept, pk)
    with pytest.raises(CannotDecide, match="accepted"):
        _decide(network, quarantine.accept, pk)
    with reading(network) as store:
        assert store.scalar(select(func.count()).select_from(AuditEntry)) == 1


def test_what_is_not_held_is_not_decided_about(network: Engine) -> None:
    tell(network, started(0), stopped(600))
    with pytest.raises(CannotDecide, match="not held back"):
        _correct(network, session_of(network).id, 1)
    with pytest.raises(NotFound):
        _correct(network, 4711, 1)


@pytest.mark.parametrize(
    ("correction", "reason", "field"),
    [
        (Correction(9100), "  ", "reason"),
        (Correction(-1), "why", "energy_kwh"),
        (Correction(1_000_001), "why", "energy_kwh"),
        (Correction(9100, Decimal(-1)), "why", "cost"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(
    network: Engine, correction: Correction, reason: str, field: str
) -> None:
    pk = _overcharge(network)
    with pytest.raises(InvalidRequest) as refused, writing(network) as store:
        quarantine.correct(store, None, pk, correction, reason)
    assert list(refused.value.errors) == [field]
    assert (session_of(network).verdict, sums_of(network)) == ("held", {})


# The history


def _never_judged(engine: Engine) -> None:
    """Three sessions as they were before sessions were judged, one of them with 910 kWh in half an hour."""
    with writing(engine) as store:
        station = store.scalars(select(OCPPStation)).one()
        for hours, wh in enumerate((12_500, 910_000, 300)):
            factories.add_session(
                store,
                station,
                NOON + timedelta(hours=hours),
                energy_wh=wh,
                reported_energy_wh=wh,
                meter_start=1000,
            )
        factories.roll_up(store, TODAY, TODAY)


def _verdicts(store: Session) -> list[str | None]:
    return list(store.scalars(select(ChargingSession.verdict).order_by(ChargingSession.id)))


def test_sessions_that_were_never_judged_count_until_they_are(network: Engine) -> None:
    _never_judged(network)
    with reading(network) as store:
        assert (quarantine.has_unjudged(store), _verdicts(store)) == (True, [None] * 3)
        touched = list(store.scalars(select(ChargingSession.updated_at)))
    assert (_summary(network)[2], differing_in(network)) == (922_800, 0)
    told = judge_history(network)
    assert (told.sessions, told.held, told.flagged, told.codes["low_energy"]) == (3, 1, 2, 1)
    with reading(network) as store:
        assert (quarantine.has_unjudged(store), _verdicts(store)) == (False, ["counted", "held", "counted"])
        rows = store.scalars(select(ChargingSession).order_by(ChargingSession.id)).all()
        assert [row.flags for row in rows][::2] == [[], ["low_energy"]]
        # A session that stays as it was need not be fetched again.
        assert rows[0].updated_at in touched and rows[1].updated_at not in touched
    assert (_summary(network)[2], sums_of(network)) == (12_800, _rebuilt(network))
    assert judge_history(network).sessions == 0


def test_a_dry_run_tells_the_same_and_changes_nothing(network: Engine) -> None:
    _never_judged(network)
    dry = judge_history(network, dry_run=True)
    with reading(network) as store:
        assert _verdicts(store) == [None] * 3
    assert dry == judge_history(network)


def test_judging_again_lets_go_what_is_possible_and_leaves_decisions_alone(network: Engine) -> None:
    _never_judged(network)
    judge_history(network)
    with writing(network) as store:
        first, second, _ = store.scalars(select(ChargingSession.id).order_by(ChargingSession.id))
        quarantine.accept(store, None, second, "a bus")
        store.execute(update(ChargingSession).where(ChargingSession.id == first).values(verdict="held"))
        rollups.rebuild(store, TODAY, TODAY)
    assert judge_history(network, again=True).sessions == 2
    with reading(network) as store:
        assert _verdicts(store) == ["counted", "accepted", "counted"]
    assert (_summary(network)[2], differing_in(network)) == (922_800, 0)


# At the command line


@pytest.fixture
def commanded(network: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(commands, "load", lambda: load(None))
    monkeypatch.setattr(commands, "engine_of", lambda _settings: network)
    return network


def test_sessions_are_judged_listed_corrected_and_let_go_at_the_command_line(
    commanded: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    _never_judged(commanded)
    assert manage.main(["list-quarantine"]) == 0
    assert "never judged" in capsys.readouterr().out
    assert manage.main(["judge-sessions", "--dry-run"]) == 0
    assert manage.main(["judge-sessions"]) == 0
    dry, told = capsys.readouterr().out.split("3 sessions ")[1:]
    assert dry.startswith("would be judged: 2 would be flagged, 1 would be held back.")
    assert (
        told.startswith("judged: 2 flagged, 1 held back.") and "energy_beyond_connector (held back)" in told
    )
    assert manage.main(["list-quarantine"]) == 0
    listed = capsys.readouterr().out
    assert "910.000 kWh" in listed and flags.sentence("energy_beyond_connector") in listed
    number = listed.split()[0]
    why = ["--reason", "read from the meter"]
    assert manage.main(["correct-session", number, "--energy-kwh", "9.1", *why]) == 0
    assert _summary(commanded)[2] == 12_500 + 9100 + 300
    assert manage.main(["list-quarantine", "--state", "corrected"]) == 0
    assert "corrected by the command line" in capsys.readouterr().out
    assert manage.main(["take-back-decision", number, *why]) == 0
    assert manage.main(["accept-session", number, *why]) == 0
    assert manage.main(["accept-session", number, *why]) == 1
    assert "is accepted" in capsys.readouterr().err


def test_half_a_watt_hour_is_rounded_up_at_the_command_line_as_on_the_page(
    commanded: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    _never_judged(commanded)
    manage.main(["judge-sessions"])
    capsys.readouterr()
    manage.main(["list-quarantine"])
    number = capsys.readouterr().out.split()[0]
    assert manage.main(["correct-session", number, "--energy-kwh", "9.1005", "--reason", "the meter"]) == 0
    assert _summary(commanded)[2] == 12_500 + 9101 + 300


@pytest.mark.usefixtures("commanded")
def test_an_empty_quarantine_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert manage.main(["list-quarantine"]) == 0
    assert capsys.readouterr().out == "No session is held back.\n"


def test_the_documentation_lists_every_flag_in_the_same_words() -> None:
    text = (ROOT / "docs" / "quarantine.md").read_text(encoding="utf-8")
    rows = dict(line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `"))
    assert rows == {f"`{code}`": words for code, words in flags.FLAGS.items()}


def test_a_month_of_only_held_sessions_has_no_sums(network: Engine) -> None:
    _never_judged(network)
    with writing(network) as store:
        store.execute(update(ChargingSession).values(verdict="held"))
        rollups.rebuild(store, TODAY, TODAY)
        assert store.scalar(select(func.count()).select_from(Rollup)) == 0


# On the page


@pytest.fixture
def open_page(network: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with writing(network) as store:
        owner = store.scalars(select(OCPPStation)).one().charging_station.owner
        factories.add_user(store, "selam", "owner", owner)
    with opening_pages(network, load(None), monkeypatch) as opening:
        yield opening


def test_the_page_shows_what_is_held_and_why_and_an_admin_accepts_it(
    network: Engine, open_page: OpenPage
) -> None:
    pk = _overcharge(network)
    page = open_page("admin", "quarantine")
    said = text_of(page)
    assert "1 session held back 910.000 kWh not counted 9,100.00 ETB not in the revenue" in said
    assert flags.sentence("energy_beyond_connector") in said and "1.000 kWh → 911.000 kWh" in said
    page.button(key=f"accept-{pk}").click().run()
    page.button(key="quarantine-confirm").click().run()
    assert "A reason is needed" in text_of(page) and session_of(network).verdict == "held"
    page.text_input(key="quarantine-reason").set_value("a bus").run()
    page.button(key="quarantine-confirm").click().run()
    assert session_of(network).verdict == "accepted"
    assert "Nothing is held back" in text_of(page)
    page.session_state["state"] = "accepted"
    page.run()
    assert "Accepted by admin" in text_of(page) and "a bus" in text_of(page)
    page.button(key=f"undo-{pk}").click().run()
    page.text_input(key="quarantine-reason").set_value("it was none").run()
    page.button(key="quarantine-confirm").click().run()
    assert (session_of(network).verdict, sums_of(network)) == ("held", {})


def test_an_admin_corrects_a_whole_register_to_where_it_stood_before(
    network: Engine, open_page: OpenPage
) -> None:
    tell(network, started(0, meter_start=20_000), stopped(600, meter_stop=26_000))
    tell(network, started(700, transaction=2, meter_start=0), stopped(3500, transaction=2, meter_stop=30_000))
    page = open_page("admin", "quarantine")
    page.button(key=f"correct-{session_of(network, 2).id}").click().run()
    assert page.text_input(key="quarantine-energy").value == "4.000"
    page.text_input(key="quarantine-reason").set_value("the register").run()
    for no_number in ("nothing", "12,5", "0,500"):
        page.text_input(key="quarantine-cost").set_value(no_number).run()
        page.button(key="quarantine-confirm").click().run()
        assert f"not a number: {no_number}" in text_of(page)
    page.text_input(key="quarantine-cost").set_value("").run()
    page.button(key="quarantine-confirm").click().run()
    corrected = session_of(network, 2)
    assert (corrected.verdict, corrected.energy_wh, corrected.cost) == ("corrected", 4000, Decimal("40.00"))
    page.session_state["state"] = "corrected"
    page.run()
    assert "Corrected from 30.000 kWh by admin" in text_of(page)
    assert differing_in(network) == 0


def test_only_an_admin_decides(network: Engine, open_page: OpenPage) -> None:
    pk = _overcharge(network)
    open_page("selam")
    with pytest.raises(visitor.NotForYou):
        orders.accept(visitor.visitor(), pk, "mine")
    with pytest.raises(visitor.NotForYou):
        orders.look(visitor.visitor(), "held", 1)
    assert session_of(network).verdict == "held"


def test_an_owner_sees_that_its_session_is_held_and_why(network: Engine, open_page: OpenPage) -> None:
    pk = _import_held(network, None, start=utc_now() - timedelta(hours=2))
    assert "1 held back" in text_of(open_page("selam", "sessions"))
    page = open_page("selam", "sessions", session=str(pk))
    warned = " ".join(warning.value for warning in page.warning)
    assert "Held back: it cannot be as it was reported." in text_of(page)
    assert flags.sentence("energy_beyond_connector") in warned
    _decide(network, quarantine.accept, pk)
    loading.forget()
    page = open_page("selam", "sessions", session=str(pk))
    assert "Accepted by admin" in " ".join(info.value for info in page.info)
