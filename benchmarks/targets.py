"""What a benchmark's figures should be, and a table of what they are. Pure.

A benchmark says so in its module: `TARGETS`, a list of `Target`, and `QUICK`, its arguments for a short run.
That is all that `python -m benchmarks all` needs to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]
Reading = str | Callable[[Result], float | None]


@dataclass(frozen=True)
class Target:
    """`figure` should be `at_least` or `at_most` so much; where there is a `ratio` to a baseline, it should.

    With neither bound it is only told. Both are read out of the result: by the keys on the way there, dots
    between, or by a function.
    """

    name: str
    figure: Reading
    ratio: Reading | None = None
    at_least: float | None = None
    at_most: float | None = None

    def judge(self, result: Result) -> Row:
        figure = _read(self.figure, result)
        ratio = None if self.ratio is None else _read(self.ratio, result)
        return Row(self, figure, ratio)


@dataclass(frozen=True)
class Row:
    """What came of a target; without a figure, that part was not measured in this run."""

    target: Target
    figure: float | None
    ratio: float | None

    @property
    def judged(self) -> float | None:
        return self.figure if self.target.ratio is None else self.ratio

    @property
    def is_met(self) -> bool | None:
        least, most = self.target.at_least, self.target.at_most
        if self.judged is None or (least is None and most is None):
            return None
        return (least is None or self.judged >= least) and (most is None or self.judged <= most)


def table(rows: Mapping[str, Sequence[Row]]) -> str:
    """In Markdown, a row for each target of each benchmark; one that told nothing has a row that says so."""
    lines = [
        "| benchmark | figure | measured | ratio to baseline | target | met |",
        "|---|---|--:|--:|--:|---|",
    ]
    for name, judged in rows.items():
        if not judged:
            lines.append(f"| {name} | | failed | | | no |")
        lines += [_line(name, row) for row in judged]
    return "\n".join(lines)


def _line(name: str, row: Row) -> str:
    target = row.target
    bounds = (("≥", target.at_least), ("≤", target.at_most))
    wanted = " ".join(f"{sign} {_told(bound)}" for sign, bound in bounds if bound is not None)
    unknown = "not measured" if row.judged is None else ""
    met = {True: "yes", False: "**no**", None: unknown}[row.is_met]
    cells = (name, target.name, _told(row.figure), _told(row.ratio), wanted, met)
    return f"| {' | '.join(cells)} |"


def _told(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _read(reading: Reading, result: Result) -> float | None:
    if callable(reading):
        return reading(result)
    found: Any = result
    for key in reading.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return len(found) if isinstance(found, list) else float(found)
