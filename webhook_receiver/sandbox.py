"""The page of the sandbox provider, where play money is paid."""

from __future__ import annotations

from flask import Response, jsonify

from ocpp_integration.payments import sandbox
from webhook_receiver import payments, phone_pages
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound
from webhook_receiver.parameters import OnePayment, SandboxDecision


def page(*, path: OnePayment) -> Response:
    if not _is_set_up() or sandbox.find(receiver().engine, path.session_token) is None:
        raise NotFound("there is no such payment")
    return phone_pages.page("sandbox")


def decide(*, path: OnePayment, body: SandboxDecision) -> Response:
    decided = None
    if _is_set_up():
        decided = sandbox.decide(receiver().engine, path.session_token, pays=body.pays)
    if decided is None:
        raise NotFound("there is no such payment")
    return jsonify({"success": True, "return_url": decided.return_url})


def _is_set_up() -> bool:
    return payments.provider().name == "sandbox"
