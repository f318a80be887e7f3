"""The types of connectors as people read them."""

from __future__ import annotations

from languages import speaking
from ocpp_integration.platform.fields import CONNECTOR_TYPES
from ocpp_integration.plugs import plug_name


def test_every_type_of_the_contract_has_a_name_of_its_own() -> None:
    names = {plug_name(each) for each in CONNECTOR_TYPES}
    assert len(names) == len(CONNECTOR_TYPES) and names.isdisjoint(CONNECTOR_TYPES)


def test_what_is_no_name_is_told_in_the_readers_language() -> None:
    with speaking("am"):
        assert (plug_name("type2"), plug_name("other"), plug_name(None)) == ("Type 2", "ሌላ", "")
