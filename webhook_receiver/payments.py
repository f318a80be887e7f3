"""Paying at a code, without a login: a token of a connector or of a payment is all that lets in."""

from __future__ import annotations

from flask import Response, jsonify, request

from db.engine import reading, writing
from db.models import ChargingSession, Payment
from ocpp_integration.errors import InvalidRequest
from ocpp_integration.errors import NotFound as Missing
from ocpp_integration.payments import attempts, charging_work, parking, provider_work
from ocpp_integration.payments.provider import PaymentError, Provider
from ocpp_integration.payments.signature import HEADERS, is_signed
from ocpp_integration.payments.tokens import connector_by
from webhook_receiver import billing, objects, payment_objects
from webhook_receiver.commands import succeeded
from webhook_receiver.context import receiver
from webhook_receiver.errors import BadFields, NotFound, Refused, Unauthorized
from webhook_receiver.parameters import (
    InitiatePayment,
    OnePayment,
    OneToken,
    PaymentCallback,
    PaymentReturn,
)

_TAKEN = {"status": "success", "message": "taken"}


def provider() -> Provider:
    """Who takes payments here. Raises `NotFound` where nobody does."""
    found = receiver().provider
    if found is None:
        raise NotFound("no payments are taken here")
    return found


def qr_info(*, path: OneToken) -> Response:
    provider()
    with reading(receiver().engine) as store:
        connector = connector_by(store, path.token)
        if connector is None:
            raise NotFound("there is no such code")
        info = payment_objects.connector_info(store, connector, receiver().clock())
    return jsonify({"success": True, "connector_info": info})


def qr_initiate(*, path: OneToken, body: InitiatePayment) -> Response:
    here = receiver()
    opening = attempts.Attempts(here.engine, provider(), here.settings.phone_url, here.clock)
    try:
        payment = opening.open(path.token, _wish(body))
    except Missing as error:
        raise NotFound("there is no such code") from error
    except InvalidRequest as error:
        raise BadFields(error.errors) from error
    except PaymentError as error:
        raise Refused(502, str(error)) from error
    return jsonify(
        {
            "success": True,
            "message": "payment begun",
            "qr_session": _shown(payment.reference),
            "payment_data": {"checkout_url": payment.checkout_url, "tx_ref": payment.reference},
        }
    )


def qr_session(*, path: OnePayment) -> Response:
    provider()
    return jsonify({"success": True, "qr_session": _shown(path.session_token)})


def qr_stop(*, path: OnePayment) -> Response:
    provider()
    payment, session = _find(path.session_token)
    if not payment_objects.can_stop(payment, session):
        raise BadFields({"session_token": ["There is nothing to stop."]})
    result = charging_work.stop(receiver().engine, receiver().service, payment, receiver().clock())
    if result is not None:
        succeeded(result)
    return qr_session(path=path)


def qr_receipt(*, path: OnePayment) -> Response:
    provider()
    payment, session = _find(path.session_token)
    if session is None or payment.state != "settled":
        raise NotFound("there is no receipt: nothing was billed (yet)")
    with writing(receiver().engine) as store:
        receipt = billing.given(store, session.id)
    return billing.receipt_file(receipt)


def demand_signature() -> None:
    """Raises `Unauthorized` for a callback that is not the provider's, whatever is in it."""
    provider()
    secret = receiver().settings.chapa_webhook_secret
    signatures = [request.headers.get(name, "") for name in HEADERS]
    if secret is None or not any(
        is_signed(secret.get_secret_value(), request.get_data(), each) for each in signatures
    ):
        raise Unauthorized("the signature is missing or wrong", scheme="Signature")


def callback(*, body: PaymentCallback) -> Response:
    """A hint; who can be believed is asked by the jobs."""
    provider_work.ask_soon(receiver().engine, body.tx_ref, receiver().clock())
    return jsonify(_TAKEN)


def returned(*, query: PaymentReturn) -> Response:
    provider()
    if reference := query.trx_ref or query.tx_ref:
        provider_work.ask_soon(receiver().engine, reference, receiver().clock())
    return jsonify(_TAKEN)


def _wish(body: InitiatePayment) -> attempts.Wish:
    """Raises `BadFields` where what the type of payment needs is missing."""
    field = "amount" if body.payment_type == "amount" else "kwh_requested"
    if not (value := getattr(body, field)):
        raise BadFields({field: ["more than nothing is needed"]})
    phone = "+251" + body.phone_number[-9:]
    if field == "amount":
        return attempts.Wish(phone, amount=value, currency=body.currency)
    return attempts.Wish(phone, energy_wh=int(value * 1000), currency=body.currency)


def _find(reference: str) -> tuple[Payment, ChargingSession | None]:
    try:
        return attempts.find(receiver().engine, reference)
    except Missing as error:
        raise NotFound("there is no such payment") from error


def _shown(reference: str) -> objects.QrSession:
    payment, session = _find(reference)
    now = receiver().clock()
    notice = parking.notice(receiver().engine, payment, now)
    return payment_objects.qr_session(payment, session, now, notice)
