"""The Tariff object of OCPI 2.2.1 (mod_tariffs), checked.

Two members are additions of ours: `tax_included`, as OCPI 2.3.0 has it, says that prices contain their VAT,
and a PARKING_TIME component's `grace_seconds` are how much of a session's idle time is free.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, time
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from languages import N_

MAX_BYTES = 256 * 1024
# The place of what is wrong with a document as a whole.
WHOLE = "document"
Dimension = Literal["ENERGY", "TIME", "PARKING_TIME", "FLAT"]
DayOfWeek = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
DAYS: tuple[DayOfWeek, ...] = get_args(DayOfWeek)
_CURRENCY, _ID = r"^[A-Z]{3}$", r"^[!-~]{1,36}$"
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:00)?")


class InvalidTariff(ValueError):
    """Not a tariff that we can price; `errors` maps each wrong field to its reasons."""

    def __init__(self, errors: Mapping[str, list[str]]):
        super().__init__("; ".join(f"{field}: {' '.join(reasons)}" for field, reasons in errors.items()))
        self.errors = errors


# What pydantic found wrong, by the beginning of its name for it, in our words.
_NUMBER = N_("a number is needed")
_WHOLE = N_("a whole number is needed")
_DAY = N_("a day is written as 2026-03-31")
_CLOCK_WORDS = N_("a time of day is written as 09:30")
_MOMENT = N_("a time is written as 2026-03-31T09:30:00Z")
_WORDS: Mapping[str, str] = {
    "missing": N_("it is missing, and needed"),
    "extra_forbidden": N_("no rule is called so: spell it as OCPI does, or leave it out"),
    "literal_error": N_("it has to be one of {expected}"),
    "greater_than_equal": N_("it has to be at least {ge}"),
    "less_than_equal": N_("it has to be at most {le}"),
    "less_than": N_("it has to be less than {lt}"),
    "finite_number": _NUMBER,
    "decimal_max_places": N_("it has more than {decimal_places} decimal places"),
    "decimal": _NUMBER,
    "int": _WHOLE,
    "string": N_("a text is needed, in quotes"),
    "model": N_("an object is needed, in curly brackets"),
    "tuple": N_("a list is needed, in square brackets"),
    "too_short": N_("at least {min_length} is needed in the list"),
    "too_long": N_("more than {max_length} are in the list"),
    "date_": _DAY,
    "time_": _CLOCK_WORDS,
    "datetime": _MOMENT,
    "timezone": _MOMENT,
}
_UNREADABLE = N_("it cannot be read: write it as OCPI does")
_BY_PATTERN = {
    _CURRENCY: N_("a currency is written as ETB"),
    _ID: N_("an id has 1 to 36 characters, no spaces among them"),
}


def _number(value: object) -> object:
    # A float's digits are those that were written; as a binary number it would not be exact.
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(_NUMBER)
    return str(value) if isinstance(value, float) else value


def _clock(value: object) -> object:
    if isinstance(value, str) and not _CLOCK.fullmatch(value):
        raise ValueError(_CLOCK_WORDS)
    return value


def _utc(value: object) -> object:
    # OCPI writes UTC without an offset, too.
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?", value):
        return f"{value}+00:00"
    return value


Amount = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, lt=10**9, decimal_places=10)]
Percent = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=100, decimal_places=4)]
Seconds = Annotated[int, Field(ge=0, le=10**9)]
Clock = Annotated[time, BeforeValidator(_clock)]
Instant = Annotated[AwareDatetime, BeforeValidator(_utc), AfterValidator(lambda at: at.astimezone(UTC))]


class _Object(BaseModel):
    # A rule that is misspelt must not be read over: the price would hold at any time.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Price(_Object):
    excl_vat: Amount
    incl_vat: Amount | None = None

    @model_validator(mode="after")
    def _vat_adds(self) -> Price:
        if self.incl_vat is not None and self.incl_vat < self.excl_vat:
            raise ValueError("incl_vat is less than excl_vat")
        return self


class PriceComponent(_Object):
    """A price for one dimension: per kWh, per hour, or once. An absent `vat` is not known, unlike 0 %."""

    type: Dimension
    price: Amount
    vat: Percent | None = None
    step_size: Annotated[int, Field(ge=1, le=10**9)] = 1
    grace_seconds: Seconds = 0

    @model_validator(mode="after")
    def _grace_is_for_parking(self) -> PriceComponent:
        if self.grace_seconds and self.type != "PARKING_TIME":
            raise ValueError("grace_seconds belong to PARKING_TIME")
        return self


class Restrictions(_Object):
    """When an element applies: all of them hold. Lower bounds are included, upper ones are not."""

    start_time: Clock | None = None
    end_time: Clock | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Amount | None = None
    max_kwh: Amount | None = None
    min_power: Amount | None = None
    max_power: Amount | None = None
    min_duration: Seconds | None = None
    max_duration: Seconds | None = None
    day_of_week: tuple[DayOfWeek, ...] = ()
    reservation: Literal["RESERVATION", "RESERVATION_EXPIRES"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_current(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and {"min_current", "max_current"} & value.keys():
            raise ValueError(
                "min_current and max_current cannot be priced: most charge points tell the current of some "
                "phases or of none, and of none is it billed; use min_power and max_power"
            )
        return value

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Restrictions:
        for low, high in (
            ("start_date", "end_date"),
            ("min_kwh", "max_kwh"),
            ("min_power", "max_power"),
            ("min_duration", "max_duration"),
        ):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and least >= most:
                raise ValueError(f"{low} is not below {high}")
        return self

    @property
    def reads_the_clock(self) -> bool:
        """Whether the station's local time decides."""
        return bool(self.start_time or self.end_time or self.start_date or self.end_date or self.day_of_week)


class Element(_Object):
    price_components: Annotated[tuple[PriceComponent, ...], Field(min_length=1)]
    restrictions: Restrictions = Restrictions()

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("restrictions", ...) is None:
            return {name: member for name, member in value.items() if name != "restrictions"}
        return value

    @model_validator(mode="after")
    def _one_price_a_dimension(self) -> Element:
        types = [component.type for component in self.price_components]
        if len(types) != len(set(types)):
            raise ValueError("two price_components have the same type")
        return self

    def component(self, dimension: Dimension) -> PriceComponent | None:
        return next((each for each in self.price_components if each.type == dimension), None)


class TariffDocument(_Object):
    """A tariff without what only partners need. Prices are without VAT unless `tax_included` is YES."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[str, Field(pattern=_ID)] | None = None
    currency: Annotated[str, Field(pattern=_CURRENCY)]
    tax_included: Literal["YES", "NO"] = "NO"
    min_price: Price | None = None
    max_price: Price | None = None
    elements: Annotated[tuple[Element, ...], Field(min_length=1, max_length=100)]
    start_date_time: Instant | None = None
    end_date_time: Instant | None = None

    @model_validator(mode="after")
    def _limits_are_whole(self) -> TariffDocument:
        vats = {each.vat for element in self.elements for each in element.price_components}
        if self.tax_included == "YES" and None in vats:
            raise ValueError("with tax_included every price component needs its vat")
        limits = {"min_price": self.min_price, "max_price": self.max_price}
        for name, limit in limits.items():
            if limit is not None and limit.incl_vat is None and vats != {None}:
                raise ValueError(f"{name} needs incl_vat, since price components have vat")
        if self.min_price and self.max_price and self.min_price.excl_vat > self.max_price.excl_vat:
            raise ValueError("min_price is above max_price")
        if self.start_date_time and self.end_date_time and self.start_date_time >= self.end_date_time:
            raise ValueError("start_date_time is not before end_date_time")
        return self

    @property
    def reads_the_clock(self) -> bool:
        return any(element.restrictions.reads_the_clock for element in self.elements)

    @property
    def is_plain(self) -> bool:
        """Whether it is a price per kWh with VAT and nothing else, as exact as `Tariff` has it."""
        energy = self.elements[0].component("ENERGY")
        if energy is None or energy.vat is None:
            return False
        if (energy.price, energy.vat) != (round(energy.price, 4), round(energy.vat, 2)):
            return False
        return self.without_times() == plain(self.currency, energy.price, energy.vat)

    @property
    def prices_reservations(self) -> bool:
        return any(element.restrictions.reservation for element in self.elements)

    def without_times(self) -> TariffDocument:
        """Its prices alone, whatever it is called and whenever it is valid."""
        return self.model_copy(update={"id": None, "start_date_time": None, "end_date_time": None})

    def headline(self) -> tuple[Decimal, Decimal]:
        """What a kWh costs with VAT where no restriction holds, and the VAT; 0 where energy is free."""
        for element in self.elements:
            energy = element.component("ENERGY")
            if energy is not None and element.restrictions == Restrictions():
                vat = energy.vat or Decimal(0)
                factor = 1 if self.tax_included == "YES" else 1 + vat / 100
                return energy.price * factor, vat
        return Decimal(0), Decimal(0)

    def stored(self) -> dict[str, Any]:
        """As JSON with exact numbers, to be read by `parse` again."""
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def plain(currency: str, price_per_kwh: Decimal, vat_percent: Decimal) -> TariffDocument:
    """The tariff of a platform's price, which contains VAT."""
    energy = PriceComponent(type="ENERGY", price=price_per_kwh, vat=vat_percent)
    return TariffDocument(
        currency=currency, tax_included="YES", elements=(Element(price_components=(energy,)),)
    )


def parse(document: bytes | str | Mapping[str, Any]) -> TariffDocument:
    """A tariff from its JSON. Raises `InvalidTariff`, with fields such as `elements.0.restrictions`."""
    if isinstance(document, bytes | str):
        document = _decoded(document)
    try:
        return TariffDocument.model_validate(document)
    except ValidationError as error:
        raise InvalidTariff(_reasons(error)) from error


def _decoded(text: bytes | str) -> Mapping[str, Any]:
    if len(text) > MAX_BYTES:
        raise InvalidTariff({WHOLE: [f"more than {MAX_BYTES} bytes"]})
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidTariff({WHOLE: [_not_json(error)]}) from error
    if not isinstance(decoded, dict):
        raise InvalidTariff({WHOLE: ["a JSON object is needed"]})
    return decoded


def _reasons(error: ValidationError) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_input=False):
        field = ".".join(map(str, item["loc"])) or WHOLE
        if item["type"] == "too_short" and reasons:
            # Those that are wrong were not counted.
            continue
        reasons.setdefault(field, []).append(_in_words(item["type"], item.get("ctx", {})))
    return reasons


def _in_words(kind: str, found: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(found["error"])
    if kind == "string_pattern_mismatch":
        return _BY_PATTERN[found["pattern"]]
    words = next((words for name, words in _WORDS.items() if kind.startswith(name)), _UNREADABLE)
    # Quotes and the word "or" between them are pydantic's.
    values = {name: str(value).replace("'", "").replace(" or ", ", ") for name, value in found.items()}
    return words.format(**values)


def _not_json(error: orjson.JSONDecodeError) -> str:
    line, column = error.lineno, error.colno
    return (
        f"it is not JSON from line {line}, column {column} on: look for a comma, a quote or a bracket that "
        "is missing or too many there"
    )
