"""`python -m simulator`: plays the fleet against the OCPP backend until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import log as logs
import settings as configuration
from simulator.clock import Clock
from simulator.diary import Diary
from simulator.fleet import FleetError, load_fleet
from simulator.keys import Keys, load_keys
from simulator.world import Play, play

log = logging.getLogger("simulator")

MEMORY_FOLDER = configuration.ROOT / "data" / "simulator"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        settings = configuration.load()
        logs.configure(settings.log_level)
        _run(options, settings)
    except (configuration.ConfigurationError, FleetError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--stations", type=_count, metavar="N", help="play only the fleet's first N stations")
    parser.add_argument("--diary", type=Path, metavar="FILE", help="write what happens as JSON lines")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all chance (default 1)")
    parser.add_argument("--idle", action="store_true", help="no cars and no troubles: only answer commands")
    parser.add_argument("--traffic", type=_factor, default=1, metavar="X", help="so many times the cars")
    parser.add_argument("--trouble", type=_factor, default=1, metavar="X", help="so many times the outages")
    parser.add_argument(
        "--memory",
        type=Path,
        default=MEMORY_FOLDER,
        metavar="FOLDER",
        help="where charge points keep registers and unsent messages (default data/simulator)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 on")
    return int(text)


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0 < factor <= 1000:
        raise argparse.ArgumentTypeError("a number above 0, of at most 1000")
    return factor


def _run(options: argparse.Namespace, settings: configuration.Settings) -> None:
    if settings.simulator_hours and settings.simulator_speed <= 1:
        raise configuration.ConfigurationError(
            "SIMULATOR_HOURS needs a SIMULATOR_SPEED above 1, or simulated time never reaches now"
        )
    fleet = load_fleet(settings.simulator_fleet).busier(traffic=options.traffic, trouble=options.trouble)
    if options.stations is not None:
        fleet = fleet.first(options.stations)
    with contextlib.ExitStack() as stack:
        options.memory.mkdir(parents=True, exist_ok=True)
        lines = stack.enter_context(options.diary.open("a", encoding="utf-8")) if options.diary else None
        diary = Diary(lines)
        what = Play(
            fleet=fleet,
            url=str(settings.ocpp_websocket_url),
            zone=settings.zone,
            meter_interval=settings.meter_interval,
            seed=options.seed,
            idle=options.idle,
            memory_folder=options.memory,
            keys=Keys(load_keys(settings.simulator_keys), settings.simulator_keys),
            clock=Clock(speed=settings.simulator_speed, hours=settings.simulator_hours),
            diary=diary,
        )
        log.info("%d charge points towards %s", len(fleet.stations), what.url)
        asyncio.run(_play_until_signalled(what))
        log.info("Ended after %s", diary.summary())


async def _play_until_signalled(what: Play) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await play(what, stop)


if __name__ == "__main__":
    sys.exit(main())
