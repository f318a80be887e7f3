"""What is asked before tariffs are changed."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

import streamlit as st

from dashboard import markup, resources
from dashboard.question import Answer, Dialog
from dashboard.tariffs import orders
from dashboard.tariffs.form import SimpleTariff
from dashboard.visitor import Visitor
from languages import N_, _
from ocpp_integration.pricing import TariffDocument, parse
from ocpp_integration.tariff_book import AssignmentRow, TariffRefused

TOPIC = "tariff"
_KEY = f"{TOPIC}-"
_SIMPLE, _JSON = N_("By its prices"), N_("As an OCPI document")
_PRICES = (
    *("currency", "price", "vat"),
    *("other", "other_price", "from", "until"),
    *("fees", "session_fee", "time_fee"),
    *("idle", "idle_fee", "grace"),
)


def _ask_to_add(_who: Visitor, known: str) -> None:
    st.text_input(
        _("Code"),
        value=known,
        max_chars=36,
        key=f"{_KEY}code",
        help=_("What it is called through its versions. A known code gets a new version, from now on."),
    )
    st.text_input(_("Name"), placeholder=_("As it is shown"), max_chars=100, key=f"{_KEY}name")
    how = st.segmented_control(
        _("How"), [_SIMPLE, _JSON], required=True, default=_SIMPLE, format_func=_, key=f"{_KEY}how"
    )
    if how == _JSON:
        st.text_area(
            _("Tariff object of OCPI 2.2.1"),
            height=260,
            max_chars=200_000,
            key=f"{_KEY}json",
            placeholder="{…}",
        )
    else:
        _ask_for_prices()


def _ask_for_prices() -> None:
    settings = resources.settings()
    with st.container(horizontal=True):
        st.number_input(_("Price per kWh"), min_value=0.0, step=0.5, value=None, key=f"{_KEY}price")
        vat = float(settings.vat_percent)
        st.number_input(_("VAT in it, %"), 0.0, 100.0, value=vat, key=f"{_KEY}vat")
        st.text_input(_("Currency"), value=settings.currency, max_chars=3, key=f"{_KEY}currency")
    if st.checkbox(_("Another price at some hours"), key=f"{_KEY}other"):
        with st.container(horizontal=True):
            st.number_input(_("Price then"), min_value=0.0, step=0.5, value=None, key=f"{_KEY}other_price")
            st.time_input(_("From"), value=time(22), key=f"{_KEY}from")
            st.time_input(_("Until"), value=time(6), key=f"{_KEY}until")
    if st.checkbox(_("Fees per session or per hour"), key=f"{_KEY}fees"):
        with st.container(horizontal=True):
            st.number_input(_("Per session"), min_value=0.0, step=1.0, value=None, key=f"{_KEY}session_fee")
            st.number_input(
                _("Per hour of charging"), min_value=0.0, step=1.0, value=None, key=f"{_KEY}time_fee"
            )
    if st.checkbox(_("A fee for standing idle"), key=f"{_KEY}idle"):
        with st.container(horizontal=True):
            st.number_input(_("Fee per hour"), min_value=0.0, step=1.0, value=None, key=f"{_KEY}idle_fee")
            st.number_input(_("Free minutes before"), 0, 1440, value=15, key=f"{_KEY}grace")


def _add(who: Visitor, _known: str, given: Answer) -> None:
    document = parse(given["json"] or "") if given["how"] == _JSON else _from_prices(given)
    code = (given["code"] or "").strip() or document.id or ""
    orders.add(who, document, code=code, name=(given["name"] or "").strip())


def _from_prices(given: Answer) -> TariffDocument:
    if given["fees"] and given["session_fee"] is None and given["time_fee"] is None:
        raise TariffRefused(_("the fee per session is needed, or that per hour"))
    return SimpleTariff(
        currency=(given["currency"] or "").strip().upper(),
        price=_number(given, "price", _("a price per kWh is needed; 0 is free")),
        vat=_number(given, "vat", _("the VAT is needed; 0 where there is none")),
        other_price=_number(given, "other_price", _("the other price is needed")) if given["other"] else None,
        other_from=given["from"] or time(22),
        other_until=given["until"] or time(6),
        idle_fee=_number(given, "idle_fee", _("the fee for standing idle is needed"))
        if given["idle"]
        else None,
        grace_minutes=given["grace"] or 0,
        session_fee=_number_or_none(given, "session_fee"),
        time_fee=_number_or_none(given, "time_fee"),
    ).document()


def _number(given: Answer, key: str, lacking: str) -> Decimal:
    found = _number_or_none(given, key)
    if found is None:
        raise TariffRefused(lacking)
    return found


def _number_or_none(given: Answer, key: str) -> Decimal | None:
    return None if given[key] is None else Decimal(str(given[key]))


def _ask_to_assign(who: Visitor, code: str) -> None:
    st.html(markup.card_title(code, _("For sessions that start from now on")))
    st.selectbox(
        _("Where"),
        # Not by their number in the list, which is another when a station comes or goes meanwhile.
        [place.name for place in orders.places(who)],
        index=None,
        placeholder=_("A connector, a station, or all stations of an owner"),
        key=f"{_KEY}place",
    )
    st.caption(_("A connector's own tariff comes before its station's, and that before its owner's."))


def _assign(who: Visitor, code: str, given: Answer) -> None:
    places = {place.name: place for place in orders.places(who)}
    if given["place"] not in places:
        raise TariffRefused(_("choose where it is to hold"))
    orders.assign(who, code, places[given["place"]])


def _ask_to_end(_who: Visitor, row: AssignmentRow) -> None:
    st.html(markup.card_title(row.place, row.code))
    st.markdown(
        _(
            "Sessions that start from now on are billed by the next wider tariff, or by the platform's "
            "price. Sessions that are under way keep theirs."
        )
    )


# A known code, or none.
ADD = Dialog(
    TOPIC,
    N_("New tariff"),
    "sell",
    _ask_to_add,
    _add,
    confirm=N_("Add tariff"),
    done=N_("The tariff was added."),
    fields=("code", "name", "how", "json", *_PRICES),
)
ASSIGN = Dialog(
    TOPIC,
    N_("Assign tariff"),
    "add_location",
    _ask_to_assign,
    _assign,
    confirm=N_("Assign tariff"),
    done=N_("The tariff holds there."),
    fields=("place",),
)
END = Dialog[AssignmentRow](
    TOPIC,
    N_("End assignment"),
    "event_busy",
    _ask_to_end,
    lambda who, row, _given: orders.end(who, row.id),
    confirm=N_("End assignment"),
    done=N_("The assignment has ended."),
)
