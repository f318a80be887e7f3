"""Five books of the same charges, to the Wh and the minor unit, and which of them say otherwise.

The diary is the simulator's: what its meters showed, times the price of the connector, rounded half up. Then
come the backend's store, the product's, a CSV file of the product's sessions, and its statistics by station.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks import books
from benchmarks.books import Key
from benchmarks.stack import Stack
from db.columns import to_minor
from db.engine import reading
from db.models import ChargingSession, OCPPStation, Rollup
from settings import ROOT
from simulator.fleet import Fleet


@dataclass(frozen=True)
class Account:
    """Of one transaction, or the sum of some; `minor` is None in a book that keeps no money."""

    energy_wh: int
    minor: int | None


@dataclass(frozen=True)
class Comparison:
    """`books` are the sums, `differences` and `open` a line for each transaction or station that is wrong."""

    transactions: int
    books: Mapping[str, Account]
    differences: list[str]
    open: list[str]


def compare(stack: Stack, diary_file: Path, fleet: Fleet) -> Comparison:
    diary = books.diary(diary_file)
    held, numbers = books.backend(stack)
    prices = _prices(fleet)
    wanted = {key: _priced(entry, prices) for key, entry in diary.items()}
    sessions = _sessions(stack)
    exported = _exported(stack)
    by_key: dict[str, Mapping[Key, Account]] = {
        "diary": wanted,
        "backend": {key: Account(one.energy_wh or 0, None) for key, one in held.items()},
        "product": {key: sessions[number] for key, number in numbers.items() if number in sessions},
        "csv": {key: exported[number] for key, number in numbers.items() if number in exported},
    }
    kept = books.product(stack)
    still_open = [f"{key}: open in the backend" for key, one in held.items() if one.is_open]
    still_open += [f"{number}: open in the product" for number, one in kept.items() if one.is_open]
    nowhere = kept.keys() - set(numbers.values())
    differences = _differing(by_key) + [f"the product's {number} is not the backend's" for number in nowhere]
    by_station = _by_station(wanted)
    for grain in ("day", "month"):
        differences += _differing({"diary": by_station, f"statistics by {grain}": _statistics(stack, grain)})
    sums = {name: _sum(book) for name, book in by_key.items()}
    sums["statistics"] = _sum(_statistics(stack, "day"))
    return Comparison(len(wanted), sums, differences, still_open)


def _prices(fleet: Fleet) -> dict[tuple[str, int], Decimal]:
    return {
        (station.station_id, number): connector.price_per_kwh
        for station in fleet.stations
        for number, connector in station.numbered_connectors
    }


def _priced(entry: Mapping[str, Any], prices: Mapping[tuple[str, int], Decimal]) -> Account:
    price = prices[entry["station_id"], entry["connector_id"]]
    minor = (price * entry["energy_wh"] / 10).to_integral_value(ROUND_HALF_UP)
    return Account(entry["energy_wh"], int(minor))


def _sessions(stack: Stack) -> dict[int | None, Account]:
    with reading(stack.engine) as store:
        rows = store.execute(
            select(ChargingSession.transaction_id, ChargingSession.energy_wh, ChargingSession.cost)
        ).all()
    return {number: Account(energy or 0, to_minor(cost or Decimal(0))) for number, energy, cost in rows}


def _exported(stack: Stack) -> dict[int, Account]:
    """From the file that an operator would make."""
    file = stack.folder / "sessions.csv"
    subprocess.run(
        [sys.executable, "manage.py", "export", "sessions", "--output", str(file), "--force"],
        cwd=ROOT,
        env=stack.environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return {int(row["transaction_id"]): _of_row(row) for row in csv.DictReader(lines)}


def _of_row(row: Mapping[str, str]) -> Account:
    return Account(int(Decimal(row["energy (kWh)"] or 0) * 1000), int(Decimal(row["cost"] or 0) * 100))


def _statistics(stack: Stack, grain: str) -> dict[str, Account]:
    query = (
        select(OCPPStation.station_id, Rollup.energy_wh, Rollup.revenue_minor)
        .join(OCPPStation, OCPPStation.id == Rollup.scope_id)
        .where(Rollup.scope == "station", Rollup.grain == grain)
    )
    with reading(stack.engine) as store:
        rows = store.execute(query).all()
    return _added((station, Account(energy, minor)) for station, energy, minor in rows)


def _by_station(accounts: Mapping[Key, Account]) -> dict[str, Account]:
    return _added((station, account) for (station, _), account in accounts.items())


def _added(accounts: Any) -> dict[str, Account]:
    energy: Counter[str] = Counter()
    minor: Counter[str] = Counter()
    for station, account in accounts:
        energy[station] += account.energy_wh
        minor[station] += account.minor or 0
    return {station: Account(energy[station], minor[station]) for station in energy}


def _sum(accounts: Mapping[Any, Account]) -> Account:
    money = [account.minor for account in accounts.values() if account.minor is not None]
    return Account(sum(account.energy_wh for account in accounts.values()), sum(money) if money else None)


def _differing(by_book: Mapping[str, Mapping[Any, Account]]) -> list[str]:
    """A line for each key that the books do not agree on; one that is in no book but as zero is no matter."""
    keys = {key for book in by_book.values() for key in book}
    found = []
    for key in sorted(keys):
        of_each = {name: book.get(key) for name, book in by_book.items()}
        energies = {account.energy_wh if account else None for account in of_each.values()}
        minors = {a.minor if a else None for name, a in of_each.items() if name != "backend"}
        if not (len(energies) == len(minors) == 1 or energies | minors <= {0, None}):
            told = (f"{name} {_told(account)}" for name, account in of_each.items())
            found.append(f"{key}: {', '.join(told)}")
    return found


def _told(account: Account | None) -> str:
    if account is None:
        return "nothing"
    return f"{account.energy_wh} Wh" + ("" if account.minor is None else f" {account.minor / 100:.2f}")
