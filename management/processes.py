"""Runs every process of the Procfile, says when all are healthy, and ends them together."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

import requests
from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from db import job_runs
from db.engine import make_engine, reading
from db.models import JobSchedule, OCPPStation, utc_now
from management.supervisor import Supervisor, Tell
from settings import ROOT, ConfigurationError, Settings
from simulator.fleet import load_fleet

PROCFILE = ROOT / "Procfile"
HEALTHY_WITHIN = 90.0
_OWN_NAME = "system"

Check = Callable[[], bool]


def run_all(settings: Settings, on_healthy: Callable[[], None], procfile: Path = PROCFILE) -> None:
    """Run the Procfile's processes until Ctrl-C or SIGTERM; one that ends by itself is started again.

    Raises `ConfigurationError` where a port cannot be had.
    """
    check_ports(settings)
    commands = commands_of(procfile, settings)
    checks = {name: check for name, check in health_checks(settings, utc_now()).items() if name in commands}
    supervisor = Supervisor(
        commands,
        folder=ROOT,
        environment=_environment(),
        tell=_printing(commands),
        after=_started_after(settings, checks),
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.end())
    threading.Thread(target=_announce, args=(checks, on_healthy), daemon=True).start()
    supervisor.run()


def commands_of(procfile: Path, settings: Settings) -> dict[str, str]:
    """The Procfile's, by name; without the simulator where there is none of its stations to play."""
    commands: dict[str, str] = parse_procfile(procfile.read_text(encoding="utf-8")).processes
    played = [station.station_id for station in load_fleet(settings.simulator_fleet).stations]
    known = select(OCPPStation.id).where(OCPPStation.station_id.in_(played)).limit(1)
    if not _holds(settings, lambda store: store.scalar(known) is not None):
        commands.pop("simulator", None)
    return commands


def _started_after(settings: Settings, checks: Mapping[str, Check]) -> dict[str, Check]:
    """What a process waits for: the first sync of the jobs is to find the backend there, and virtual charge
    points a backend that knows them.
    """
    after: dict[str, Check] = {}
    if backend := checks.get("backend"):
        after["jobs"] = backend
    if jobs := checks.get("jobs"):
        after["simulator"] = lambda: jobs() and has_synced(settings)
    return after


def _printing(names: Iterable[str]) -> Tell:
    """Prints each line with the time and the name of its process, in a colour of its own on a terminal."""
    printer = Printer(sys.stdout, width=max(map(len, (*names, _OWN_NAME))))
    colours = dict(zip(names, get_colours(), strict=False))

    def tell(name: str | None, line: str | bytes) -> None:
        now = datetime.now().astimezone()
        printer.write(Message("line", line, now, name or _OWN_NAME, colours.get(name or "")))

    return tell


def check_ports(settings: Settings) -> None:
    """Raise `ConfigurationError`, with the mend, for every port that cannot be listened on."""
    told = [_in_the_way(name, settings.host, port) for name, port in ports(settings).items()]
    if troubles := dict.fromkeys(filter(None, told)):
        raise ConfigurationError("\n".join(troubles))


def ports(settings: Settings) -> dict[str, int]:
    known = {
        "DASHBOARD_PORT": settings.dashboard_port,
        "RECEIVER_PORT": settings.receiver_port,
        "OCPP_BACKEND_PORT": settings.ocpp_backend_port,
        "JOBS_METRICS_PORT": settings.jobs_metrics_port,
    }
    # Zero is none.
    return {name: port for name, port in known.items() if port}


def health_checks(settings: Settings, since: datetime) -> dict[str, Check]:
    """For each process a question that is true once it does its work."""
    fleet_size = len(load_fleet(settings.simulator_fleet).stations)
    backend = f"{settings.backend_url}/healthz"
    return {
        "backend": lambda: answers(backend),
        "receiver": lambda: answers(f"{settings.receiver_url}/healthz"),
        "dashboard": lambda: answers(f"{settings.dashboard_url}/healthz"),
        "jobs": lambda: jobs_ran_since(settings, since),
        "simulator": lambda: stations_connected(backend) >= fleet_size,
    }


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=3).status_code == 200
    except requests.RequestException:
        return False


def stations_connected(url: str) -> int:
    try:
        return int(requests.get(url, timeout=3).json()["stations_connected"])
    except (requests.RequestException, ValueError, KeyError, TypeError):
        return 0


def jobs_ran_since(settings: Settings, since: datetime) -> bool:
    """Whether a scheduler has started, or ended a run, since then."""
    newest = select(func.max(JobSchedule.updated_at))
    return _holds(settings, lambda store: (at := store.scalar(newest)) is not None and at >= since)


def has_synced(settings: Settings) -> bool:
    """Whether the stations were told to the backend, and are not being told it just now."""
    return _holds(settings, lambda store: any(run.ended_at for run in job_runs.newest(store, "sync")))


def _holds(settings: Settings, condition: Callable[[Session], bool]) -> bool:
    engine = make_engine(settings.database_url)
    try:
        with reading(engine) as store:
            return condition(store)
    except SQLAlchemyError:
        # Such as a store that is locked, or not reached for a moment: asked again soon.
        return False
    finally:
        engine.dispose()


def _announce(checks: dict[str, Check], on_healthy: Callable[[], None]) -> None:
    deadline = time.monotonic() + HEALTHY_WITHIN
    missing = list(checks)
    while missing and time.monotonic() < deadline:
        missing = [name for name in missing if not checks[name]()]
        time.sleep(0.3 if missing else 0)
    if missing:
        print(
            f"Not healthy after {HEALTHY_WITHIN:.0f} s: {', '.join(missing)}. Their log lines above say why; "
            "`python manage.py doctor` checks the configuration.",
            flush=True,
        )
    else:
        on_healthy()


def _environment() -> dict[str, str]:
    # `python` in the Procfile is the one that runs this, whether or not its environment is active.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


def _in_the_way(name: str, host: str, port: int) -> str:
    """What keeps a process from listening there, with the mend; empty where nothing does."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return f"{name}={port} may not be listened on by this user: set a port from 1024 on in .env"
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{name}={port} is in use on {host}: end what uses it, or set {name} in .env"
            return f"HOST={host} is no address of this machine ({error.strerror}): set HOST in .env"
    return ""


def addresses(settings: Settings) -> str:
    """Where everything is, for the terminal."""
    return "\n".join(
        (
            "",
            f"  Dashboard     {settings.dashboard_url}",
            f"  REST API      {settings.receiver_url}/docs",
            f"  OCPP backend  {settings.ocpp_settings['BASE_URL']}",
            f"  Charge points {settings.ocpp_settings['WEBSOCKET_URL']}<station id>",
        )
    )
