"""What may be asked of the log of frames."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from ocpp_backend.bodies import Body, Text
from ocpp_backend.clock import parse_time
from ocpp_backend.frame_log import Search

_ANY_ERROR = {"1", "true", "any"}


def _time(text: object) -> object:
    """A plus that was not escaped has arrived as a space."""
    return parse_time(re.sub(r"(T.*) (\d\d:?\d\d)$", r"\1+\2", str(text)))


_Time = Annotated[datetime, BeforeValidator(_time)]


class FrameQuery(Body):
    """`error` is an error code of OCPP, or "true" for every frame with one; `cursor` comes from an answer.

    `partners` asks for the answers of calls that are found, and the calls of answers, as well.
    """

    station_id: Text | None = None
    action: Text | None = None
    error: Text | None = None
    since: _Time | None = None
    until: _Time | None = None
    cursor: Annotated[int, Field(ge=1, le=2**63 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    partners: bool = False

    def search(self) -> Search:
        return Search(
            station_id=self.station_id,
            action=self.action,
            error=self._error(),
            since=self.since,
            until=self.until,
            before=self.cursor,
            limit=self.limit,
        )

    def _error(self) -> str | bool:
        if not self.error:
            return False
        return True if self.error.lower() in _ANY_ERROR else self.error
