"""What pages read from the store, each kept for a moment under its scope and period.

All caches of the dashboard are here, in a module for each subject; pages say `loading.overview(...)`. Whose
data is read comes in as `scope`, which a page takes from `visitor()` on each run.

Figures and lists come through `resources.read`, from a replica where there is one: they are some seconds old
anyhow. What a person watches in order to see the effect of an action is read from the store itself: the
connectors now, and the one session that was opened (its bill, just after it was stopped).
"""

from dashboard.loading.attention import (
    Troubles,
    Upkeep,
    troubles,
    upkeep,
)
from dashboard.loading.earnings import (
    earned,
    earned_by_owner,
    earned_by_station,
    earned_by_tariff,
    earned_by_time,
    held_back,
)
from dashboard.loading.files import (
    file,
    meter_values,
)
from dashboard.loading.kept import forget
from dashboard.loading.kpi_values import (
    definitions,
    kpi_file_rows,
    kpi_row_count,
    kpi_rows,
    kpi_value,
)
from dashboard.loading.network import (
    HourPoint,
    Overview,
    arrivals,
    by_hour,
    history,
    least_used_stations,
    overview,
    top_stations,
)
from dashboard.loading.now import (
    LiveState,
    Offer,
    backend_down_since,
    live_state,
    offered_operations,
    today,
)
from dashboard.loading.operations import (
    job_history,
    job_states,
    sync_states,
)
from dashboard.loading.reliability import (
    Availability,
    Errors,
    PortOutage,
    availability,
    exclusions,
    reported_errors,
    success,
    troubled_visits,
)
from dashboard.loading.session_lists import (
    decision,
    session,
    session_count,
    session_rows,
    session_webhooks,
)
from dashboard.loading.station_lists import (
    Place,
    figures_by_station,
    owners,
    places,
    port_logs,
    stations,
)

__all__ = [
    "Availability",
    "Errors",
    "HourPoint",
    "LiveState",
    "Offer",
    "Overview",
    "Place",
    "PortOutage",
    "Troubles",
    "Upkeep",
    "arrivals",
    "availability",
    "backend_down_since",
    "by_hour",
    "decision",
    "definitions",
    "earned",
    "earned_by_owner",
    "earned_by_station",
    "earned_by_tariff",
    "earned_by_time",
    "exclusions",
    "figures_by_station",
    "file",
    "forget",
    "held_back",
    "history",
    "job_history",
    "job_states",
    "kpi_file_rows",
    "kpi_row_count",
    "kpi_rows",
    "kpi_value",
    "least_used_stations",
    "live_state",
    "meter_values",
    "offered_operations",
    "overview",
    "owners",
    "places",
    "port_logs",
    "reported_errors",
    "session",
    "session_count",
    "session_rows",
    "session_webhooks",
    "stations",
    "success",
    "sync_states",
    "today",
    "top_stations",
    "troubled_visits",
    "troubles",
    "upkeep",
]
