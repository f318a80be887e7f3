"""Several hosts on one PostgreSQL: receivers and jobs do together what one of each would do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import cluster
from benchmarks.clusters import HURRIED, Cluster, primary, replica_of

EVENTS = 2_000
STATIONS = 20
FAULTS = ("lost", "twice", "disordered", "differing")


@pytest.fixture
def store() -> Iterator[Cluster]:
    with primary(**HURRIED) as store:
        yield store


@pytest.mark.timeout(600)
def test_two_receivers_and_two_jobs_hosts_apply_every_event_once_and_in_order(store: Cluster) -> None:
    result = cluster.run(store, EVENTS, STATIONS)
    assert result["events"] == EVENTS
    assert {fault: result[fault] for fault in FAULTS} == dict.fromkeys(FAULTS, 0)


@pytest.mark.timeout(600)
def test_with_a_replica_the_dashboard_reads_there_what_two_hosts_did(store: Cluster) -> None:
    with replica_of(store) as replica:
        result = cluster.run(store, EVENTS // 4, STATIONS, replica=replica)
    assert {fault: result[fault] for fault in (*FAULTS, "replica")} == dict.fromkeys((*FAULTS, "replica"), 0)
