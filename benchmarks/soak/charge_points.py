"""The simulator, whose time runs on while it is dead: started again, it goes on where the clock is by then.

`python -m benchmarks.soak.charge_points BEGAN SEED ARGUMENTS...`: simulated time was SIMULATOR_HOURS behind
at `BEGAN` (seconds since 1970) and has run at SIMULATOR_SPEED since. Chance is another at each start.
"""

from __future__ import annotations

import os
import sys
import time

from simulator.__main__ import main


def hours_left(hours: float, speed: float, seconds: float) -> float:
    """How far simulated time is behind after so many real seconds."""
    return max(0.0, hours - (speed - 1) * seconds / 3600)


def run(began: float, seed: int, arguments: list[str]) -> int:
    elapsed = time.time() - began
    speed = float(os.environ["SIMULATOR_SPEED"])
    left = hours_left(float(os.environ["SIMULATOR_HOURS"]), speed, elapsed)
    os.environ |= {"SIMULATOR_HOURS": str(left), "SIMULATOR_SPEED": str(speed if left else 1)}
    return main(["--seed", str(seed + int(elapsed)), *arguments])


if __name__ == "__main__":
    sys.exit(run(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
