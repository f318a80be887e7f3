"""Chapa (https://developer.chapa.co): initialize, verify and refund over its HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import orjson

from db.texts import storable
from ocpp_integration.payments.provider import (
    Order,
    ProviderDown,
    ProviderRefused,
    ProviderSilent,
    Verified,
)
from ocpp_integration.transport import Answer, HttpTransport, NoAnswer, NotSent, Transport

SECONDS = 15.0
_LONGEST_REFERENCE = 255
_TOO_MUCH = Decimal(10) ** 12
_STATUSES: Mapping[str, Literal["success", "failed"]] = {
    "success": "success",
    "failed": "failed",
    "failed/cancelled": "failed",
    "cancelled": "failed",
}


class Chapa:
    name = "chapa"

    def __init__(self, url: str, secret_key: str, *, http: Transport | None = None):
        self._http = http or HttpTransport(url, seconds=SECONDS)
        self._headers = {"Authorization": f"Bearer {secret_key}", "Content-Type": "application/json"}

    def initialize(self, order: Order) -> str:
        told = self._ask(
            "POST",
            "/v1/transaction/initialize",
            {
                "amount": f"{order.amount:.2f}",
                "currency": order.currency,
                # As Chapa wants it: ten digits, 09... or 07...
                "phone_number": f"0{order.phone[-9:]}",
                "tx_ref": order.reference,
                "callback_url": order.callback_url,
                "return_url": order.return_url,
            },
        )
        url = _text(_data(told), "checkout_url") or ""
        if told.get("status") != "success" or not url.startswith("https://"):
            raise ProviderSilent("Chapa's answer has no checkout address.")
        return url

    def verify(self, reference: str) -> Verified:
        try:
            told = self._ask("GET", f"/v1/transaction/verify/{reference}")
        except ProviderRefused:
            # Before the driver has paid there is nothing to verify, which is answered 404 or 400.
            return Verified("pending", reference)
        data = _data(told)
        status = _STATUSES.get(str(data.get("status")).lower())
        if status is None or (status == "success" and told.get("status") != "success"):
            return Verified("pending", reference)
        return Verified(
            status,
            str(data.get("tx_ref")),
            _amount(data.get("amount")),
            _text(data, "currency"),
            (_text(data, "reference") or "")[:_LONGEST_REFERENCE] or None,
        )

    def refund(self, reference: str, amount: Decimal) -> None:
        told = self._ask("POST", f"/v1/refund/{reference}", {"amount": f"{amount:.2f}"})
        if told.get("status") != "success":
            raise ProviderSilent("Chapa did not say that the refund is made.")

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        raw = None if body is None else orjson.dumps(body)
        try:
            answer = self._http.exchange(method, path, body=raw, headers=self._headers)
        except NotSent as error:
            raise ProviderDown("Chapa cannot be reached.") from error
        except NoAnswer as error:
            raise ProviderSilent(f"Chapa {error}.") from error
        told = _decoded(answer)
        if answer.status in (401, 403, 408, 429) or answer.status >= 500:
            raise ProviderSilent(f"Chapa answered {answer.status}{_said(told)}")
        if not 200 <= answer.status < 300:
            raise ProviderRefused(f"Chapa refused ({answer.status}){_said(told)}")
        if told is None:
            raise ProviderSilent("Chapa's answer is not JSON.")
        return told


def _decoded(answer: Answer) -> dict[str, Any] | None:
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None


def _said(told: Mapping[str, Any] | None) -> str:
    message = told.get("message") if told else None
    return f": {storable(message)[:200]}" if isinstance(message, str) else "."


def _data(told: Mapping[str, Any]) -> Mapping[str, Any]:
    data = told.get("data")
    return data if isinstance(data, dict) else {}


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return storable(value) if isinstance(value, str) else None


def _amount(value: object) -> Decimal | None:
    """None for what cannot be the amount of a payment, and could not be booked."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    is_money = amount.is_finite() and 0 <= amount < _TOO_MUCH and amount == round(amount, 2)
    return amount if is_money else None
