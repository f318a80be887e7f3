"""Webhooks as the OpenAPI document tells them: a shape for each type, and one for types we do not know.

Nothing is validated by these models; they are put together from those that do (`ocpp_integration.events`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import ConfigDict, Field, create_model

from ocpp_integration.events import PAYLOADS, Event
from webhook_receiver.batches import MAX_EVENTS

_EXAMPLES: dict[str, dict[str, Any]] = {
    "session_started": {"meter_start": 1200, "id_tag": "TAG1", "connector_id": 1},
    "session_progress": {
        "energy_consumed_kwh": 4.25,
        "current_power_kw": 22,
        "duration_seconds": 700,
        "estimated_cost": "42.50",
    },
    "session_stopped": {"final_cost": "125.00", "stop_reason": "EVDisconnected", "meter_stop": 13700},
    "availability_changed": {"connector_id": 1, "status": "available"},
    "station_status": {"status": "available", "is_online": True, "last_heartbeat": "2026-03-04T08:00:00Z"},
    "connector_status": {"connector_id": 1, "status": "SuspendedEV", "error_code": "NoError"},
}


_EXAMPLE = {
    "type": "station_status",
    "data": _EXAMPLES["station_status"],
    "station_id": "STATION_7",
    "event_id": "1",
}


def _of_type(name: str) -> Any:
    payload = PAYLOADS[name]
    about = {"transaction_id": 501} if name.startswith("session_") else {}
    example: Any = {
        "type": name,
        "data": _EXAMPLES[name],
        "station_id": "STATION_7",
        "timestamp": "2026-03-04T08:00:00Z",
        **about,
    }
    named: Any = Literal[name]
    model: Any = create_model(
        f"{payload.__name__}Event",
        __base__=Event,
        __doc__=f"An event of the type {name}.",
        type=(named, ...),
        data=(payload, ...),
    )
    model.model_config = Event.model_config | ConfigDict(json_schema_extra={"examples": [example]})
    model.model_rebuild(force=True)
    return model


UnknownEvent: Any = create_model(
    "UnknownEvent",
    __base__=Event,
    __doc__="An event of a newer backend: taken, and ignored.",
    type=(str, Field(min_length=1, max_length=50, json_schema_extra={"not": {"enum": list(PAYLOADS)}})),
)

WebhookEvent: Any = Union[(*map(_of_type, PAYLOADS), UnknownEvent)]
# Each element is answered for itself, so nothing in it makes the batch wrong.
Batch: Any = Annotated[
    list[Any],
    Field(
        description=f"At most {MAX_EVENTS} events, each as the address of single events takes it",
        examples=[[_EXAMPLE, {**_EXAMPLE, "event_id": "2"}]],
    ),
]
