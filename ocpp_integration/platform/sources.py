"""Who keeps a station up, as `ChargingStation.source` has it; a station made by hand has an empty one."""

from __future__ import annotations

PLATFORM = "mengedmate"
FILE = "file"
