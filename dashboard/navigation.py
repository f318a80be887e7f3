"""The pages in the order of the navigation, and whom each is for. A new page is a row here."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.visitor import Visitor
from languages import N_

EVERYBODY, ADMINS, OWNERS = "everybody", "admins", "owners"


@dataclass(frozen=True)
class DashboardPage:
    """`name` is that of its script in views/, `path` its address: the first page's is empty.

    `readers` are `EVERYBODY`, `ADMINS`, or `OWNERS` themselves: not an admin who looks as one of them.
    """

    name: str
    path: str
    title: str
    icon: str
    section: str
    readers: str = EVERYBODY

    @property
    def script(self) -> str:
        return f"views/{self.name}.py"


_MONITOR, _OPERATE, _ADMIN, _ACCOUNT = N_("Monitor"), N_("Operate"), N_("Admin"), N_("Account")
PAGES = (
    DashboardPage("overview", "", N_("Overview"), "space_dashboard", _MONITOR),
    DashboardPage("stations", "stations", N_("Stations"), "ev_station", _MONITOR),
    DashboardPage("kpis", "kpis", N_("KPIs"), "monitoring", _MONITOR),
    DashboardPage("revenue", "revenue", N_("Revenue"), "payments", _MONITOR),
    DashboardPage("sessions", "sessions", N_("Sessions"), "receipt_long", _MONITOR),
    DashboardPage("payments", "payments", N_("Payments"), "contactless", _MONITOR),
    DashboardPage("availability", "availability", N_("Availability"), "monitor_heart", _MONITOR),
    DashboardPage("statements", "statements", N_("Statements"), "request_quote", _MONITOR),
    DashboardPage("live", "live", N_("Live"), "bolt", _OPERATE),
    DashboardPage("jobs", "jobs", N_("Jobs"), "event_repeat", _ADMIN, ADMINS),
    DashboardPage("quarantine", "quarantine", N_("Quarantine"), "rule", _ADMIN, ADMINS),
    DashboardPage("billing_audit", "billing_audit", N_("Billing audit"), "fact_check", _ADMIN, ADMINS),
    DashboardPage("webhooks", "webhooks", N_("Webhooks"), "webhook", _ADMIN, ADMINS),
    DashboardPage("tariffs", "tariffs", N_("Tariffs"), "sell", _ADMIN, ADMINS),
    DashboardPage("stations_owners", "stations_owners", N_("Stations & owners"), "domain", _ADMIN, ADMINS),
    DashboardPage("ocpp_log", "ocpp_log", N_("OCPP log"), "terminal", _ADMIN, ADMINS),
    DashboardPage("access", "access", N_("Access"), "key", _ADMIN, ADMINS),
    DashboardPage("audit_log", "audit_log", N_("Audit log"), "history", _ADMIN, ADMINS),
    DashboardPage("settings_page", "settings", N_("Settings"), "settings", _ADMIN, ADMINS),
    DashboardPage("own_access", "my-access", N_("Access"), "key", _ACCOUNT, OWNERS),
)


def pages_for(who: Visitor) -> list[DashboardPage]:
    """What the navigation offers the visitor; nothing else can be opened."""
    kinds = {EVERYBODY}
    if who.is_admin:
        kinds.add(ADMINS)
    elif who.viewing_as is None:
        kinds.add(OWNERS)
    return [page for page in PAGES if page.readers in kinds]
