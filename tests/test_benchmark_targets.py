"""What benchmarks say they should reach, and the table of what they did."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import available, load
from benchmarks.soak.charge_points import hours_left
from benchmarks.soak.memory import Growth
from benchmarks.soak.troubles import TROUBLES, plan
from benchmarks.stack import Stack
from benchmarks.targets import Row, Target, table
from settings import ROOT

RESULT = {"here": {"events_per_s": 1200, "ratio": 0.9}, "slow": ["one", "two"], "lost": 0}


@pytest.mark.parametrize("name", sorted(available()))
def test_every_benchmark_says_what_it_should_reach_and_how_it_is_run_quickly(name: str) -> None:
    module = load(name)
    assert all(isinstance(target, Target) for target in module.TARGETS) and module.TARGETS
    assert isinstance(module.QUICK, tuple)


def test_where_there_is_a_baseline_the_ratio_to_it_is_judged() -> None:
    judged = Target("events", "here.events_per_s", ratio="here.ratio", at_least=1).judge(RESULT)
    assert (judged.figure, judged.judged, judged.is_met) == (1200, 0.9, False)


def test_a_list_is_judged_by_its_length_and_a_figure_by_its_bound() -> None:
    assert Target("slow", "slow", at_most=2).judge(RESULT).is_met is True
    assert Target("slow", "slow", at_most=1).judge(RESULT).is_met is False
    assert Target("lost", lambda result: float(result["lost"]), at_most=0).judge(RESULT).is_met is True


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert Target("p99", "there.p99_ms", at_most=5).judge(RESULT).is_met is None


def test_the_table_has_a_row_for_each_target_and_for_each_benchmark_that_failed() -> None:
    row = Target("events", "here.events_per_s", ratio="here.ratio", at_least=1).judge(RESULT)
    lines = table({"ingest": [row], "poll": []}).splitlines()
    assert lines[2:] == [
        "| ingest | events | 1,200 | 0.9 | ≥ 1 | **no** |",
        "| poll | | failed | | | no |",
    ]


def test_a_row_without_a_bound_is_only_told() -> None:
    assert Row(Target("events", "events"), 5, None).is_met is None


def test_every_benchmark_is_told_in_the_document() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert [name for name in available() if f"`{name}`" not in page] == []


def test_a_process_is_given_no_setting_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no setting SYNC_INTERVAL"):
        Stack(tmp_path, {"SYNC_INTERVAL": "1", "METER_INTERVAL": "1"})


def test_a_soak_kills_every_process_in_turn_and_makes_every_trouble() -> None:
    planned = plan(1200, ("backend", "jobs"), tuple(TROUBLES), seed=1)
    kills = [each for each in planned if each.is_kill]
    assert [each.name for each in kills[:3]] == ["backend", "jobs", "backend"]
    assert {each.name for each in planned if not each.is_kill} == set(TROUBLES)
    assert all(each.begin <= each.end <= 1200 for each in planned)
    # Who is killed has the time to come back.
    assert max(each.begin for each in kills) == 1170


def test_simulated_time_runs_on_while_the_simulator_is_dead() -> None:
    assert hours_left(1.0, 61, 30) == 0.5
    assert hours_left(1.0, 61, 120) == 0


def test_a_process_that_grew_by_more_than_the_tolerance_is_told() -> None:
    assert Growth(100, 119).is_flat
    assert not Growth(100, 121).is_flat
    assert Growth(None, 121).is_flat
