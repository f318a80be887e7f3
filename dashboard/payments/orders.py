"""What a visitor sees of payments at codes, and what an admin does about them; who may is decided anew each
time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from dashboard import resources
from dashboard.visitor import Visitor
from db.analytics import payments
from db.analytics.payments import Movement, PaymentFilter, PaymentRow, PaymentSums
from db.analytics.scope import Scope
from db.engine import reading, writing
from db.models import OCPPStation, User, utc_now
from ocpp_integration.errors import NotFound
from ocpp_integration.payments import by_hand, codes

PAGE_SIZE = 20
MOST = 1_000

Act = Callable[[Engine, int, User, str, datetime], None]


@dataclass(frozen=True)
class PaymentDetails:
    row: PaymentRow
    movements: list[Movement]


def sums(scope: Scope, wanted: PaymentFilter) -> dict[str, PaymentSums]:
    with reading(resources.engine()) as store:
        return payments.payment_sums(store, scope, wanted)


def rows(scope: Scope, wanted: PaymentFilter, page: int) -> list[PaymentRow]:
    with reading(resources.engine()) as store:
        offset = (page - 1) * PAGE_SIZE
        return payments.list_payments(store, scope, wanted, limit=PAGE_SIZE, offset=offset)


def wanting_people(scope: Scope) -> int:
    """How many payments of the scope people have to see to, whenever they were begun; `MOST` for more."""
    with reading(resources.engine()) as store:
        return payments.count_wanting_people(store, scope, utc_now(), MOST)


def look_into(who: Visitor, pk: int) -> PaymentDetails:
    """Raises `NotFound` for one that the visitor does not see."""
    with reading(resources.engine()) as store:
        row = payments.find_payment(store, who.scope, pk)
        if row is None:
            raise NotFound(f"There is no payment {pk}.")
        return PaymentDetails(row, payments.movements(store, who.scope, pk))


def act(who: Visitor, pk: int, do: Act, reason: str) -> None:
    """One of `by_hand`'s. Raises `NotForYou`, and what that raises."""
    who.demand_admin()
    do(resources.engine(), pk, who.user, reason, utc_now())


def codes_file(who: Visitor, station_pk: int) -> bytes:
    """The sheet of a station's codes. Raises `NotFound`."""
    with writing(resources.engine()) as store:
        station = store.scalar(
            select(OCPPStation).where(OCPPStation.id == station_pk, OCPPStation.id.in_(who.scope.stations()))
        )
        if station is None or not station.connectors:
            raise NotFound(f"There is no station {station_pk} with connectors.")
        return codes.sheet_of(store, station.connectors, resources.settings().phone_url, utc_now())


def are_taken() -> bool:
    """Whether payments are taken here at all."""
    return resources.settings().payment_provider != "none"


RETRY, RECORD, RELEASE, BILL, CLOSE = (
    by_hand.retry_refund,
    by_hand.record_refund,
    by_hand.release,
    by_hand.bill,
    by_hand.close,
)
