"""Every address of the receiver, in one table: what it asks for, what it answers, who may call it how often.

The table registers the routes, checks what is asked, and is what the OpenAPI document is made of: an entry
here is a new endpoint, whole. Webhooks and health bring their own blueprints (`view` is None) and are told
here all the same.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request

from ocpp_integration.exports.files import FORMATS
from webhook_receiver import (
    billing,
    codes,
    commands,
    documents,
    exports,
    logs,
    objects,
    parameters,
    payment_objects,
    payments,
    phone_pages,
    sandbox,
    sessions,
    stations,
)
from webhook_receiver.event_schema import Batch, WebhookEvent
from webhook_receiver.operation import Operation, View

API = "/api/ocpp"
PAYMENTS = "/api/payments"

_NO_CODE = {404: ("The code leads to no connector, or no payments are taken", objects.Refusal)}
_NO_PAYMENT = {404: ("There is no such payment, or none are taken", objects.Refusal)}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path=f"{API}/stations/",
        name="list_stations",
        tag="Stations",
        summary="List stations",
        description="By their OCPP id. An owner sees its own, an admin all, a driver those in service.",
        view=stations.list_stations,
        query_model=parameters.Page,
        answer=list[objects.Station],
        is_list=True,
        links={"get_station": ("station_id", "$response.body#/0/station_id")},
    ),
    Operation(
        method="GET",
        path=f"{API}/stations/{{station_id}}/",
        name="get_station",
        tag="Stations",
        summary="One station",
        description="With its connectors.",
        view=stations.get_station,
        path_model=parameters.OneStation,
        answer=objects.StationWithConnectors,
    ),
    Operation(
        method="POST",
        path=f"{API}/sync-station/",
        name="sync_station",
        tag="Stations",
        summary="Tell the OCPP backend about a station",
        description="Sent again it updates; it never makes a second station, so it may be repeated at will.",
        view=commands.sync_station,
        body_model=parameters.SyncStation,
        answer=objects.Synced,
        rate="commands",
        asks_backend=True,
    ),
    Operation(
        method="POST",
        path=f"{API}/initiate-charging/",
        name="initiate_charging",
        tag="Charging",
        summary="Start charging",
        description="Sent once, never repeated by us. A driver starts for itself only.",
        view=commands.initiate_charging,
        body_model=parameters.InitiateCharging,
        answer=objects.Commanded,
        rate="commands",
        is_command=True,
        asks_backend=True,
        links={"get_session": ("transaction_id", "$response.body#/charging_session/transaction_id")},
    ),
    Operation(
        method="POST",
        path=f"{API}/stop-charging/",
        name="stop_charging",
        tag="Charging",
        summary="Stop charging",
        description="Sent once, never repeated by us.",
        view=commands.stop_charging,
        body_model=parameters.StopCharging,
        answer=objects.Commanded,
        rate="commands",
        is_command=True,
        asks_backend=True,
    ),
    Operation(
        method="GET",
        path=f"{API}/session-status/",
        name="session_status",
        tag="Charging",
        summary="Ask the OCPP backend about a session",
        description="Stores what it says, and answers with both.",
        view=commands.session_status,
        query_model=parameters.SessionStatus,
        answer=objects.Asked,
        rate="commands",
        asks_backend=True,
    ),
    Operation(
        method="GET",
        path=f"{API}/sessions/",
        name="list_sessions",
        tag="Sessions",
        summary="List sessions",
        description="Newest first. An owner sees those at its stations, an admin all, a driver its own.",
        view=sessions.list_sessions,
        query_model=parameters.ListSessions,
        answer=list[objects.Session],
        is_list=True,
        links={"get_session": ("transaction_id", "$response.body#/0/transaction_id")},
    ),
    Operation(
        method="GET",
        path=f"{API}/sessions/{{transaction_id}}/",
        name="get_session",
        tag="Sessions",
        summary="One session",
        description="With its station, its connector and its meter values.",
        view=sessions.get_session,
        path_model=parameters.OneSession,
        answer=objects.SessionInFull,
    ),
    Operation(
        method="GET",
        path=f"{API}/sessions/{{transaction_id}}/receipt/",
        name="get_receipt",
        tag="Receipts and statements",
        summary="The receipt of a session",
        description=(
            "Of one that has ended and has a bill. It gets its number when it is first asked for, and is the "
            "same for ever; where the session was corrected since, another one corrects it."
        ),
        view=billing.get_receipt,
        path_model=parameters.OneSession,
        answer=objects.Receipt,
    ),
    Operation(
        method="GET",
        path=f"{API}/sessions/{{transaction_id}}/receipt.pdf",
        name="get_receipt_file",
        tag="Receipts and statements",
        summary="The receipt of a session as a PDF file",
        view=billing.get_receipt_file,
        path_model=parameters.OneSession,
        answer=bytes,
        media_types=("application/pdf",),
    ),
    Operation(
        method="GET",
        path=f"{API}/statements/",
        name="list_statements",
        tag="Receipts and statements",
        summary="List statements",
        description="The last issued first. An owner sees its own, an admin all, a driver none.",
        view=billing.list_statements,
        query_model=parameters.Page,
        answer=list[objects.Statement],
        is_list=True,
        links={"get_statement": ("statement_id", "$response.body#/0/id")},
    ),
    Operation(
        method="GET",
        path=f"{API}/statements/{{statement_id}}/",
        name="get_statement",
        tag="Receipts and statements",
        summary="One statement",
        description="With its lines.",
        view=billing.get_statement,
        path_model=parameters.OneStatement,
        answer=objects.StatementInFull,
    ),
    Operation(
        method="GET",
        path=f"{API}/statements/{{statement_id}}.pdf",
        name="get_statement_file",
        tag="Receipts and statements",
        summary="One statement as a PDF file",
        view=billing.get_statement_file,
        path_model=parameters.OneStatement,
        answer=bytes,
        media_types=("application/pdf",),
    ),
    Operation(
        method="GET",
        path=f"{API}/logs/",
        name="list_logs",
        tag="Logs",
        summary="List log entries",
        description="What passed between us and the OCPP backend, newest first. A driver sees none.",
        view=logs.list_logs,
        query_model=parameters.ListLogs,
        answer=list[objects.Log],
        is_list=True,
    ),
    Operation(
        method="GET",
        path=f"{API}/exports/",
        name="list_exports",
        tag="Exports",
        summary="List the files that can be had",
        description="A driver may have its sessions.",
        view=exports.list_exports,
        answer=list[objects.Export],
        is_list=True,
    ),
    Operation(
        method="GET",
        path=f"{API}/exports/{{name}}.{{format}}",
        name="get_export",
        tag="Exports",
        summary="A table or a report as a file",
        description=(
            "Of the stations that one sees; a driver has its own sessions. It is sent while it is made: "
            "if that fails, it is cut off, never ended as if it were whole. Few are made at a time; "
            "one too many is answered 503. Their columns are told in `docs/exports.md`."
        ),
        view=exports.get_export,
        path_model=parameters.OneExport,
        query_model=parameters.AskedExport,
        answer=list[dict[str, Any]],
        media_types=tuple(FORMATS[name].content_type for name in parameters.EXPORT_FORMATS),
    ),
    Operation(
        method="POST",
        path=f"{API}/webhook/",
        name="webhook",
        tag="Webhooks",
        summary="Take an event of the OCPP backend",
        description=(
            "Signed with the Standard Webhooks headers `webhook-id`, `webhook-timestamp` and "
            "`webhook-signature`, within five minutes. 200 once the event is on the disk, and for one that "
            "is there already. An event of an unknown type is taken and ignored."
        ),
        body_model=WebhookEvent,
        answer=objects.EventTaken,
        rate="webhooks",
        needs_token=False,
        refusals={
            400: ("The event is not valid", objects.EventRefused),
            401: ("The signature is missing, wrong, or too old", objects.EventRefused),
            409: ("Another body was recorded under this event id", objects.EventRefused),
            415: ("The content type is not `application/json`", objects.EventRefused),
        },
    ),
    Operation(
        method="POST",
        path=f"{API}/webhook/batch/",
        name="webhook_batch",
        tag="Webhooks",
        summary="Take up to 1,000 events at once",
        description=(
            "A JSON array of events, or one on each line (`application/x-ndjson`), under one signature over "
            "the whole body. They are recorded in one commit, and each has an answer of its own, in their "
            "order: 200 says only that every event has one. An event is told from others by its `event_id`, "
            "else by its bytes."
        ),
        body_model=Batch,
        answer=objects.BatchTaken,
        rate="webhooks",
        needs_token=False,
        refusals={
            400: ("The batch cannot be taken apart", objects.EventRefused),
            401: ("The signature is missing, wrong, or too old", objects.EventRefused),
            413: ("It is too large, or has too many events", objects.EventRefused),
            415: ("The content type is neither of the two", objects.EventRefused),
        },
    ),
    Operation(
        method="GET",
        path=f"{PAYMENTS}/qr-info/{{token}}/",
        name="qr_info",
        tag="Payments",
        summary="The connector that a code is at",
        description="For whoever scanned it: where it is, what it costs, whether one can charge there now.",
        view=payments.qr_info,
        path_model=parameters.OneToken,
        answer=objects.QrInfo,
        needs_token=False,
        refusals=_NO_CODE,
    ),
    Operation(
        method="POST",
        path=f"{PAYMENTS}/qr-initiate/{{token}}/",
        name="qr_initiate",
        tag="Payments",
        summary="Pay in advance at a code",
        description=(
            "Makes a payment, to be made at `checkout_url` within 15 minutes. Charging begins once the "
            "provider says that it is paid, ends when that is used up, and what is left is given back."
        ),
        view=payments.qr_initiate,
        path_model=parameters.OneToken,
        body_model=parameters.InitiatePayment,
        answer=objects.QrInitiated,
        rate="payments",
        needs_token=False,
        refusals=_NO_CODE | {502: ("The payment provider did not take it", objects.Refusal)},
        links={"qr_session": ("session_token", "$response.body#/qr_session/session_token")},
    ),
    Operation(
        method="GET",
        path=f"{PAYMENTS}/qr-sessions/{{session_token}}/",
        name="qr_session",
        tag="Payments",
        summary="How far a payment and its charge are",
        view=payments.qr_session,
        path_model=parameters.OnePayment,
        answer=objects.QrPayment,
        needs_token=False,
        refusals=_NO_PAYMENT,
    ),
    Operation(
        method="POST",
        path=f"{PAYMENTS}/qr-sessions/{{session_token}}/stop-charging/",
        name="qr_stop_charging",
        tag="Payments",
        summary="Stop a charge that was paid in advance",
        description="Asked for again, it is not sent again. What was not used is given back.",
        view=payments.qr_stop,
        path_model=parameters.OnePayment,
        answer=objects.QrPayment,
        rate="payments",
        needs_token=False,
        asks_backend=True,
        refusals=_NO_PAYMENT | {400: ("There is nothing to stop", objects.FieldErrors)},
    ),
    Operation(
        method="GET",
        path=payment_objects.RECEIPT,
        name="qr_receipt",
        tag="Payments",
        summary="The receipt of a charge that was paid in advance, as a PDF file",
        description="Once it is billed. It gets its number when it is first asked for.",
        view=payments.qr_receipt,
        path_model=parameters.OnePayment,
        answer=bytes,
        media_types=("application/pdf",),
        rate="payments",
        needs_token=False,
        refusals={404: ("There is no such payment, it is not billed, or none are taken", objects.Refusal)},
    ),
    Operation(
        method="POST",
        path=f"{PAYMENTS}/callback/",
        name="payment_callback",
        tag="Payments",
        summary="Hear of the payment provider that something was paid",
        description=(
            "Signed with `x-chapa-signature`, the HMAC-SHA256 of the body in hex. It is a hint only: the "
            "provider is asked, and what it answers counts."
        ),
        view=payments.callback,
        guard=payments.demand_signature,
        body_model=parameters.PaymentCallback,
        answer=objects.CallbackTaken,
        needs_token=False,
        refusals={
            401: ("The signature is missing or wrong", objects.Refusal),
            404: ("No payments are taken", objects.Refusal),
        },
    ),
    Operation(
        method="GET",
        path=f"{PAYMENTS}/callback/",
        name="payment_return",
        tag="Payments",
        summary="The same from a driver's browser, which is believed nothing",
        view=payments.returned,
        query_model=parameters.PaymentReturn,
        answer=objects.CallbackTaken,
        rate="payments",
        needs_token=False,
        refusals={404: ("No payments are taken", objects.Refusal)},
    ),
    Operation(
        method="GET",
        path="/pay/{token}/",
        name="pay_page",
        tag="Payments",
        summary="The page that a code leads to",
        view=phone_pages.pay,
        path_model=parameters.OneToken,
        answer=str,
        media_types=("text/html",),
        needs_token=False,
        refusals=_NO_CODE,
    ),
    Operation(
        method="GET",
        path="/pay/session/{session_token}/",
        name="pay_session_page",
        tag="Payments",
        summary="The page on which a driver follows its charge",
        view=phone_pages.follow,
        path_model=parameters.OnePayment,
        answer=str,
        media_types=("text/html",),
        needs_token=False,
        refusals=_NO_PAYMENT,
    ),
    Operation(
        method="GET",
        path="/sandbox/checkout/{session_token}/",
        name="sandbox_page",
        tag="Payments",
        summary="The sandbox provider's page, where play money is paid",
        view=sandbox.page,
        path_model=parameters.OnePayment,
        answer=str,
        media_types=("text/html",),
        needs_token=False,
        refusals=_NO_PAYMENT,
    ),
    Operation(
        method="POST",
        path="/sandbox/checkout/{session_token}/",
        name="sandbox_decide",
        tag="Payments",
        summary="Pay at the sandbox provider, or do not",
        description="Only the first decision counts.",
        view=sandbox.decide,
        path_model=parameters.OnePayment,
        body_model=parameters.SandboxDecision,
        answer=objects.SandboxDecided,
        rate="payments",
        needs_token=False,
        refusals=_NO_PAYMENT,
    ),
    Operation(
        method="GET",
        path=f"{PAYMENTS}/qr-codes/{{station_id}}/sheet.pdf",
        name="qr_sheet",
        tag="Payments",
        summary="A station's codes, to be printed",
        view=codes.sheet,
        path_model=parameters.OneSheet,
        answer=str,
        media_types=("application/pdf",),
    ),
    Operation(
        method="GET",
        path=f"{PAYMENTS}/qr-codes/{{station_id}}/{{connector_id}}.{{kind}}",
        name="qr_code",
        tag="Payments",
        summary="The code of a connector",
        view=codes.code,
        path_model=parameters.OneCode,
        answer=str,
        media_types=("image/png", "image/svg+xml"),
    ),
    Operation(
        method="POST",
        path=f"{PAYMENTS}/qr-codes/{{station_id}}/{{connector_id}}/revoke/",
        name="revoke_qr_code",
        tag="Payments",
        summary="Have the code of a connector lead nowhere any more",
        description="The next one that is asked for is another. Charges that were begun by it go on.",
        view=codes.revoke,
        path_model=parameters.OneConnector,
        answer=objects.Revoked,
    ),
    Operation(
        method="GET",
        path="/healthz",
        name="health",
        tag="Service",
        summary="Whether the process answers",
        description="The store is not asked.",
        answer=objects.Health,
        rate="none",
        needs_token=False,
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="ready",
        tag="Service",
        summary="Whether the process can do its work",
        description=(
            "Asks the store, its schema, the backlog and the jobs; each check that fails says what to do. "
            "Figures and the version are told to those who may read the metrics."
        ),
        query_model=parameters.Ready,
        answer=objects.Ready,
        rate="none",
        needs_token=False,
        refusals={503: ("A check fails", objects.Ready)},
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        tag="Service",
        summary="Figures for Prometheus",
        description=(
            "With `METRICS_TOKEN` set, for those who send it as a bearer token; else only for this machine."
        ),
        answer=str,
        media_types=("text/plain",),
        rate="none",
        needs_token=False,
        refusals={
            401: ("The token is missing or wrong", objects.Refusal),
            404: ("Not for other machines", objects.Refusal),
        },
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        name="openapi",
        tag="Service",
        summary="This document",
        view=documents.openapi_json,
        answer=dict[str, Any],
        rate="none",
        needs_token=False,
    ),
    Operation(
        method="GET",
        path="/docs",
        name="docs",
        tag="Service",
        summary="This document as a page",
        view=documents.page,
        answer=str,
        media_types=("text/html",),
        rate="none",
        needs_token=False,
    ),
)

_BY_ROUTE = {(operation.method, operation.rule): operation for operation in OPERATIONS}


def current() -> Operation | None:
    """The operation that the current request is for."""
    method, rule = request.method, request.url_rule
    return _BY_ROUTE.get(("GET" if method == "HEAD" else method, rule.rule)) if rule else None


def register(app: Flask) -> None:
    app.extensions[documents.NAME] = documents.Documents(OPERATIONS)
    for operation in OPERATIONS:
        if operation.view is not None:
            app.add_url_rule(
                operation.rule,
                endpoint=operation.name,
                view_func=_handler(operation, operation.view),
                methods=[operation.method],
                provide_automatic_options=False,
            )


def _handler(operation: Operation, view: View) -> View:
    def handle(**in_path: str) -> Response:
        return view(**operation.read(in_path))

    return handle
