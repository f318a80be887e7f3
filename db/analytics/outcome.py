"""When a session counts as successful, and when a connector counts as down."""

from __future__ import annotations

# Reasons for which a session ends as its driver or vehicle wanted (ChargeX KPI definitions, equation 10,
# with the reasons of OCPP 1.6 among them). In OCPP 1.6 a missing reason means Local.
VALID_STOP_REASONS = frozenset(
    {
        "EVDisconnected",
        "EnergyLimitReached",
        "Local",
        "LocalOutOfCredit",
        "Remote",
        "SOCLimitReached",
        "StoppedByEV",
        "TimeLimitReached",
    }
)
# Those of OCPP 1.6, 2.0.1 and 2.1.
STOP_REASONS = frozenset(
    {
        "DeAuthorized",
        "EVDisconnected",
        "EmergencyStop",
        "EnergyLimitReached",
        "GroundFault",
        "HardReset",
        "ImmediateReset",
        "Local",
        "LocalOutOfCredit",
        "MasterPass",
        "Other",
        "OvercurrentFault",
        "PowerLoss",
        "PowerQuality",
        "Reboot",
        "Remote",
        "ReqEnergyTransferRejected",
        "SOCLimitReached",
        "SoftReset",
        "StoppedByEV",
        "TimeLimitReached",
        "Timeout",
        "UnlockCommand",
    }
)
SUCCESS_OVER_WH = 100

DOWN_STATUSES = frozenset({"faulted", "unavailable", "offline"})
ENDED_STATUSES = frozenset({"stopped", "completed", "failed"})
# All others. Named one by one, the few rows among all that ended are found by the index of the status.
RUNNING_STATUSES = ("pending", "started", "charging", "suspended", "stopping")


def is_success(energy_wh: int | None, stop_reason: str | None) -> bool:
    """A valid stop after more than 0.1 kWh."""
    return (energy_wh or 0) > SUCCESS_OVER_WH and has_valid_reason(stop_reason)


def has_valid_reason(stop_reason: str | None) -> bool:
    return (stop_reason or "Local") in VALID_STOP_REASONS
