"""Signatures, the ledger, how far money reaches, and what Chapa answers: without a store."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import settings as configuration
from db.models import ChargingConnector, ChargingSession, OCPPConnector, Tariff
from ocpp_integration.payments.chapa import Chapa
from ocpp_integration.payments.codes import Label, png, sheet, svg
from ocpp_integration.payments.estimate import amount_for, is_used_up
from ocpp_integration.payments.ledger import Balance, Kind, LedgerError
from ocpp_integration.payments.provider import (
    Order,
    PaymentError,
    ProviderDown,
    ProviderRefused,
    ProviderSilent,
    Verified,
)
from ocpp_integration.payments.signature import is_signed, sign
from ocpp_integration.transport import Answer, NoAnswer, NotSent, TransportError

# Vector V7 of the domain.
SECRET = "whsec_test"
BODY = b'{"event":"charge.success","tx_ref":"EV-1001","amount":"506.00","currency":"ETB","status":"success"}'
SIGNATURE = "acbbd3b2d4b419cd5e65cb40523fab175f0a6b3cb7cb33f5609bfc4ac0b21349"
CONSTANT = "c4032bca42d2fa0b351305eeca3fa25e31479849276d1e95c056332e0f05b982"
NOW = datetime(2026, 3, 4, 8, tzinfo=UTC)
TARIFF = Tariff(currency="ETB", price_per_kwh=Decimal(10), vat_percent=Decimal(15))


def test_a_body_is_signed_as_chapa_signs_it() -> None:
    assert (len(BODY), sign(SECRET, BODY), is_signed(SECRET, BODY, SIGNATURE)) == (99, SIGNATURE, True)


@pytest.mark.parametrize("signature", ["", CONSTANT, SIGNATURE[:-1], "\u1230", SIGNATURE.replace("a", "b")])
def test_nothing_else_is_a_signature(signature: str) -> None:
    assert not is_signed(SECRET, BODY, signature)


def test_the_signature_is_over_the_bytes_as_they_came() -> None:
    assert not is_signed(SECRET, json.dumps(json.loads(BODY)).encode(), SIGNATURE)


_MOVES = st.lists(
    st.tuples(st.sampled_from(["paid", "billed", "credited", "refunded"]), st.decimals(-5, 500, places=2)),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(_MOVES)
def test_no_order_of_movements_makes_or_loses_money(moves: list[tuple[Kind, Decimal]]) -> None:
    balance = Balance()
    for kind, amount in moves:
        try:
            balance = balance.moved(kind, amount)
        except LedgerError:
            continue
        assert min(balance.paid, balance.billed, balance.refunded, balance.held) >= 0
        assert balance.paid == balance.billed + balance.refunded + balance.held


def test_a_kwh_costs_what_the_tariff_says() -> None:
    asked = amount_for(TARIFF, 12_500, power_w=22_000, timezone="Africa/Addis_Ababa", now=NOW)
    assert asked == Decimal("125.00")


def test_a_tariff_by_the_hour_is_estimated_at_full_power() -> None:
    by_the_hour = {"price_components": [{"type": "TIME", "price": "60.00", "vat": "0", "step_size": 1}]}
    tariff = Tariff(
        currency="ETB",
        price_per_kwh=Decimal(0),
        vat_percent=Decimal(0),
        document={"currency": "ETB", "tax_included": "YES", "elements": [by_the_hour]},
    )
    assert amount_for(tariff, 11_000, power_w=22_000, timezone="UTC", now=NOW) == Decimal("30.00")


def _session(energy_wh: int, power_w: int = 0, since: int = 0) -> ChargingSession:
    return ChargingSession(
        tariff=TARIFF,
        energy_wh=energy_wh,
        cost=Decimal(energy_wh) / 100,
        power_w=power_w,
        power_at=NOW - timedelta(seconds=since),
    )


@pytest.mark.parametrize(
    ("session", "paid", "wanted_wh", "used_up"),
    [
        (_session(9_999), "100", None, False),
        (_session(10_000), "100", None, True),
        # 60 kW for the 60 s since the report and the 4 s of a stop: 1.066 kWh more.
        (_session(8_930, 60_000, 60), "100", None, False),
        (_session(8_940, 60_000, 60), "100", None, True),
        (_session(4_999), "100", 5_000, False),
        (_session(5_000), "100", 5_000, True),
    ],
)
def test_paid_money_is_used_up_before_more_than_it_flows(
    session: ChargingSession, paid: str, wanted_wh: int | None, used_up: bool
) -> None:
    assert is_used_up(session, Decimal(paid), wanted_wh, NOW) is used_up


class _Http:
    def __init__(self, answer: Answer | TransportError):
        self.answer = answer
        self.asked: list[tuple[str, str, Any, Any]] = []

    def exchange(self, method: str, path: str, *, body: bytes | None, headers: Any) -> Answer:
        self.asked.append((method, path, json.loads(body) if body else None, dict(headers)))
        if isinstance(self.answer, TransportError):
            raise self.answer
        return self.answer


def _chapa(told: Any, status: int = 200) -> tuple[Chapa, _Http]:
    if isinstance(told, TransportError):
        http = _Http(told)
    else:
        http = _Http(Answer(status, told if isinstance(told, bytes) else json.dumps(told).encode()))
    return Chapa("https://chapa.test", "key", http=http), http


ORDER = Order("EV-1001", Decimal(506), "ETB", "+251911223344", "https://o.test/back", "https://o.test/s")


def test_a_payment_is_announced_with_all_that_it_is_checked_by() -> None:
    url = "https://checkout.chapa.co/1"
    chapa, http = _chapa({"status": "success", "data": {"checkout_url": url}})
    assert chapa.initialize(ORDER) == url
    method, path, body, headers = http.asked[0]
    assert (method, path, headers["Authorization"]) == ("POST", "/v1/transaction/initialize", "Bearer key")
    assert (body["amount"], body["currency"], body["tx_ref"]) == ("506.00", "ETB", "EV-1001")
    # Ten digits, as Chapa's pages ask for.
    assert body["phone_number"] == "0911223344"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (NoAnswer("gave no answer in time"), 0),
        (b"<html>Bad gateway</html>", 502),
        (b"<html>Sign in</html>", 200),
        ({"status": "success", "data": {"checkout_url": "http://phishing.test"}}, 200),
        ({"status": "success", "data": None}, 200),
        ({"status": "failed", "message": {"amount": ["too low"]}, "data": None}, 400),
    ],
)
def test_an_announcement_without_a_usable_answer_raises(told: Any, status: int) -> None:
    with pytest.raises(PaymentError):
        _chapa(told, status)[0].initialize(ORDER)


def test_what_chapa_calls_a_payment_is_kept() -> None:
    # Without what no store takes.
    verified = _chapa({"status": "success", "data": PAID | {"reference": "APfP\0Jz3Tb2"}})[0].verify(
        "EV-1001"
    )
    assert verified.provider_reference == "APfPJz3Tb2"


PAID = {"status": "success", "tx_ref": "EV-1001", "amount": 506, "currency": "ETB"}


@pytest.mark.parametrize(
    ("told", "pays"),
    [
        ({"status": "success", "data": PAID}, True),
        ({"status": "success", "data": PAID | {"amount": "506.00"}}, True),
        ({"status": "failed", "data": PAID}, False),
        ({"status": "success", "data": PAID | {"status": "pending"}}, False),
        ({"status": "success", "data": PAID | {"amount": 505.99}}, False),
        ({"status": "success", "data": PAID | {"amount": True}}, False),
        ({"status": "success", "data": PAID | {"amount": "NaN"}}, False),
        ({"status": "success", "data": PAID | {"currency": "USD"}}, False),
        ({"status": "success", "data": PAID | {"tx_ref": "EV-1002"}}, False),
        ({"status": "success", "data": None}, False),
    ],
)
def test_only_all_of_it_together_pays(told: Any, pays: bool) -> None:
    assert _chapa(told)[0].verify("EV-1001").pays("EV-1001", Decimal("506.00"), "ETB") is pays


@pytest.mark.parametrize("amount", [-506, "506.005", "1e300", "Infinity", "-0.01"])
def test_what_is_no_amount_of_a_payment_is_told_as_none(amount: Any) -> None:
    told = {"status": "success", "data": PAID | {"amount": amount}}
    assert _chapa(told)[0].verify("EV-1001") == Verified("success", "EV-1001", None, "ETB")


def test_what_nobody_paid_yet_is_pending() -> None:
    chapa, _ = _chapa({"status": "failed", "message": "Invalid transaction"}, 404)
    assert chapa.verify("EV-1001") == Verified("pending", "EV-1001")


@pytest.mark.parametrize(
    ("told", "status", "error"),
    [
        (NotSent("cannot be reached"), 0, ProviderDown),
        (NoAnswer("gave no answer in time"), 0, ProviderSilent),
        (b"<html>", 200, ProviderSilent),
        ({"message": "Invalid key"}, 401, ProviderSilent),
        ({}, 500, ProviderSilent),
        ({"message": "no"}, 400, ProviderRefused),
    ],
)
def test_a_refund_that_is_not_confirmed_raises(told: Any, status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        _chapa(told, status)[0].refund("EV-1001", Decimal(6))


def test_codes_are_pictures_and_a_sheet_has_six_on_a_page() -> None:
    url = "https://pay.example/pay/xkVwDP0CqbYLcOsMOPrDAw/"
    labels = [Label(url, f"Connector {number}", "CCS 2") for number in range(7)]
    assert (png(url)[:4], b"<svg" in svg(url)) == (b"\x89PNG", True)
    printed = sheet("Bole \u1266\u120c", labels)
    assert (printed[:5], printed.count(b"/Type /Page\n")) == (b"%PDF-", 2)


def test_a_code_names_its_connector_as_people_read_it() -> None:
    described = ChargingConnector(number=2, connector_type="chademo", power_w=50_000)
    label = Label.of(OCPPConnector(connector_id=2, charging_connector=described), "https://pay.example", "t")
    assert label.details == "CHAdeMO  50 kW"


@pytest.mark.parametrize("missing", ["chapa_webhook_secret", "chapa_secret_key", "public_url"])
def test_chapa_is_not_set_up_by_half(missing: str) -> None:
    known = {"chapa_webhook_secret": "s", "chapa_secret_key": "k", "public_url": "https://pay.example"}
    with pytest.raises(configuration.ConfigurationError, match=missing.upper()):
        configuration.load(None, payment_provider="chapa", **known | {missing: None})
