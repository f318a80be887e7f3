"""Whom the product calls: nobody but whom the environment names.

No address that somebody enters on a page or sends to the REST API is ever called, so none has to be checked.
Whoever adds one (a webhook of a customer's own, say) has to build that check and change these tests.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.models import Base
from ocpp_integration.events import PAYLOADS
from settings import ROOT
from webhook_receiver.openapi import document
from webhook_receiver.operations import OPERATIONS

PRODUCT = ("db", "ocpp_integration", "webhook_receiver", "jobs", "dashboard", "ocpp_backend", "management")
# The modules that can call out, and whom: what is passed to them comes from the settings.
CALLERS = {
    "dashboard/gate/provider.py": "OIDC_ISSUER, and the addresses that it names on its own authority",
    "management/doctor.py": "our own processes and the MengedMate of the settings",
    "management/processes.py": "our own processes",
    "ocpp_backend/sender.py": "OCPP_WEBHOOK_URL",
    "ocpp_integration/client.py": "the receiver, for programs that use the client",
    "ocpp_integration/transport.py": "OCPP_BASE_URL and MENGEDMATE_URL",
}
_CLIENTS = re.compile(r"(requests|urllib3|urllib\.request|http\.client|httpx|aiohttp|smtplib|ftplib)(\.|$)")
_EXCEPTIONS_ONLY = re.compile(r"(requests|urllib3)\.exceptions(\.|$)")
_AN_ADDRESS = re.compile(
    r"(^|_)(ur[il]|href|link|host|hostname|endpoint|callback|webhook|websocket)s?(_|$)", re.I
)


def _modules() -> Iterator[Path]:
    for package in PRODUCT:
        yield from (ROOT / package).rglob("*.py")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _given(name: str, position: int) -> set[str]:
    """What each `name(...)` in the product is given at this position, as it is written."""
    return {
        ast.unparse(node.args[position])
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    }


def test_only_known_modules_can_call_out() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in _modules()
        if any(_CLIENTS.match(name) and not _EXCEPTIONS_ONLY.match(name) for name in _imported(path))
    }
    assert found == CALLERS.keys()


@pytest.mark.parametrize(
    ("name", "position", "address"),
    [
        # `url` is CHAPA_URL, `receiver_url` that of our own receiver.
        ("HttpTransport", 0, {"settings.ocpp_settings['BASE_URL']", "origin", "url", "receiver_url"}),
        # Of which `origin` is made; `self._base` is MENGEDMATE_URL.
        ("PlatformHttp", 0, {"self._base"}),
        ("Sender", 1, {"str(settings.ocpp_webhook_url)"}),
    ],
)
def test_what_calls_out_is_given_an_address_of_the_settings(
    name: str, position: int, address: set[str]
) -> None:
    assert _given(name, position) == address


def _asked_for() -> Iterator[str]:
    """Every name in a question to the REST API, and `uri` for each text that is declared to be one."""
    told = document(OPERATIONS)
    asked = [
        part
        for path in told["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for part in (operation.get("parameters", []), operation.get("requestBody", {}))
    ]
    yield from _fields(asked, told["components"], set())


def _fields(schema: object, components: object, seen: set[str]) -> Iterator[str]:
    if isinstance(schema, list):
        for each in schema:
            yield from _fields(each, components, seen)
    elif isinstance(schema, dict):
        if (place := schema.get("$ref")) and place not in seen:
            seen.add(place)
            yield from _fields(_at(place, components), components, seen)
        if "in" in schema:
            yield schema["name"]
        if schema.get("format") in ("uri", "url", "uri-reference"):
            yield "uri"
        if isinstance(properties := schema.get("properties"), dict):
            yield from properties
        for each in schema.values():
            yield from _fields(each, components, seen)


def _at(place: str, components: object) -> object:
    found = components
    for name in place.removeprefix("#/components/").split("/"):
        assert isinstance(found, dict)
        found = found[name]
    return found


def test_no_question_to_the_rest_api_holds_an_address() -> None:
    asked_for = set(_asked_for())
    assert {"charging_station_id", "transaction_id", "station_id", "payment_method"} <= asked_for
    assert {name for name in asked_for if _AN_ADDRESS.search(name)} == set()


def test_no_event_holds_an_address() -> None:
    fields = {name for model in PAYLOADS.values() for name in model.model_fields}
    assert {name for name in fields if _AN_ADDRESS.search(name)} == set()


def test_the_store_keeps_no_address_to_be_called() -> None:
    kept = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if _AN_ADDRESS.search(column.name)
    }
    # Told by the backend for charge points to connect to, and shown; the name of the host that runs a job;
    # where a driver's browser goes to pay and comes back to; when a callback is due.
    assert kept == {
        "ocpp_stations.ocpp_websocket_url",
        "job_runs.host",
        "payments.checkout_url",
        "sandbox_payments.return_url",
        "sandbox_payments.callback_due",
    }
