"""The shapes of all answers. `serializers` makes them, mypy checks that, and the OpenAPI document tells them.

Every key is always present; what is not known is null. More keys may be added.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, get_args

from pydantic import Field
from typing_extensions import TypedDict

from ocpp_integration.events import ConnectorStatus, StationStatus
from ocpp_integration.pricing.bill import What

SESSION_STATUSES = (
    "pending",
    "started",
    "charging",
    "suspended",
    "stopping",
    "stopped",
    "completed",
    "failed",
)
PAYMENT_STATUSES = ("pending", "authorized", "completed", "failed", "refunded")
PREPAID_STATUSES = ("pending", "failed", "expired", "mismatched", "paid", "charging", "settled")
REFUND_STATUSES = ("due", "sent", "done", "by_hand")
VERDICTS = ("counted", "held", "accepted", "corrected")
LOG_LEVELS = ("debug", "info", "warning", "error")
MESSAGE_TYPES = ("call", "call_result", "call_error")


def _enum(*choices: str) -> Any:
    return Field(json_schema_extra={"enum": list(choices)})


def _text(format_: str, description: str = "", *examples: str) -> Any:
    return Field(
        description=description or None,
        examples=list(examples) or None,
        json_schema_extra={"format": format_},
    )


Time = Annotated[str, _text("date-time", "ISO 8601, UTC", "2026-03-04T08:00:00Z")]
Id = Annotated[str, _text("uuid")]
Energy = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{3}$", description="kWh", examples=["12.500"])]
Power = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="kW", examples=["22.00"])]
Money = Annotated[
    str,
    Field(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="In the station's currency", examples=["125.00"]),
]
Value = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{3}$", examples=["22000.000"])]


class Station(TypedDict):
    """A charge point at its place."""

    id: int
    station_id: Annotated[str, Field(description="Its OCPP id", examples=["STATION_7"])]
    charging_station: Annotated[Id, Field(description="The platform's id of its place")]
    charging_station_name: str
    charging_station_address: str
    owner_name: str
    vendor: str | None
    model: str | None
    firmware_version: str | None
    status: Annotated[str, _enum(*get_args(StationStatus))]
    ocpp_websocket_url: Annotated[str | None, Field(description="Where the charge point connects to")]
    last_heartbeat: Time | None
    is_online: bool
    created_at: Time
    updated_at: Time


class Connector(TypedDict):
    """One connector of a charge point."""

    id: int
    connector_id: Annotated[int, Field(description="Its number at the station, from 1")]
    charging_connector: Annotated[int | None, Field(description="The platform's id of it")]
    charging_connector_type: str | None
    charging_connector_power: Power | None
    status: Annotated[str, _enum(*get_args(ConnectorStatus))]
    error_code: str | None
    info: str | None
    vendor_id: str | None
    vendor_error_code: str | None
    created_at: Time
    updated_at: Time


class StationWithConnectors(Station):
    """A charge point at its place, with its connectors."""

    connectors: list[Connector]


class SessionMeterValue(TypedDict):
    """One value that the charge point measured."""

    id: int
    timestamp: Time
    measurand: Annotated[str, Field(examples=["energy_active_import_register", "power_active_import", "soc"])]
    value: Value
    unit: str | None
    context: str | None
    location: str | None
    phase: str | None
    created_at: Time


class _SessionFacts(TypedDict):
    id: int
    transaction_id: Annotated[int | None, Field(description="The backend's number of it")]
    user: Id | None
    user_email: str | None
    user_name: str | None
    station_name: str
    station_address: str
    connector_type: str | None
    payment_transaction_id: str | None
    payment_method: str | None
    id_tag: str | None
    status: Annotated[str, _enum(*SESSION_STATUSES)]
    payment_status: Annotated[str, _enum(*PAYMENT_STATUSES)]
    start_time: Time
    stop_time: Time | None
    duration_seconds: Annotated[int | None, Field(description="From start to stop, or so far", ge=0)]
    energy_consumed_kwh: Energy | None
    current_power_kw: Power | None
    max_power_kw: Power | None
    estimated_cost: Money | None
    final_cost: Annotated[
        Money | None, Field(description="Null until the session has ended, and while it is held back")
    ]
    stop_reason: str | None
    meter_start: Annotated[int | None, Field(description="Wh")]
    meter_stop: Annotated[int | None, Field(description="Wh")]
    meter_values: list[SessionMeterValue]
    flags: Annotated[
        list[str], Field(description="What is odd about it", examples=[["estimated_stop", "high_energy"]])
    ]
    verdict: Annotated[
        str | None,
        Field(
            description="Held: it cannot be as reported and counts nowhere until an admin has accepted or "
            "corrected it. Null while it runs, and where it was never judged; such a session counts",
            json_schema_extra={"enum": [*VERDICTS, None]},
        ),
    ]
    created_at: Time
    updated_at: Time


class Session(_SessionFacts):
    """A session as lists hold it: station and connector by their id, `meter_values` an empty list."""

    ocpp_station: int
    ocpp_connector: int | None


class SessionInFull(_SessionFacts):
    """A session as its own address holds it: station and connector whole, all meter values."""

    ocpp_station: Station
    ocpp_connector: Connector | None


class Log(TypedDict):
    """What passed between us and the OCPP backend."""

    id: int
    station_id: str | None
    session_transaction_id: int | None
    level: Annotated[str, _enum(*LOG_LEVELS)]
    message_type: Annotated[str, _enum(*MESSAGE_TYPES)]
    action: str
    message: str
    raw_data: dict[str, Any]
    timestamp: Time


class Statement(TypedDict):
    """What an owner's sessions of a month came to, in one currency. It is never changed."""

    id: int
    name: Annotated[str, Field(examples=["S1-2026-03-ETB"])]
    owner_name: str
    month: Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}$", examples=["2026-03"])]
    currency: str
    issued_at: Time
    sessions: Annotated[int, Field(description="Of the month itself")]
    energy_kwh: Energy
    gross: Annotated[Money, Field(description="What drivers pay")]
    vat: Annotated[Money, Field(description="In it, as far as it is known")]
    fee: Annotated[Money, Field(description="What the platform keeps")]
    due: Annotated[Money, Field(description="To the owner")]


class StatementLine(TypedDict):
    """One session, or how it differs from what an earlier statement said of it."""

    kind: Annotated[str, _enum("session", "late", "correction")]
    stated_month: Annotated[str | None, Field(description="Of a correction: where it was stated first")]
    station_name: str
    connector_number: int | None
    session: Annotated[str, Field(description="Its transaction id, or its name in the file it came from")]
    ended_at: Time
    energy_kwh: Energy
    gross: Money
    vat: Money
    fee_percent: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]{2}$")]
    fee: Money


class StatementInFull(Statement):
    """A statement with its lines, in the order in which the sessions ended."""

    lines: list[StatementLine]


class ReceiptLine(TypedDict):
    """What is paid for: `volume` in kWh or hours, of a fee 1."""

    what: Annotated[str, _enum(*get_args(What))]
    volume: str
    price: str
    vat: Annotated[str | None, Field(description="Percent")]
    net: str
    gross: str | None


class Receipt(TypedDict):
    """What a session was charged with. It is never changed; a later correction makes another one."""

    name: Annotated[str, Field(examples=["R1-2026-000007"])]
    issued_at: Time
    corrects: Annotated[str | None, Field(description="The receipt before, where this corrects one")]
    transaction_id: int | None
    owner_name: str
    station_id: str
    station_name: str
    station_address: str
    connector_number: int | None
    start_time: Time
    stop_time: Time
    timezone: Annotated[str, Field(description="Whose clock the file tells its times on")]
    meter_start: Annotated[int | None, Field(description="Wh")]
    meter_stop: Annotated[int | None, Field(description="Wh")]
    energy_kwh: Energy
    currency: str
    lines: Annotated[list[ReceiptLine], Field(description="None where no price tells how it came about")]
    tax_included: Annotated[bool, Field(description="Whether the prices of the lines contain their VAT")]
    vat: Money | None
    total: Money


BackendAnswer = Annotated[dict[str, Any], Field(description="What the OCPP backend answered, as it came")]
Success = Annotated[bool, Field(json_schema_extra={"const": True})]


class Synced(TypedDict):
    """The station is known to the OCPP backend."""

    success: Success
    message: str
    data: BackendAnswer


class Commanded(TypedDict):
    """The command was accepted; what comes of it is read from the session."""

    success: Success
    message: str
    charging_session: Session | None
    data: BackendAnswer


class Asked(TypedDict):
    """A session as the OCPP backend sees it now."""

    success: Success
    charging_session: Session | None
    data: BackendAnswer


class Export(TypedDict):
    """A file that can be had."""

    name: Annotated[str, Field(examples=["sessions"])]
    description: str
    formats: Annotated[list[str], Field(examples=[["csv", "xlsx", "parquet"]])]


class Health(TypedDict):
    """The process answers."""

    status: Annotated[str, Field(json_schema_extra={"const": "ok"})]


class EventTaken(TypedDict):
    """The event is on the disk, from now on or from before."""

    status: Annotated[str, Field(json_schema_extra={"const": "success"})]
    message: str


class _EventRefusal(TypedDict):
    status: Annotated[str, Field(json_schema_extra={"const": "error"})]
    message: str


class EventRefused(_EventRefusal, total=False):
    """The event was not taken; `errors` names what is wrong with it."""

    errors: dict[str, list[str]]


class _EventAnswered(TypedDict):
    status_code: int
    status: Annotated[str, Field(json_schema_extra={"enum": ["success", "error"]})]
    message: str


class EventAnswered(_EventAnswered, total=False):
    """What one event of a batch is answered: what the address of single events would."""

    errors: dict[str, list[str]]


class BatchTaken(TypedDict):
    """An answer for each event, in their order; `status` is an error where one of them is."""

    status: Annotated[str, Field(json_schema_extra={"enum": ["success", "error"]})]
    message: str
    answers: list[EventAnswered]


class _Check(TypedDict):
    status: Annotated[str, Field(json_schema_extra={"enum": ["ok", "failing"]})]
    message: str


class Check(_Check, total=False):
    """What a check found; `message` says what to do where it fails."""

    received: int
    waiting: int
    dead: int
    oldest_seconds: float
    due: dict[str, str]


class Ready(TypedDict):
    """Every check by its name."""

    status: Annotated[str, Field(json_schema_extra={"enum": ["ok", "failing"]})]
    checks: dict[str, Check]
    version: NotRequired[str]


class ConnectorInfo(TypedDict):
    """What stands at a connector's code. `reason` says why nobody can charge there now."""

    station_name: str
    station_address: str
    connector_number: int
    connector_type: str | None
    connector_type_told: Annotated[
        dict[str, str | None], Field(description="As people read it, such as `CCS 2`, by language")
    ]
    power_kw: Power | None
    currency: str
    price_per_kwh: Annotated[str | None, Field(description="With VAT, where that is all that is asked")]
    price_in_words: list[str]
    price_told: Annotated[dict[str, list[str]], Field(description="The same by language, such as `am`")]
    status: Annotated[str, _enum(*get_args(ConnectorStatus))]
    is_available: bool
    reason: str | None
    reason_told: Annotated[dict[str, str | None], Field(description="The same by language, such as `am`")]
    least_amount: Money
    most_amount: Money


class QrInfo(TypedDict):
    success: Annotated[bool, Field(json_schema_extra={"const": True})]
    connector_info: ConnectorInfo


class QrSession(TypedDict):
    """A payment at a code, and its charge. `paid` is `billed`, `refunded` and `held` together."""

    session_token: str
    status: Annotated[str, _enum(*PREPAID_STATUSES)]
    station_name: str
    connector_number: int
    timezone: Annotated[str, Field(description="The station's, such as `Africa/Addis_Ababa`")]
    currency: str
    amount: Money
    kwh_requested: Energy | None
    expires_at: Time
    checkout_url: Annotated[str | None, Field(description="Where it is paid, as long as it is to be")]
    paid: Money
    billed: Money
    refunded: Money
    held: Money
    refund_status: Annotated[str | None, _enum(*REFUND_STATUSES, None)]
    charging_status: Annotated[str | None, _enum(*SESSION_STATUSES, None)]
    energy_kwh: Energy | None
    power_kw: Power | None
    cost: Money | None
    start_time: Time | None
    stop_time: Time | None
    duration_seconds: int | None
    can_stop: bool
    receipt_url: Annotated[str | None, Field(description="Where its receipt is had, once it is billed")]
    reason: Annotated[str | None, Field(description="Why no charge came of it, or what its driver is to do")]
    reason_told: Annotated[dict[str, str | None], Field(description="The same by language, such as `am`")]


class QrPayment(TypedDict):
    success: Annotated[bool, Field(json_schema_extra={"const": True})]
    qr_session: QrSession


class PaymentData(TypedDict):
    checkout_url: str
    tx_ref: str


class QrInitiated(QrPayment):
    message: str
    payment_data: PaymentData


class CallbackTaken(TypedDict):
    """Whether anything came of it is not told."""

    status: Annotated[str, Field(json_schema_extra={"const": "success"})]
    message: str


class SandboxDecided(TypedDict):
    success: Annotated[bool, Field(json_schema_extra={"const": True})]
    return_url: str


class Revoked(TypedDict):
    success: Annotated[bool, Field(json_schema_extra={"const": True})]
    message: str


class Refusal(TypedDict):
    """Nothing was done; `error` says why in a sentence."""

    success: Annotated[bool, Field(json_schema_extra={"const": False})]
    error: str


FieldErrors = Annotated[
    dict[str, list[str]],
    Field(
        title="FieldErrors",
        description="Each wrong field with its reasons; what the body as a whole lacks is under `body`",
        examples=[{"connector_id": ["The connector is not available: charging."]}],
        min_length=1,
    ),
]
