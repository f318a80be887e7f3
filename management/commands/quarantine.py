"""Sessions that cannot be as they were reported: found, listed, accepted, corrected."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from db import migrate as migrations
from management import quarantine as held
from management.commands.command import Commands, engine_of, number, whole
from ocpp_integration import quarantine
from ocpp_integration.quarantine import STATES, Correction
from settings import load


def judge_sessions(options: Namespace) -> None:
    """Judge sessions that ended before sessions were judged; see docs/quarantine.md."""
    engine = engine_of(load())
    migrations.upgrade(engine)
    print(held.judge(engine, again=options.again, dry_run=options.dry_run))


def list_quarantine(options: Namespace) -> None:
    """List sessions that are held back, or were, the newest first, each with the reasons."""
    print(held.table(engine_of(load()), options.state, options.limit))


def accept_session(options: Namespace) -> None:
    """Have a session that is held back count as it is."""
    held.decide(
        engine_of(load()), lambda store: quarantine.accept(store, None, options.session, options.reason)
    )
    print(f"Session {options.session} counts as it is.")


def correct_session(options: Namespace) -> None:
    """Have other energy, and another cost, count in the place of what was reported of a held session."""
    energy_wh = (options.energy_kwh * 1000).to_integral_value(ROUND_HALF_UP)
    correction = Correction(int(energy_wh), options.cost)
    held.decide(
        engine_of(load()),
        lambda store: quarantine.correct(store, None, options.session, correction, options.reason),
    )
    print(f"Session {options.session} counts with {options.energy_kwh} kWh.")


def take_back_decision(options: Namespace) -> None:
    """Undo the decision about a session; it is judged anew by what is known of it now."""
    held.decide(
        engine_of(load()), lambda store: quarantine.take_back(store, None, options.session, options.reason)
    )
    print(f"The decision about session {options.session} is taken back.")


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"not a number: {text}") from None
    if not amount.is_finite() or not 0 <= amount < 10**9:
        raise ArgumentTypeError("a number from 0 on")
    return amount


def _judge_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only print what would come of it")
    parser.add_argument(
        "--again", action="store_true", help="also those judged before about which nobody has decided"
    )


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--state", choices=STATES, default=STATES[0], help="default: %(default)s")
    parser.add_argument(
        "--limit", type=whole(1, 10_000), default=50, help="how many are shown (default: %(default)s)"
    )


def _decision_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("session", type=number, help="the number that list-quarantine shows")
    parser.add_argument("--reason", required=True, help="why; it is kept, and shown to the station's owner")


def _correction_arguments(parser: ArgumentParser) -> None:
    _decision_arguments(parser)
    parser.add_argument("--energy-kwh", type=_amount, required=True, help="what it did deliver")
    parser.add_argument("--cost", type=_amount, help="VAT included; without it, by its price")


COMMANDS: Commands = {
    "judge-sessions": (judge_sessions, _judge_arguments),
    "list-quarantine": (list_quarantine, _list_arguments),
    "accept-session": (accept_session, _decision_arguments),
    "correct-session": (correct_session, _correction_arguments),
    "take-back-decision": (take_back_decision, _decision_arguments),
}
