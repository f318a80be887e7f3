"""What a charging station answers to its central system in OCPP 2.0.1. It answers first and acts after it.

An EVSE has one connector, and its id is the connector's number everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from ocpp.routing import after, on
from ocpp.v201 import call, call_result

from simulator.configuration import Change, Configuration, Variable
from simulator.peer import Peer, verdict

Names = Mapping[str, Any]
_CHANGES: Mapping[Change, str] = MappingProxyType(
    {"Accepted": "Accepted", "Rejected": "Rejected", "ReadOnly": "Rejected", "Unknown": "UnknownVariable"}
)


class Answers201(Peer):
    @on("RequestStartTransaction")  # type: ignore[untyped-decorator]
    def on_request_start(
        self, id_token: Names, remote_start_id: int, evse_id: int | None = None, **_: object
    ) -> Any:
        may = self._commands.may_start(id_token["id_token"], evse_id, remote_start_id)
        return call_result.RequestStartTransaction(verdict(may))

    @after("RequestStartTransaction")  # type: ignore[untyped-decorator]
    def after_request_start(self, id_token: Names, **_: object) -> None:
        self._commands.start(id_token["id_token"])

    @on("RequestStopTransaction")  # type: ignore[untyped-decorator]
    def on_request_stop(self, transaction_id: str, **_: object) -> Any:
        return call_result.RequestStopTransaction(verdict(self._commands.may_stop(transaction_id)))

    @after("RequestStopTransaction")  # type: ignore[untyped-decorator]
    def after_request_stop(self, transaction_id: str, **_: object) -> None:
        self._commands.stop(transaction_id)

    @on("Reset")  # type: ignore[untyped-decorator]
    def on_reset(self, type: str, evse_id: int | None = None, **_: object) -> Any:
        if evse_id is not None:
            return call_result.Reset(verdict(False))
        waits = type == "OnIdle" and self._commands.is_charging(None)
        status: Any = "Scheduled" if waits else "Accepted"
        return call_result.Reset(status)

    @after("Reset")  # type: ignore[untyped-decorator]
    def after_reset(self, type: str, evse_id: int | None = None, **_: object) -> None:
        if evse_id is not None:
            return
        if type == "OnIdle":
            self._commands.reset_when_idle()
        else:
            self._commands.reset("HardReset")

    @on("UnlockConnector")  # type: ignore[untyped-decorator]
    def on_unlock(self, evse_id: int, connector_id: int, **_: object) -> Any:
        status: Any = "Unlocked"
        if not self._commands.has(evse_id) or connector_id != 1:
            status = "UnknownConnector"
        elif self._commands.is_charging(evse_id):
            status = "OngoingAuthorizedTransaction"
        return call_result.UnlockConnector(status)

    @on("ChangeAvailability")  # type: ignore[untyped-decorator]
    def on_change_availability(self, operational_status: str, evse: Names | None = None, **_: object) -> Any:
        operative = operational_status == "Operative"
        answer: Any = self._commands.availability_answer(_number(evse), operative)
        return call_result.ChangeAvailability(answer)

    @after("ChangeAvailability")  # type: ignore[untyped-decorator]
    def after_change_availability(
        self, operational_status: str, evse: Names | None = None, **_: object
    ) -> None:
        self._commands.change_availability(_number(evse), operational_status == "Operative")

    @on("ClearCache")  # type: ignore[untyped-decorator]
    def on_clear_cache(self, **_: object) -> Any:
        self._commands.clear_cache()
        return call_result.ClearCache(verdict(True))

    @on("GetVariables")  # type: ignore[untyped-decorator]
    def on_get_variables(self, get_variable_data: list[Names], **_: object) -> Any:
        configuration = self._commands.configuration
        return call_result.GetVariables([_got(configuration, asked) for asked in get_variable_data])

    @on("SetVariables")  # type: ignore[untyped-decorator]
    def on_set_variables(self, set_variable_data: list[Names], **_: object) -> Any:
        configuration = self._commands.configuration
        return call_result.SetVariables([_set(configuration, asked) for asked in set_variable_data])

    @after("SetVariables")  # type: ignore[untyped-decorator]
    def after_set_variables(self, **_: object) -> None:
        self._commands.apply_changes()

    @on("TriggerMessage")  # type: ignore[untyped-decorator]
    def on_trigger(self, requested_message: str, evse: Names | None = None, **_: object) -> Any:
        if requested_message not in _TRIGGERS:
            status: Any = "NotImplemented"
        else:
            status = verdict(self._can_trigger(requested_message, _number(evse)))
        return call_result.TriggerMessage(status)

    @after("TriggerMessage")  # type: ignore[untyped-decorator]
    def after_trigger(self, requested_message: str, evse: Names | None = None, **_: object) -> None:
        trigger = _TRIGGERS.get(requested_message)
        if trigger is not None and self._can_trigger(requested_message, _number(evse)):
            trigger(self, _number(evse))

    def _can_trigger(self, requested: str, evse_id: int | None) -> bool:
        if evse_id is not None and not self._commands.has(evse_id):
            return False
        return requested != "TransactionEvent" or self._commands.is_charging(evse_id)


def _number(evse: Names | None) -> int | None:
    return evse["id"] or None if evse else None


def _got(configuration: Configuration, asked: Names) -> dict[str, Any]:
    found = _find(configuration, asked)
    if isinstance(found, str):
        return _result(asked, found)
    value = configuration.get(found)
    if value is None:
        return _result(asked, "Rejected")
    return _result(asked, "Accepted") | {"attribute_value": value}


def _set(configuration: Configuration, asked: Names) -> dict[str, Any]:
    found = _find(configuration, asked)
    if isinstance(found, str):
        return _result(asked, found)
    return _result(asked, _CHANGES[configuration.change(found, asked["attribute_value"])])


def _find(configuration: Configuration, asked: Names) -> Variable | str:
    """The variable, or the status that says why there is none."""
    component, name = asked["component"]["name"], asked["variable"]["name"]
    if not configuration.of_component(component, ""):
        return "UnknownComponent"
    if asked.get("attribute_type", "Actual") != "Actual":
        return "NotSupportedAttributeType"
    return next(iter(configuration.of_component(component, name)), "UnknownVariable")


def _result(asked: Names, status: str) -> dict[str, Any]:
    echoed = {name: asked[name] for name in ("component", "variable", "attribute_type") if name in asked}
    return {"attribute_status": status, **echoed}


def _ask(request: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[Any, int | None], None]:
    return lambda line, _evse_id: line.later(request(line))


_TRIGGERS: Mapping[str, Callable[[Any, int | None], None]] = MappingProxyType(
    {
        "BootNotification": _ask(lambda line: line.boot("Triggered")),
        "Heartbeat": _ask(lambda line: line.heartbeat()),
        "FirmwareStatusNotification": _ask(lambda line: line.ask(call.FirmwareStatusNotification("Idle"))),
        "LogStatusNotification": _ask(lambda line: line.ask(call.LogStatusNotification("Idle"))),
        "StatusNotification": lambda line, evse_id: line.tell_status_again(evse_id),
        "MeterValues": lambda line, evse_id: line._commands.tell_meter(evse_id),
        "TransactionEvent": lambda line, evse_id: line._commands.tell_transaction(evse_id),
    }
)
