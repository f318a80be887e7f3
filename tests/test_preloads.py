"""The scripts of Streamlit that a page's document names."""

from __future__ import annotations

import pytest

from dashboard.gate import preloads
from dashboard.navigation import PAGES


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_each_element_that_a_page_draws_first_has_a_script_of_its_own(path: str) -> None:
    drawn = preloads.elements(path, has_dates=True)
    assert all(preloads.scripts((element,)) for element in drawn)


def test_a_script_comes_with_all_that_it_imports() -> None:
    found = preloads.scripts(("DataFrame",))
    assert any(name.startswith("arrowFormatUtils.") for name in found)
    assert len(found) == len(set(found))
