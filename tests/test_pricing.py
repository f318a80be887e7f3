"""Bills: the worked examples of OCPI 2.2.1, and what holds for any tariff and session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from languages import speaking, told
from ocpp_integration.pricing import (
    Bill,
    InvalidTariff,
    Reading,
    Reservation,
    Stretch,
    TariffDocument,
    Usage,
    energy_bill,
    parse,
    plain,
    price,
)
from ocpp_integration.pricing.curve import Curve
from ocpp_integration.pricing.words import in_words
from settings import ROOT

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
CENT = Decimal("0.01")
FEW = settings(max_examples=60, deadline=None)


def component(kind: str, price: str, vat: int | None = None, step: int = 1, **more: Any) -> dict[str, Any]:
    told = {} if vat is None else {"vat": vat}
    return {"type": kind, "price": price, "step_size": step, **told, **more}


def tariff(*elements: Mapping[str, Any] | list[Any], **more: Any) -> TariffDocument:
    """Each element a list of components, or a whole element."""
    whole = [each if isinstance(each, Mapping) else {"price_components": each} for each in elements]
    return parse({"currency": "ETB", "elements": whole, **more})


def when(components: list[Any], **restrictions: Any) -> dict[str, Any]:
    return {"price_components": components, "restrictions": restrictions}


def local(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def session(
    kwh: float, minutes: float, *, idle: float = 0, start: datetime = NOON, zone: str = "UTC"
) -> Usage:
    """Even charging for `minutes`, and then as many minutes idle."""
    full = start + timedelta(minutes=minutes)
    end = full + timedelta(minutes=idle)
    wh = int(Decimal(str(kwh)) * 1000)
    readings = (Reading(start, 0), Reading(full, wh), Reading(end, wh))
    return Usage(readings, zone, (Stretch("idle", full, end),) if idle else ())


def totals(bill: Bill) -> tuple[str, str | None]:
    return str(bill.net), None if bill.gross is None else str(bill.gross)


def lines(bill: Bill) -> list[tuple[str, Decimal, Decimal]]:
    return [(line.what, line.volume, line.price) for line in bill.lines]


START_FEE = component("FLAT", "0.50", 20)
ENERGY = component("ENERGY", "0.25", 10)


def test_a_start_fee_energy_and_parking_in_steps_of_a_quarter_hour() -> None:
    bill = price(
        tariff([START_FEE, ENERGY, component("PARKING_TIME", "2.00", 20, 900)]), session(20, 60, idle=40)
    )
    assert totals(bill) == ("7.00", "7.90")
    assert lines(bill)[-1] == ("PARKING_TIME", Decimal("0.75"), Decimal("2.00"))


def test_the_step_of_the_last_price_rounds_the_whole_time_up() -> None:
    split = tariff(
        when([component("TIME", "1.20", step=1800)], end_time="17:00"),
        when([component("TIME", "2.40", step=900)], start_time="17:00"),
    )
    start = local("Africa/Addis_Ababa", "2026-03-10T16:35")
    bill = price(split, session(10, 35, start=start, zone="Africa/Addis_Ababa"))
    hours = [(line.what, line.volume * 60) for line in bill.lines]
    assert [(what, round(minutes, 3)) for what, minutes in hours] == [("TIME", 25), ("TIME", 20)]
    assert totals(bill) == ("1.30", None)


def test_the_step_of_energy_rounds_the_whole_energy_up_once() -> None:
    tiers = tariff(
        when([component("ENERGY", "0.20", step=500)], max_kwh="4.3"), [component("ENERGY", "0.27", step=500)]
    )
    bill = price(tiers, session(5.4, 60))
    assert [line.volume for line in bill.lines] == [Decimal("4.3"), Decimal("1.2")]
    assert sum(line.volume * line.price for line in bill.lines) == Decimal("1.184")
    assert bill.net == Decimal("1.18")


def test_the_cdr_of_the_specification() -> None:
    bill = price(tariff([component("TIME", "2.00", 10, 300)]), session(15.342, 60 * 1.973))
    assert (lines(bill), totals(bill)) == ([("TIME", Decimal(2), Decimal("2.00"))], ("4.00", "4.40"))


def test_charging_that_turns_into_parking_is_not_rounded_the_parking_is() -> None:
    both = tariff([component("TIME", "1.00", step=300), component("PARKING_TIME", "1.00", step=300)])
    bill = price(both, session(5, 21, idle=7))
    assert [round(line.volume * 60, 3) for line in bill.lines] == [21, 10]


def test_a_session_across_midnight_pays_the_night_price_from_ten_on() -> None:
    night = tariff(
        when([component("ENERGY", "6.00", 15)], start_time="22:00", end_time="06:00"),
        [component("ENERGY", "10.00", 15)],
    )
    start = local("Africa/Addis_Ababa", "2026-03-10T21:30")
    bill = price(night, session(66, 180, start=start, zone="Africa/Addis_Ababa"))
    assert [line.volume for line in bill.lines] == [11, 55]
    assert totals(bill) == ("440.00", "506.00")


@pytest.mark.parametrize(
    ("day", "minutes", "cost"), [("2025-03-30", 60, "3.60"), ("2025-10-26", 180, "8.40")]
)
def test_on_the_nights_when_clocks_change_time_is_real_and_prices_are_local(
    day: str, minutes: int, cost: str
) -> None:
    early = tariff(
        when([component("ENERGY", "0.20")], start_time="00:00", end_time="03:00"),
        [component("ENERGY", "0.40")],
    )
    start, end = (local("Europe/Berlin", f"{day}T{clock}") for clock in ("01:30", "03:30"))
    assert end - start == timedelta(minutes=minutes)
    bill = price(early, session(12 * minutes / 60, minutes, start=start, zone="Europe/Berlin"))
    assert totals(bill) == (cost, None)


def test_a_rule_from_a_time_that_the_clock_leaps_over_holds_from_the_leap_on() -> None:
    rule = tariff(when([component("TIME", "1.00")], start_time="02:30"))
    start = local("Europe/Berlin", "2025-03-30T01:30")
    bill = price(rule, session(1, 60, start=start, zone="Europe/Berlin"))
    assert [line.volume for line in bill.lines] == [Decimal("0.5")]


def test_no_more_than_the_maximum_is_paid_with_vat_or_without() -> None:
    capped = tariff([START_FEE, ENERGY], max_price={"excl_vat": 10, "incl_vat": 11})
    bill = price(capped, session(50, 60))
    assert (totals(bill), bill.lines[-1].what) == (("10.00", "11.00"), "MAX_PRICE")
    assert totals(price(capped, session(30, 60))) == ("8.00", "8.85")


def test_no_less_than_the_minimum_is_paid() -> None:
    least = tariff([ENERGY], min_price={"excl_vat": "0.50", "incl_vat": "0.55"})
    assert totals(price(least, session(1, 60))) == ("0.50", "0.55")
    assert totals(price(least, session(20, 60))) == ("5.00", "5.50")


def _reserving(minutes: int, *, kwh: float | None = 20, expired: bool = False) -> Usage:
    reservation = Reservation(NOON - timedelta(minutes=minutes), NOON, expired)
    used = Usage((), "UTC") if kwh is None else session(kwh, 60)
    return replace(used, reservation=reservation)


def _reserved(kind: str, *components: Any) -> dict[str, Any]:
    return when(list(components), reservation=kind)


def test_a_reservation_is_paid_until_the_charge_begins() -> None:
    kept = tariff(_reserved("RESERVATION", component("TIME", "5.00", 20, 60)), [START_FEE, ENERGY])
    assert totals(price(kept, _reserving(15))) == ("6.75", "7.60")


def test_a_reservation_has_its_own_fee_and_steps() -> None:
    fee, hourly = component("FLAT", "2.00", 20), component("TIME", "5.00", 20, 300)
    kept = tariff(_reserved("RESERVATION", fee, hourly), [START_FEE, ENERGY])
    assert totals(price(kept, _reserving(13))) == ("8.75", "10.00")


def test_a_reservation_that_expires_costs_what_is_said_of_such() -> None:
    kept = tariff(
        _reserved("RESERVATION_EXPIRES", component("FLAT", "4.00", 20)),
        _reserved("RESERVATION", component("TIME", "2.00", 20, 600)),
        [START_FEE, ENERGY],
    )
    assert totals(price(kept, _reserving(60, kwh=None, expired=True))) == ("6.00", "7.20")
    assert totals(price(kept, _reserving(22))) == ("6.50", "7.30")


def test_the_price_of_an_expired_reservations_time_takes_the_place_of_the_others() -> None:
    kept = tariff(
        _reserved("RESERVATION_EXPIRES", component("TIME", "6.00", 20, 600)),
        _reserved("RESERVATION", component("TIME", "3.00", 20, 600)),
    )
    assert totals(price(kept, _reserving(90, kwh=None, expired=True))) == ("9.00", "10.80")


def test_only_idle_time_beyond_the_grace_period_is_paid() -> None:
    parking = tariff([component("PARKING_TIME", "6.00", 15, grace_seconds=900)])
    bill = price(parking, session(10, 60, idle=25))
    assert [round(line.volume * 60, 3) for line in bill.lines] == [10]
    assert totals(price(parking, session(10, 60, idle=15))) == ("0.00", "0.00")


def test_the_grace_period_is_one_for_the_whole_session() -> None:
    parking = tariff([component("PARKING_TIME", "6.00", grace_seconds=600)])
    minutes = [NOON + timedelta(minutes=each) for each in (0, 10, 20, 30, 40)]
    pauses = (Stretch("idle", minutes[1], minutes[2]), Stretch("idle", minutes[3], minutes[4]))
    readings = (Reading(NOON, 0), Reading(minutes[4], 5000))
    assert price(parking, Usage(readings, "UTC", pauses)).net == Decimal("1.00")


def test_time_that_the_station_held_back_is_neither_charging_nor_parking() -> None:
    timed = tariff([component("TIME", "6.00"), component("PARKING_TIME", "60.00")])
    held = Stretch("held", NOON + timedelta(minutes=10), NOON + timedelta(minutes=20))
    usage = Usage((Reading(NOON, 0), Reading(NOON + timedelta(minutes=30), 5000)), "UTC", (held,))
    assert price(timed, usage).net == Decimal("2.00")


@pytest.mark.parametrize(
    ("restrictions", "kwh"),
    [
        ({"min_kwh": 5}, 7),
        ({"max_kwh": 5}, 5),
        ({"min_power": 13}, 0),
        ({"min_power": 12}, 12),
        ({"max_power": 12}, 0),
        ({"min_duration": 1800}, 6),
        ({"max_duration": 900}, 3),
        ({"day_of_week": ["TUESDAY"]}, 12),
        ({"day_of_week": ["SUNDAY", "MONDAY"]}, 0),
        ({"start_date": "2026-03-10", "end_date": "2026-03-11"}, 12),
        ({"end_date": "2026-03-10"}, 0),
        ({"start_time": "12:30", "end_time": "00:00"}, 6),
        ({"start_time": "12:15", "max_duration": 2700}, 6),
    ],
)
def test_a_price_holds_while_all_its_restrictions_do(restrictions: dict[str, Any], kwh: int) -> None:
    bill = price(tariff(when([component("ENERGY", "1.00")], **restrictions)), session(12, 60))
    assert [line.volume for line in bill.lines] == ([kwh] if kwh else [])


def test_of_a_dimension_the_first_element_that_has_it_counts() -> None:
    both = tariff(
        when([component("TIME", "1.00")], max_kwh=6), [component("ENERGY", "1.00"), component("TIME", "9.00")]
    )
    bill = price(both, session(12, 60))
    assert {(line.what, line.price, line.volume) for line in bill.lines} == {
        ("ENERGY", Decimal(1), Decimal(12)),
        ("TIME", Decimal(1), Decimal("0.5")),
        ("TIME", Decimal(9), Decimal("0.5")),
    }


def test_a_flat_fee_is_paid_once() -> None:
    fees = tariff(when([component("FLAT", "1.00")], max_duration=600), [component("FLAT", "3.00")])
    assert [line.price for line in price(fees, session(12, 60)).lines] == [1]


def test_without_vat_nobody_knows_the_price_with_it() -> None:
    bill = price(tariff([component("ENERGY", "1.00")]), session(12, 60))
    assert (bill.gross, bill.tax, bill.payable) == (None, None, Decimal(12))
    assert price(tariff([component("ENERGY", "1.00", 0)]), session(12, 60)).gross == Decimal(12)


def test_what_no_element_prices_is_free() -> None:
    assert totals(price(tariff([component("TIME", "1.00", 15)]), session(0, 0))) == ("0.00", "0.00")


def test_a_bill_reads_as_it_was_stored() -> None:
    rule = tariff(
        [START_FEE, ENERGY, component("PARKING_TIME", "2.00", 20)], max_price={"excl_vat": 3, "incl_vat": 4}
    )
    bill = price(rule, session(20, 60, idle=40))
    assert Bill.read(bill.stored()) == bill
    assert [(each.state, each.seconds) for each in bill.periods] == [("charging", 3600), ("idle", 2400)]


def test_a_tariff_reads_as_it_was_stored() -> None:
    rule = tariff(when([component("ENERGY", "0.1", 15)], start_time="22:00", day_of_week=["FRIDAY"]))
    assert parse(rule.stored()) == rule


@pytest.mark.parametrize(
    ("document", "field", "reason"),
    [
        ({"elements": []}, "elements", "at least 1"),
        ({"currency": "birr"}, "currency", "ETB"),
        ({"elements": [[component("ENERGY", "-1")]]}, "elements.0.price_components.0.price", "at least 0"),
        ({"elements": [[component("ENERGY", "NaN")]]}, "elements.0.price_components.0.price", "number"),
        ({"elements": [[component("WATER", "1")]]}, "elements.0.price_components.0.type", "ENERGY"),
        ({"elements": [[component("TIME", "1", step=0)]]}, "elements.0.price_components.0.step_size", "1"),
        (
            {"elements": [[component("TIME", "1", grace_seconds=9)]]},
            "elements.0.price_components.0",
            "PARKING",
        ),
        ({"elements": [[ENERGY, ENERGY]]}, "elements.0", "same type"),
        ({"elements": [when([ENERGY], start_time="9:00")]}, "elements.0.restrictions.start_time", "09:30"),
        ({"elements": [when([ENERGY], min_kwh=5, max_kwh=5)]}, "elements.0.restrictions", "min_kwh"),
        ({"elements": [when([ENERGY], min_current=5)]}, "elements.0.restrictions", "use min_power"),
        ({"elements": [when([ENERGY], max_current=5)]}, "elements.0.restrictions", "charge points tell"),
        ({"elements": [when([ENERGY], max_kwH=5)]}, "elements.0.restrictions.max_kwH", "no rule"),
        ({"max_price": {"excl_vat": 5}}, "document", "incl_vat"),
        ({"tax_included": "YES", "elements": [[component("FLAT", "1")]]}, "document", "vat"),
        ({"min_price": {"excl_vat": 5, "incl_vat": 4}}, "min_price", "less"),
    ],
)
def test_a_tariff_that_cannot_be_priced_names_the_field(
    document: dict[str, Any], field: str, reason: str
) -> None:
    elements = document.pop("elements", [[ENERGY]])
    with pytest.raises(InvalidTariff) as refusal:
        tariff(*elements, **document)
    assert reason in " ".join(refusal.value.errors[field])


SPOILT: list[tuple[str, Any]] = [
    ("currency", "birr"),
    ("id", "two words"),
    ("id", 7),
    ("tax_included", "MAYBE"),
    ("start_date_time", "tomorrow"),
    ("start_date_time", []),
    ("elements", None),
    ("elements", [5]),
    ("elements", [{"price_components": [ENERGY]}] * 101),
    ("min_price", 5),
    ("min_price", {}),
    *(("price", value) for value in ("ten", "NaN", -1, 10**9, "1.00000000001", [], None, True)),
    *(("vat", value) for value in (101, "much", {})),
    *(("step_size", value) for value in (0, 0.5, "x", 10**10, 10**400, None)),
    *(("start_time", value) for value in ("25:00", "noon", [], {})),
    *(("end_date", value) for value in ("31.3.2026", "2026-02-30", "2026-03-31T10:00", [], 1e300)),
    ("day_of_week", "FRIDAY"),
    ("day_of_week", ["SOMEDAY"]),
    ("min_duration", "an hour"),
    ("reservation", 1),
    ("price_components", []),
]


def _spoilt(field: str, value: Any) -> dict[str, Any]:
    document = tariff([ENERGY]).stored()
    element = document["elements"][0]
    component = element["price_components"][0]
    where = next((each for each in (document, element, component) if field in each), document)
    if field in ("start_time", "end_date", "day_of_week", "min_duration", "reservation"):
        where = element["restrictions"] = {}
    elif field in ("step_size", "vat"):
        where = component
    where[field] = value
    return document


@pytest.mark.parametrize(("field", "value"), SPOILT)
def test_what_is_wrong_is_told_in_words_of_ours_in_every_language(field: str, value: Any) -> None:
    with pytest.raises(InvalidTariff) as refusal:
        parse(_spoilt(field, value))
    (place,) = refusal.value.errors
    assert field in place
    (reason,) = refusal.value.errors[place]
    assert "should" not in reason and "input" not in reason.lower() and "{" not in reason
    with speaking("am"):
        assert told(reason) != reason


def test_where_a_document_is_not_json_is_told() -> None:
    with pytest.raises(InvalidTariff, match="not JSON from line 2, column 1 on"):
        parse('{"currency": "ETB"\n"id": 5}')


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"currency": "ETB"}', b" " * 300_000])
def test_what_is_no_tariff_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidTariff):
        parse(text)


def test_a_meter_that_runs_backwards_is_no_usage() -> None:
    with pytest.raises(ValueError, match="backwards"):
        Usage((Reading(NOON, 5), Reading(NOON, 4)), "UTC")


def test_a_tariff_says_in_words_what_it_asks_and_when() -> None:
    night = when([component("ENERGY", "6", 15)], start_time="22:00", end_time="00:00", day_of_week=["FRIDAY"])
    idle = component("PARKING_TIME", "30", 15, 300, grace_seconds=900)
    rule = tariff(night, [component("ENERGY", "0"), idle], max_price={"excl_vat": 500, "incl_vat": 575})
    assert in_words(rule) == [
        "Energy 6.00 ETB per kWh plus 15 % VAT, from 22:00 to 24:00, on Friday",
        "Energy free, otherwise",
        "Idle time 30.00 ETB per hour plus 15 % VAT after 15 min, in steps of 5 min",
        "At most 500.00 ETB, 575.00 with VAT",
    ]


def test_the_documentations_example_is_a_tariff() -> None:
    document = parse((ROOT / "docs" / "examples" / "tariff.json").read_bytes())
    assert in_words(document)[1:3] == [
        "Start fee 5.00 ETB with 15 % VAT",
        "Energy 10.00 ETB per kWh with 15 % VAT, otherwise",
    ]
    night = session(100, 60, start=local("Africa/Addis_Ababa", "2026-03-10T23:00"), zone="Africa/Addis_Ababa")
    assert price(document, night).payable == Decimal("605.00")


# Any tariff, any session.
_prices = st.decimals(0, 50, places=2).map(str)
_vats = st.sampled_from([0, 10, 15, 20])
_restrictions = st.fixed_dictionaries(
    {},
    optional={
        "start_time": st.sampled_from(["00:00", "06:00", "13:15"]),
        "end_time": st.sampled_from(["00:00", "12:30", "22:00"]),
        "start_date": st.sampled_from(["2026-03-10", "2026-03-29"]),
        "end_date": st.sampled_from(["2026-03-30", "2026-04-01"]),
        "min_kwh": st.sampled_from(["0.5", "0.999"]),
        "max_kwh": st.integers(1, 20),
        "min_duration": st.integers(0, 2000),
        "max_duration": st.integers(2001, 9000),
        "min_power": st.sampled_from(["0.1", "4.5"]),
        "max_power": st.integers(5, 50),
        "day_of_week": st.sampled_from([["TUESDAY"], ["WEDNESDAY", "SUNDAY"]]),
    },
)


@st.composite
def _components(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = draw(st.sets(st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]), min_size=1))
    steps = st.sampled_from([1, 60, 500, 900])
    return [component(kind, draw(_prices), draw(_vats), draw(steps)) for kind in sorted(kinds)]


@st.composite
def _tariffs(draw: st.DrawFn) -> TariffDocument:
    elements = draw(st.lists(st.builds(when, _components()), max_size=1))
    restricted = [when(draw(_components()), **draw(_restrictions)) for _ in range(draw(st.integers(0, 2)))]
    limits: dict[str, Any] = {}
    if draw(st.booleans()):
        limits["max_price"] = {"excl_vat": 40, "incl_vat": 44}
    if draw(st.booleans()):
        limits["min_price"] = {"excl_vat": 2, "incl_vat": 3}
    included = draw(st.sampled_from(["YES", "NO"]))
    return tariff(*restricted, *(elements or [[ENERGY]]), tax_included=included, **limits)


@st.composite
def _usages(draw: st.DrawFn) -> Usage:
    zone = draw(st.sampled_from(["Africa/Addis_Ababa", "Europe/Berlin"]))
    start = draw(st.sampled_from([NOON, datetime(2026, 3, 28, 23, 10, tzinfo=UTC)]))
    readings = [Reading(start, 0)]
    for seconds, wh in draw(st.lists(st.tuples(st.integers(0, 7200), st.integers(0, 9000)), max_size=4)):
        before = readings[-1]
        readings.append(Reading(before.at + timedelta(seconds=seconds), before.energy_wh + wh))
    idle = draw(st.integers(0, 3000))
    stretch = Stretch("idle", readings[-1].at - timedelta(seconds=idle), readings[-1].at)
    return Usage(tuple(readings), zone, (stretch,))


@FEW
@given(_tariffs(), _usages())
def test_a_bill_is_never_negative_and_its_lines_add_up_to_it(rule: TariffDocument, usage: Usage) -> None:
    bill = price(rule, usage)
    assert bill.gross is not None
    assert 0 <= bill.net <= bill.gross
    assert sum(line.net for line in bill.lines) == bill.net
    assert sum(line.gross or 0 for line in bill.lines) == bill.gross


@FEW
@given(_tariffs(), _usages(), st.integers(0, 30_000))
def test_a_reading_more_changes_no_bill(rule: TariffDocument, usage: Usage, seconds: int) -> None:
    at = min(usage.readings[0].at + timedelta(seconds=seconds), usage.readings[-1].at)
    number = next(n for n, reading in enumerate(usage.readings) if reading.at >= at)
    after = usage.readings[number]
    before = usage.readings[max(0, number - 1)]
    span = (after.at - before.at) // timedelta(seconds=1)
    share = Fraction((at - before.at) // timedelta(seconds=1), span) if span else Fraction(0)
    between = Reading(at, before.energy_wh + (after.energy_wh - before.energy_wh) * share)
    more = (*usage.readings[:number], between, *usage.readings[number:])
    bill = price(rule, usage)
    assert price(rule, replace(usage, readings=more)).lines == bill.lines


@FEW
@given(_tariffs(), _usages(), st.integers(1, 30_000))
def test_two_charges_that_follow_each_other_pay_for_energy_what_one_does(
    rule: TariffDocument, usage: Usage, seconds: int
) -> None:
    """Whatever begins anew with each session left out: limits, steps, and what counts from the start on."""
    rule = _without_what_counts_from_the_start(rule)
    start, end = usage.readings[0].at, usage.readings[-1].at
    at = min(start + timedelta(seconds=seconds), end)
    curve = Curve(usage.readings)
    middle = curve.at(Fraction((at - start) // timedelta(seconds=1)))
    first = (
        *(each for each in usage.readings if each.at <= at and each.energy_wh <= middle),
        Reading(at, middle),
    )
    rest = [each for each in usage.readings if each.at > at]
    last = tuple(Reading(each.at, each.energy_wh - middle) for each in (Reading(at, middle), *rest))
    parts = [_energy(price(rule, replace(usage, readings=some))) for some in (first, last)]
    whole = _energy(price(rule, usage))
    for key in whole.keys() | parts[0].keys() | parts[1].keys():
        sum_ = parts[0].get(key, Decimal(0)) + parts[1].get(key, Decimal(0))
        # Each of them bills whole Wh.
        assert abs(whole.get(key, Decimal(0)) - sum_) <= Decimal("0.002")


def _energy(bill: Bill) -> dict[tuple[Decimal, Decimal | None], Decimal]:
    """kWh by price and VAT, those that are free among them."""
    found: dict[tuple[Decimal, Decimal | None], Decimal] = {}
    for line in bill.lines:
        if line.what == "ENERGY":
            found[line.price, line.vat] = found.get((line.price, line.vat), Decimal(0)) + line.volume
    return found


def _without_what_counts_from_the_start(rule: TariffDocument) -> TariffDocument:
    anew = dict.fromkeys(("min_kwh", "max_kwh", "min_duration", "max_duration"))
    elements = tuple(
        each.model_copy(
            update={
                "restrictions": each.restrictions.model_copy(update=anew),
                "price_components": tuple(
                    part.model_copy(update={"step_size": 1}) for part in each.price_components
                ),
            }
        )
        for each in rule.elements
    )
    return rule.model_copy(update={"elements": elements, "min_price": None, "max_price": None})


@FEW
@given(_tariffs(), _usages(), st.decimals(0, 60, places=2))
def test_a_bill_of_no_more_than_was_paid_adds_up_as_well(
    rule: TariffDocument, usage: Usage, paid: Decimal
) -> None:
    whole = price(rule, usage)
    bill = whole.limited(paid)
    assert bill.gross is not None
    assert bill.gross == min(whole.payable, paid)
    assert bill.gross + bill.beyond_prepaid == whole.gross
    assert 0 <= bill.net <= bill.gross
    assert sum(line.net for line in bill.lines) == bill.net
    assert sum(line.gross or 0 for line in bill.lines) == bill.gross
    assert bill.limited(paid) == bill


@FEW
@given(st.decimals("0.01", 100, places=2), st.sampled_from([0, 5, 15, 20]), st.integers(0, 100_000))
def test_vat_taken_out_and_put_in_agree_within_a_minor_unit(paid: Decimal, vat: int, wh: int) -> None:
    usage = Usage((Reading(NOON, 0), Reading(NOON + timedelta(hours=1), wh)), "UTC")
    inside = price(plain("ETB", paid, Decimal(vat)), usage)
    net = (paid / (1 + Decimal(vat) / 100)).quantize(Decimal("1e-10"))
    outside = price(tariff([component("ENERGY", str(net), vat)]), usage)
    assert inside.gross is not None and outside.gross is not None
    assert abs(inside.gross - outside.gross) <= CENT
    assert abs(inside.net - outside.net) <= CENT


@FEW
@given(st.decimals(0, 100, places=4), st.decimals(0, 30, places=2), st.integers(0, 100_000))
def test_a_plain_price_costs_the_same_by_the_fast_way(paid: Decimal, vat: Decimal, wh: int) -> None:
    usage = Usage((Reading(NOON, 0), Reading(NOON + timedelta(hours=1), wh)), "UTC")
    slow, fast = price(plain("ETB", paid, vat), usage), energy_bill(wh, paid, vat)
    assert (slow.gross, slow.net) == (fast.gross, fast.net)
