"""What schemathesis checks besides its own: loaded by its process, told of the people by the environment."""

from __future__ import annotations

import json
import os
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

# By the token of each owner: words that are in no answer of anybody else.
MARKERS: dict[str, list[str]] = json.loads(os.environ["MARKERS_BY_TOKEN"])

# What a request that fits its schema may still be refused for: only the store knows, or the day before it.
KNOWN_BY_THE_STORE = {"cursor", "user_id", "station_id", "connector_id", "transaction_id", "to"} | {
    "amount",
    "kwh_requested",
    "connector",
    "session_token",
}


@schemathesis.check
def tells_nothing_of_another_owner(_ctx: CheckContext, response: Response, case: Case) -> None:
    sent = response.request.headers.get("Authorization", "").removeprefix("Token ")
    told = response.content.decode("utf-8", "replace")
    for token, words in MARKERS.items():
        if token != sent:
            found = [word for word in words if word in told]
            assert not found, f"{case.method} {case.path} tells of another owner: {found}"


@schemathesis.check
def refuses_what_fits_only_for_what_the_store_knows(
    _ctx: CheckContext, response: Response, case: Case
) -> None:
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    if is_positive and response.status_code == 400:
        told: dict[str, Any] = json.loads(response.content)
        reasons = told.get("errors", told)
        # Of texts under names that no schema lists, none can be told to be without NUL.
        if reasons == {"body": ["NUL characters are not allowed"]}:
            return
        assert reasons.keys() <= KNOWN_BY_THE_STORE, f"{case.method} {case.path} refuses {reasons}"
