"""Recorded webhooks that are not applied."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from management import recorded_webhooks
from management.commands.command import Commands, engine_of, number, whole
from ocpp_integration.recorded_webhooks import HELD
from settings import load


def list_events(options: Namespace) -> None:
    """List recorded webhooks that are not applied, the newest first, each with its reason."""
    print(recorded_webhooks.table(engine_of(load()), options.state, options.limit))


def retry_event(options: Namespace) -> None:
    """Have a dead or waiting webhook applied after all, by its number in list-events."""
    recorded_webhooks.retry(engine_of(load()), options.event_id)
    print(
        f"Event {options.event_id} is applied with the next ones; `list-events` shows it if it fails again."
    )


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--state", choices=HELD, default=HELD[0], help="default: %(default)s")
    parser.add_argument(
        "--limit", type=whole(1, 10_000), default=50, help="how many are shown (default: %(default)s)"
    )


def _retry_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("event_id", type=number, help="the number that list-events shows")


COMMANDS: Commands = {
    "list-events": (list_events, _list_arguments),
    "retry-event": (retry_event, _retry_arguments),
}
