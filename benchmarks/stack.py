"""The product's real processes on free ports, with stores and secrets of their own in one folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine

from db import migrate
from db.engine import make_engine
from management.environment import fresh_secrets
from management.processes import answers
from settings import ROOT, Settings

HEALTHY_WITHIN = 60.0
MODULES = {
    "backend": "ocpp_backend",
    "receiver": "webhook_receiver",
    "jobs": "jobs",
    "dashboard": "dashboard",
    "simulator": "simulator",
}


@dataclass
class Stack:
    """Start and stop processes one by one; their output goes to `<name>.log` in the folder.

    Raises `ValueError` for `overrides` of what is no setting, which the processes would not say.
    """

    folder: Path
    overrides: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=lambda: MODULES)
    settings: Settings = field(init=False)
    engine: Engine = field(init=False)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if unknown := self.overrides.keys() - {name.upper() for name in Settings.model_fields}:
            raise ValueError(f"there is no setting {', '.join(sorted(unknown))}")
        dashboard, receiver, backend = free_ports(3)
        self._variables = {
            "DASHBOARD_PORT": str(dashboard),
            "RECEIVER_PORT": str(receiver),
            "OCPP_BACKEND_PORT": str(backend),
            "DATABASE_URL": f"sqlite:///{self.folder / 'store.db'}",
            "OCPP_BACKEND_DATABASE_URL": f"sqlite:///{self.folder / 'backend.db'}",
            "SIMULATOR_KEYS": str(self.folder / "keys.json"),
            **fresh_secrets(),
            **self.overrides,
        }
        values = {name.lower(): value for name, value in self._variables.items()}
        self.settings = Settings(_env_file=None, **values)  # type: ignore[arg-type, call-arg]
        self.engine = make_engine(self.settings.database_url)
        migrate.upgrade(self.engine)

    def start(self, *names: str, arguments: tuple[str, ...] = (), **variables: str) -> None:
        """Start processes and wait until those that serve HTTP answer. Raises `RuntimeError`.

        `variables` of the environment go before those of the stack.
        """
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as output:
                self._running[name] = subprocess.Popen(
                    [sys.executable, "-m", self.modules[name], *arguments],
                    cwd=ROOT,
                    env={**self.environment, **variables},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
        for name in names:
            self._wait_until_healthy(name)

    @property
    def environment(self) -> dict[str, str]:
        """Of every process of it."""
        return {**os.environ, **self._variables}

    def stop(self, *names: str) -> None:
        """End these processes gracefully; all of them where none is named."""
        chosen = {name: self._running.pop(name) for name in names or tuple(self._running)}
        for process in chosen.values():
            process.terminate()
        for process in chosen.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def process_id(self, name: str) -> int:
        return self._running[name].pid

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.engine.dispose()

    def _wait_until_healthy(self, name: str) -> None:
        url = {
            "backend": f"{self.settings.ocpp_settings['BASE_URL']}/healthz",
            "receiver": f"{self.settings.receiver_url}/healthz",
            "dashboard": f"{self.settings.dashboard_url}/healthz",
        }.get(name)
        deadline = time.monotonic() + HEALTHY_WITHIN
        while url and not answers(url):
            if self._running[name].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not become healthy:\n{self.log(name)[-3000:]}")
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of this machine on which nothing listens."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]
    finally:
        for probe in sockets:
            probe.close()
