"""A week of drivers who pay at codes, in which everything goes wrong, by a simulated clock.

Each driver is a story: a generator that does something and yields how many seconds pass until it goes on.
Between the doings the jobs run, as the scheduler has them run; callbacks go through the receiver itself.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import factories
from flask.testing import FlaskClient
from payment_stage import PHONE, Provider
from receiver_app import FakeBackend, make_settings
from sqlalchemy import Engine, select, update
from tariff_makers import IDLE

from db.engine import reading, writing
from db.models import (
    ChargingSession,
    OCPPStation,
    Payment,
    SandboxPayment,
    StationOwner,
    Tariff,
    User,
)
from ocpp_integration import events, quarantine, reconcile
from ocpp_integration.backend import BackendClient
from ocpp_integration.billing import receipts, statements
from ocpp_integration.errors import IntegrationError
from ocpp_integration.lifecycle import apply_event
from ocpp_integration.payments import charging_work, movements, provider_work, sandbox
from ocpp_integration.payments.attempts import CALLBACK, Attempts, Wish
from ocpp_integration.payments.provider import ProviderDown, ProviderRefused, ProviderSilent
from ocpp_integration.payments.tokens import token_of
from ocpp_integration.pricing import parse
from ocpp_integration.quarantine import Correction
from ocpp_integration.services import OCPPIntegrationService
from ocpp_integration.transport import Answer, NoAnswer, NotSent
from webhook_receiver.app import make_app
from webhook_receiver.context import of

BEGIN = datetime(2026, 3, 28, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
# Two days later it is another month.
STRADDLING = BEGIN + timedelta(days=3)
_TICK = timedelta(hours=6)
# When the jobs look again after something was done: at once, a second later, and when a bill is due.
_LOOKS = (0, 1, 12)
_BUSY = (409, {"error": "The connector is taken.", "code": "connector_busy"})
_AWAY = (503, {"error": "The charge point is away.", "code": "station_offline"})
_LATE = (504, {"error": "The charge point did not answer.", "code": "no_answer"})

SECRET = "whsec_test"
Story = Generator[float, None, None]


class Killed(BaseException):
    """The process ended here, as a power cut ends it."""


class Backend(FakeBackend):
    """Begins a transaction for each start, unless a station has a fault; keeps what it began for whom."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, Any] = {}
        self.begun: dict[str, int] = {}
        self.stopped: list[int] = []
        self.last = 5000

    def exchange(self, _method: str, path: str, *, body: bytes | None, headers: Any) -> Answer:  # noqa: ARG002
        asked = json.loads(body or b"{}")
        self.asked.append((path, asked))
        if path.endswith("/stop-charging/"):
            self.stopped.append(asked["transaction_id"])
            return Answer(200, b'{"status": "Stopping"}')
        fault = self.faults.get(asked["station_id"])
        if fault in (None, _LATE) or isinstance(fault, NoAnswer | Killed):
            self.last += 1
            self.begun[asked["payment_transaction_id"]] = self.last
        if isinstance(fault, BaseException):
            raise fault
        started = {"transaction": {"transaction_id": self.last, "status": "Started"}}
        status, told = fault or (200, started)
        return Answer(status, json.dumps(told).encode())


class Bank(Provider):
    """The sandbox, in which refunds may be cut short after they were made."""

    dies = False

    def refund(self, reference: str, amount: Decimal) -> None:
        super().refund(reference, amount)
        if self.dies:
            self.dies = False
            raise Killed


@dataclass
class Place:
    """A station of one connector, where the drivers of one story come."""

    station_id: str
    token: str
    connector_pk: int


class Week:
    def __init__(self, engine: Engine, seed: int):
        self.engine = engine
        self.now = BEGIN
        self.chance = random.Random(seed)
        self.backend = Backend()
        # Which callbacks are lost on their way.
        self.lost: set[str] = set()
        settings = make_settings(engine)
        client = BackendClient(
            settings, http=self.backend, sleep=lambda _: None, clock=lambda: self.now.timestamp()
        )
        self.service = OCPPIntegrationService(
            settings=settings, engine=engine, backend=client, clock=self.clock
        )
        self.bank = Bank(engine, "http://phones.test")
        self.attempts = Attempts(engine, self.bank, "http://phones.test", self.clock)
        self.app = make_app(settings, engine=engine, service=self.service, clock=self.clock)
        self.phone: FlaskClient = self.app.test_client()
        with writing(engine) as store:
            self.owner = factories.add_owner(store).id
            self.plain = factories.add_tariff(store).id
            self.idle = _idle_tariff(store).id
            factories.add_user(store)

    def clock(self) -> datetime:
        return self.now

    @staticmethod
    def begin_day() -> date:
        return BEGIN.date()

    def place(self, name: str, *, asks_for_idle_time: bool = False) -> Place:
        with writing(self.engine) as store:
            tariff = store.get_one(Tariff, self.idle if asks_for_idle_time else self.plain)
            owner = store.get_one(StationOwner, self.owner)
            station = factories.add_station(store, owner, name, connectors=1, tariff=tariff)
            connector = station.connectors[0]
            return Place(station.station_id, token_of(store, connector, self.now), connector.id)

    def play(self, stories: list[tuple[datetime, Story]]) -> None:
        """Until the last story has ended, and for two hours more."""
        queue: list[tuple[datetime, int, Story]] = [(at, n, each) for n, (at, each) in enumerate(stories)]
        heapq.heapify(queue)
        end = BEGIN + WEEK
        while queue:
            at, number, story = heapq.heappop(queue)
            self._rest(at)
            pause = next(story, None)
            looked = self.now
            for seconds in _LOOKS:
                if pause is None or seconds <= pause:
                    self.now = max(self.now, looked + timedelta(seconds=seconds))
                    self.work()
            if pause is not None:
                heapq.heappush(queue, (looked + timedelta(seconds=pause), number, story))
            end = max(end, self.now + timedelta(hours=2))
        self._rest(end)

    def _rest(self, until: datetime) -> None:
        """Nothing happens but that time passes."""
        while self.now < until:
            self.now = min(until, self.now + _TICK)
            self.work()

    def work(self) -> None:
        """One run of each job that has to do with money."""
        self._call_back()
        with reading(self.engine) as store:
            due, opened = provider_work.due(store, self.now), charging_work.open_payments(store)
        for payment_id in due:
            self._one(lambda pk: provider_work.work(self.engine, self.bank, pk, self.now), payment_id)
        for payment_id in opened:
            self._one(lambda pk: charging_work.work(self.engine, self.service, pk, self.now), payment_id)
        reconcile.settle_unanswered(self.engine, now=self.now, start_within=timedelta(seconds=60))

    def _one(self, step: Callable[[int], None], payment_id: int) -> None:
        try:
            step(payment_id)
        except IntegrationError:
            return
        except Killed:
            # Nobody gave the lease back.
            with writing(self.engine) as store:
                until = self.now + movements.LEASE
                store.execute(update(Payment).where(Payment.id == payment_id).values(leased_until=until))

    def _call_back(self) -> None:
        with reading(self.engine) as store:
            due = store.scalars(select(SandboxPayment).where(SandboxPayment.callback_due)).all()
        for each in due:
            if each.reference not in self.lost:
                self.call_back(each)
            with writing(self.engine) as store:
                store.get_one(SandboxPayment, each.reference).callback_due = False

    def call_back(self, payment: SandboxPayment, secret: str = SECRET) -> int:
        body, headers = sandbox.callback(payment, secret)
        return self.phone.post(CALLBACK, data=body, headers=headers).status_code

    def scan(self, place: Place, amount: str) -> str:
        return self.attempts.open(place.token, Wish(PHONE, amount=Decimal(amount))).reference

    def decide(self, reference: str, *, pays: bool = True) -> None:
        sandbox.decide(self.engine, reference, pays=pays)

    def pay(self, place: Place, amount: str = "100") -> str:
        reference = self.scan(place, amount)
        self.decide(reference)
        return reference

    def tell(self, place: Place, kind: str, data: dict[str, Any], reference: str = "") -> None:
        body: dict[str, Any] = {"type": kind, "station_id": place.station_id, "data": data}
        if reference:
            body["transaction_id"] = self.backend.begun[reference]
        body["timestamp"] = self.now.isoformat()
        with writing(self.engine) as store:
            apply_event(store, events.parse(json.dumps(body).encode()), self.now)

    def status(self, place: Place, status: str) -> None:
        self.tell(place, "connector_status", {"connector_id": 1, "status": status, "error_code": "NoError"})

    def begin(self, place: Place, reference: str) -> None:
        self.status(place, "Charging")
        data = {"meter_start": 0, "connector_id": 1, "payment_transaction_id": reference}
        self.tell(place, "session_started", data, reference)

    def progress(self, place: Place, reference: str, kwh: float, kw: float = 22) -> None:
        data = {"energy_consumed_kwh": kwh, "current_power_kw": kw, "meter_values": []}
        self.tell(place, "session_progress", data, reference)

    def end(self, place: Place, reference: str, wh: int | None, **more: Any) -> None:
        stopped = {"meter_stop": wh, "stop_reason": "Local", "final_cost": None}
        self.tell(place, "session_stopped", stopped | more, reference)

    def leave(self, place: Place) -> None:
        self.status(place, "Available")

    def payment(self, reference: str) -> Payment:
        with reading(self.engine) as store:
            return store.scalars(select(Payment).where(Payment.reference == reference)).one()

    def session(self, reference: str) -> ChargingSession:
        with reading(self.engine) as store:
            transaction_id = self.backend.begun[reference]
            return store.scalars(
                select(ChargingSession).where(ChargingSession.transaction_id == transaction_id)
            ).one()

    def receipt(self, reference: str) -> None:
        with writing(self.engine) as store:
            receipts.give(store, self.session(reference).id, now=self.now)

    def shown(self, reference: str) -> str:
        """The reason on the driver's page."""
        told = self.phone.get(f"/api/payments/qr-sessions/{reference}/").get_json()
        return str(told["qr_session"]["reason"])

    def correct(self, reference: str, wh: int) -> None:
        with writing(self.engine) as store:
            by = store.scalars(select(User).where(User.role == "admin")).one()
            quarantine.correct(store, by, self.session(reference).id, Correction(wh), "The meter jumped.")

    def issue(self, month: date, now: datetime) -> None:
        with writing(self.engine) as store:
            statements.issue(store, None, self.owner, month, now=now)

    def pay_out(self) -> None:
        """People look at the provider's own book, give back what was not, and record it."""
        for each in provider_work.to_pay_out(self.engine):
            told = sandbox.find(self.engine, each.reference)
            if told is not None and told.refunded < each.refunded + each.held:
                self.bank.refund(each.reference, each.held)
            with reading(self.engine) as store:
                by = store.scalars(select(User).where(User.role == "admin")).one()
            provider_work.record_refund(self.engine, each.id, self.now, by=by)

    def close(self) -> None:
        of(self.app).close()


def _idle_tariff(store: Any) -> Tariff:
    """10 ETB a kWh, and 60 ETB an hour for idle time beyond a quarter of an hour."""
    energy, idle = IDLE["elements"][0]["price_components"]
    asked = IDLE | {"elements": [{"price_components": [energy, idle | {"grace_seconds": 900}]}]}
    tariff = factories.add_tariff(store)
    tariff.document = parse(asked).stored()
    store.flush()
    return tariff


def _charge(week: Week, place: Place, reference: str, wh: int, minutes: float = 30) -> Story:
    """From the start to the end of a charge of so many Wh."""
    yield 5
    week.begin(place, reference)
    for part in (1, 2):
        yield minutes * 20
        week.progress(place, reference, wh * part / 3000)
    yield minutes * 20
    week.end(place, reference, wh)
    yield 2
    week.leave(place)
    yield 30


def charges(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    yield from _charge(week, place, reference, 6543)
    week.receipt(reference)


def declines(week: Week, place: Place) -> Story:
    reference = week.scan(place, "50")
    yield 60
    week.decide(reference, pays=False)


def uses_it_up(week: Week, place: Place) -> Story:
    """Stopped by us, and some energy flows until that takes hold."""
    reference = week.pay(place, "50")
    yield 5
    week.begin(place, reference)
    yield 600
    week.progress(place, reference, 4.99)
    yield 5
    assert week.backend.begun[reference] in week.backend.stopped
    week.end(place, reference, 5321)
    yield 2
    week.leave(place)
    yield 60
    assert week.shown(reference).startswith("It would have cost 3.21 ETB more than was paid.")
    week.receipt(reference)


def without_callback(week: Week, place: Place) -> Story:
    reference = week.scan(place, "100")
    week.lost.add(reference)
    yield 90
    week.decide(reference)
    yield 11
    yield from _charge(week, place, reference, 4000)


def with_callbacks_twice(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    for _ in range(2):
        yield 1
        week.call_back(sandbox.find(week.engine, reference) or SandboxPayment())
    yield from _charge(week, place, reference, 3000)
    week.call_back(sandbox.find(week.engine, reference) or SandboxPayment())


def is_forged(week: Week, place: Place) -> Story:
    reference = week.scan(place, "100")
    forged = SandboxPayment(reference=reference, amount=Decimal(100), currency="ETB", status="success")
    assert week.call_back(forged, "whsec_guessed") == 401
    yield 20
    # And one that is signed, but says what the provider does not.
    assert week.call_back(forged) == 200


def before_the_redirect(week: Week, place: Place) -> Story:
    """The callback is there before the phone knows where to go."""
    reference = week.scan(place, "100")
    with writing(week.engine) as store:
        store.execute(update(Payment).where(Payment.reference == reference).values(checkout_url=None))
    week.decide(reference)
    yield from _charge(week, place, reference, 2000)


def closes_the_browser(week: Week, place: Place) -> Story:
    week.scan(place, "100")
    yield 1200


def pays_late(week: Week, place: Place) -> Story:
    reference = week.scan(place, "100")
    yield 1800
    week.decide(reference)


def pays_later_without_callback(week: Week, place: Place) -> Story:
    reference = week.scan(place, "100")
    week.lost.add(reference)
    yield 2400
    week.decide(reference)


def are_two(week: Week, place: Place) -> Story:
    first, second = week.pay(place), week.pay(place, "70")
    yield 2
    ran = next(each for each in (first, second) if each in week.backend.begun)
    yield from _charge(week, place, ran, 5000)


def pays_twice(week: Week, place: Place) -> Story:
    """The page was slow, so the driver paid at another one, too."""
    one, other = week.scan(place, "100"), week.scan(place, "100")
    week.decide(one)
    yield 3
    week.decide(other)
    yield from _charge(week, place, one, 4500)


def finds_it_taken(week: Week, place: Place) -> Story:
    """Somebody plugged in with a card meanwhile."""
    reference = week.scan(place, "100")
    yield 5
    week.status(place, "Charging")
    week.decide(reference)
    yield 600
    week.leave(place)


def _with(fault: Any) -> Callable[[Week, Place], Story]:
    def story(week: Week, place: Place) -> Story:
        week.backend.faults[place.station_id] = fault
        week.pay(place)
        yield 600
        week.backend.faults.pop(place.station_id)

    return story


def goes_offline_after_payment(week: Week, place: Place) -> Story:
    reference = week.scan(place, "100")
    with writing(week.engine) as store:
        store.scalars(
            select(OCPPStation).where(OCPPStation.station_id == place.station_id)
        ).one().is_online = False
    week.decide(reference)
    yield 400
    with writing(week.engine) as store:
        store.scalars(
            select(OCPPStation).where(OCPPStation.station_id == place.station_id)
        ).one().is_online = True


def _begins_all_the_same(fault: BaseException | tuple[int, Any]) -> Callable[[Week, Place], Story]:
    """The answer to the start is lost, or was too late: it is found out that the charge began."""

    def story(week: Week, place: Place) -> Story:
        week.backend.faults[place.station_id] = fault
        reference = week.pay(place)
        yield 2
        week.backend.faults.pop(place.station_id)
        yield from _charge(week, place, reference, 3500, minutes=40)
        yield 300

    return story


def plugs_in_nothing(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    yield 60
    week.end(place, reference, None, stop_reason="Timeout")


def _refunded(failure: Any) -> Callable[[Week, Place], Story]:
    def story(week: Week, place: Place) -> Story:
        reference = week.pay(place)
        yield 5
        week.begin(place, reference)
        yield 900
        week.end(place, reference, 2500)
        week.bank.fault = failure
        yield 20
        week.leave(place)
        yield 600
        week.pay_out()

    return story


def is_killed_while_giving_back(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 900
    week.end(place, reference, 2500)
    week.bank.dies = True
    yield 20
    week.leave(place)
    yield 600
    week.pay_out()


def costs_less_afterwards(week: Week, place: Place) -> Story:
    """An end that was guessed, and days later the charge point's own, when all was given back already."""
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 900
    week.end(place, reference, 8000, estimated=True)
    yield 2
    week.leave(place)
    yield 60
    week.receipt(reference)
    yield 2 * 86_400
    week.end(place, reference, 7400, estimated=False)
    yield 60
    week.receipt(reference)


def costs_more_afterwards(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 900
    week.end(place, reference, 5000, estimated=True)
    yield 2
    week.leave(place)
    yield 3600
    week.end(place, reference, 6000, estimated=False)
    yield 60
    week.receipt(reference)


def costs_more_before_the_rest_is_given_back(week: Week, place: Place) -> Story:
    """The provider is away, so the rest is there when the meter tells more."""
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 900
    week.end(place, reference, 5000, estimated=True)
    yield 11
    week.bank.fault = ProviderDown("It cannot be reached.")
    week.end(place, reference, 6000, estimated=False)
    yield 2
    week.leave(place)
    yield 60


def cannot_be_true(week: Week, place: Place) -> Story:
    """Quarantined, and corrected by people hours later."""
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 60
    week.end(place, reference, 90_000)
    yield 2
    week.leave(place)
    yield 7200
    assert week.session(reference).verdict == "held"
    assert week.payment(reference).state == "charging"
    week.correct(reference, 4100)


def cannot_be_true_after_all(week: Week, place: Place) -> Story:
    """Billed, then reported anew as it cannot be, then corrected to less."""
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 900
    week.end(place, reference, 6000, estimated=True)
    yield 2
    week.leave(place)
    yield 3600
    week.end(place, reference, 400_000, estimated=False)
    yield 3600
    assert week.session(reference).verdict == "held"
    week.correct(reference, 3900)


def stays_plugged_in(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 1200
    week.end(place, reference, 5000)
    yield 3
    week.status(place, "Finishing")
    yield 1800
    assert week.payment(reference).state == "charging"
    assert "unplug the car: idle time costs 60.00 ETB an hour after 15 minutes" in week.shown(reference)
    yield 597
    week.leave(place)
    yield 60
    # 40 min less the 3 s that nobody told of, and the quarter of an hour that is free.
    assert week.payment(reference).billed == Decimal("50.00") + Decimal("24.95")
    week.receipt(reference)


def stays_until_it_is_used_up(week: Week, place: Place) -> Story:
    reference = week.pay(place)
    yield 5
    week.begin(place, reference)
    yield 1200
    week.end(place, reference, 9000)
    yield 3
    week.status(place, "Finishing")
    for _ in range(8):
        yield 600
    assert week.payment(reference).billed == Decimal(100)
    yield 4 * 3600
    week.leave(place)
    yield 60
    week.receipt(reference)


def pays_another_sum(week: Week, place: Place) -> Story:
    reference = week.scan(place, "100")
    with writing(week.engine) as store:
        store.execute(
            update(SandboxPayment).where(SandboxPayment.reference == reference).values(amount=Decimal(90))
        )
    week.decide(reference)
    yield 600
    week.pay_out()


# By name, with whether the tariff of its place asks for idle time.
STORIES: dict[str, Callable[[Week, Place], Story]] = {
    each.__name__: each
    for each in (
        charges,
        declines,
        uses_it_up,
        without_callback,
        with_callbacks_twice,
        is_forged,
        before_the_redirect,
        closes_the_browser,
        pays_late,
        pays_later_without_callback,
        are_two,
        pays_twice,
        finds_it_taken,
        goes_offline_after_payment,
        plugs_in_nothing,
        is_killed_while_giving_back,
        costs_less_afterwards,
        costs_more_afterwards,
        costs_more_before_the_rest_is_given_back,
        cannot_be_true,
        cannot_be_true_after_all,
        stays_plugged_in,
        stays_until_it_is_used_up,
        pays_another_sum,
    )
} | {
    "start_is_refused": _with(_BUSY),
    "charge_point_is_away": _with(_AWAY),
    "backend_is_down": _with(NotSent("cannot be reached")),
    "answer_is_lost": _begins_all_the_same(NoAnswer("cut the connection")),
    "answer_is_too_late": _begins_all_the_same(_LATE),
    "process_is_killed_at_the_start": _begins_all_the_same(Killed()),
    "provider_is_away_for_the_refund": _refunded(ProviderDown("It cannot be reached.")),
    "refund_is_not_answered": _refunded(ProviderSilent("It gave no answer.")),
    "refund_is_refused": _refunded(ProviderRefused("Not now.")),
}
_ASKING_FOR_IDLE_TIME = {"stays_plugged_in", "stays_until_it_is_used_up"}


def play(engine: Engine, names: Collection[str] = tuple(STORIES), *, seed: int = 1, times: int = 1) -> Week:
    """Each of these stories so many times, at moments of the week; March is stated on the first of April."""
    week = Week(engine, seed)
    told = [(BEGIN + timedelta(days=4, hours=1), _states_march(week))]
    for name in names:
        story = STORIES[name]
        place = week.place(name, asks_for_idle_time=name in _ASKING_FOR_IDLE_TIME)
        apart = WEEK / times
        for number in range(times):
            at = BEGIN + apart * (number + week.chance.random() / 2)
            at = STRADDLING if story is costs_less_afterwards and not number else at
            told.append((at.replace(microsecond=0), story(week, place)))
    week.play(told)
    return week


def _states_march(week: Week) -> Story:
    week.issue(date(2026, 3, 1), week.now)
    yield 1
