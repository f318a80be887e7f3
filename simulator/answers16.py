"""What a charge point answers to its central system in OCPP 1.6J. It answers first and acts after it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

from ocpp.routing import after, on
from ocpp.v16 import call, call_result

from simulator.configuration import Change
from simulator.peer import Peer, verdict

_CHANGES: Mapping[Change, str] = MappingProxyType(
    {"Accepted": "Accepted", "Rejected": "Rejected", "ReadOnly": "Rejected", "Unknown": "NotSupported"}
)


class Answers16(Peer):
    @on("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def on_remote_start(self, id_tag: str, connector_id: int | None = None, **_: object) -> Any:
        return call_result.RemoteStartTransaction(verdict(self._commands.may_start(id_tag, connector_id)))

    @after("RemoteStartTransaction")  # type: ignore[untyped-decorator]
    def after_remote_start(self, id_tag: str, **_: object) -> None:
        self._commands.start(id_tag)

    @on("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    def on_remote_stop(self, transaction_id: int, **_: object) -> Any:
        return call_result.RemoteStopTransaction(verdict(self._commands.may_stop(transaction_id)))

    @after("RemoteStopTransaction")  # type: ignore[untyped-decorator]
    def after_remote_stop(self, transaction_id: int, **_: object) -> None:
        self._commands.stop(transaction_id)

    @on("Reset")  # type: ignore[untyped-decorator]
    def on_reset(self, **_: object) -> Any:
        return call_result.Reset(verdict(True))

    @after("Reset")  # type: ignore[untyped-decorator]
    def after_reset(self, type: str, **_: object) -> None:
        self._commands.reset("HardReset" if type == "Hard" else "SoftReset")

    @on("UnlockConnector")  # type: ignore[untyped-decorator]
    def on_unlock(self, connector_id: int, **_: object) -> Any:
        status: Any = "Unlocked" if self._commands.has(connector_id) else "NotSupported"
        return call_result.UnlockConnector(status)

    @after("UnlockConnector")  # type: ignore[untyped-decorator]
    def after_unlock(self, connector_id: int, **_: object) -> None:
        self._commands.unlock(connector_id)

    @on("ChangeAvailability")  # type: ignore[untyped-decorator]
    def on_change_availability(self, connector_id: int, type: str, **_: object) -> Any:
        answer: Any = self._commands.availability_answer(connector_id or None, type == "Operative")
        return call_result.ChangeAvailability(answer)

    @after("ChangeAvailability")  # type: ignore[untyped-decorator]
    def after_change_availability(self, connector_id: int, type: str, **_: object) -> None:
        self._commands.change_availability(connector_id or None, type == "Operative")

    @on("ClearCache")  # type: ignore[untyped-decorator]
    def on_clear_cache(self, **_: object) -> Any:
        self._commands.clear_cache()
        return call_result.ClearCache(verdict(True))

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def on_get_configuration(self, key: list[str] | None = None, **_: object) -> Any:
        configuration = self._commands.configuration
        wanted = key or [v.key for v in configuration.variables if v.key]
        found = {name: configuration.with_key(name) for name in wanted}
        return call_result.GetConfiguration(
            configuration_key=[
                {"key": v.key, "readonly": v.takes is None, "value": configuration.get(v)}
                for v in found.values()
                if v is not None
            ],
            unknown_key=[name for name, variable in found.items() if variable is None],
        )

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def on_change_configuration(self, key: str, value: str, **_: object) -> Any:
        configuration = self._commands.configuration
        status: Any = _CHANGES[configuration.change(configuration.with_key(key), value)]
        return call_result.ChangeConfiguration(status)

    @after("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def after_change_configuration(self, **_: object) -> None:
        self._commands.apply_changes()

    @on("TriggerMessage")  # type: ignore[untyped-decorator]
    def on_trigger(self, requested_message: str, connector_id: int | None = None, **_: object) -> Any:
        if requested_message not in _TRIGGERS:
            status = "NotImplemented"
        else:
            status = verdict(connector_id is None or self._commands.has(connector_id))
        return call_result.TriggerMessage(status)

    @after("TriggerMessage")  # type: ignore[untyped-decorator]
    def after_trigger(self, requested_message: str, connector_id: int | None = None, **_: object) -> None:
        trigger = _TRIGGERS.get(requested_message)
        if trigger is not None and (connector_id is None or self._commands.has(connector_id)):
            trigger(self, connector_id)


def _ask(request: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[Any, int | None], None]:
    return lambda line, _connector_id: line.later(request(line))


_TRIGGERS: Mapping[str, Callable[[Any, int | None], None]] = MappingProxyType(
    {
        "BootNotification": _ask(lambda line: line.boot("Triggered")),
        "Heartbeat": _ask(lambda line: line.heartbeat()),
        "FirmwareStatusNotification": _ask(lambda line: line.ask(call.FirmwareStatusNotification("Idle"))),
        "DiagnosticsStatusNotification": _ask(
            lambda line: line.ask(call.DiagnosticsStatusNotification("Idle"))
        ),
        "StatusNotification": lambda line, connector_id: line._commands.tell_status(connector_id),
        "MeterValues": lambda line, connector_id: line._commands.tell_meter(connector_id),
    }
)
