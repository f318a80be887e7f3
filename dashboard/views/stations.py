"""Stations: all of them as they are now, in a list and on a map; or, with `?station=`, one of them."""

from __future__ import annotations

import streamlit as st

from dashboard import address
from dashboard.stations import listing, page

asked = st.query_params.get("station", "")
if asked:
    page.show(address.number(asked))
else:
    listing.show()
