"""One method at one address: what it asks for, what it answers, how often it may be called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from flask import Response
from pydantic import BaseModel

from webhook_receiver import parameters
from webhook_receiver.errors import BadFields, NotFound

View = Callable[..., Response]
Rate = Literal["requests", "commands", "webhooks", "payments", "none"]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`view` gets what `read` returns; it is None where a blueprint brings the route. `guard` raises for whom
    there is no answer, before anything of the request is read.

    `rate` names what limits it (see `webhook_receiver.admission`). `refusals` are those in a shape of its
    own: their meaning and shape by status. Of several `media_types` only that of JSON has the shape of
    `answer`; the others are files. `links` maps operations that go on from this one to their
    parameter and where it is found in the answer.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    answer: Any
    description: str = ""
    view: View | None = None
    guard: Callable[[], None] = lambda: None
    path_model: type[BaseModel] | None = None
    query_model: type[BaseModel] | None = None
    body_model: Any = None
    rate: Rate = "requests"
    needs_token: bool = True
    is_list: bool = False
    is_command: bool = False
    asks_backend: bool = False
    media_types: tuple[str, ...] = ("application/json",)
    refusals: Mapping[int, tuple[str, Any]] = field(default_factory=dict)
    links: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        return self.path.replace("{", "<").replace("}", ">")

    @cached_property
    def statuses(self) -> tuple[int, ...]:
        """The refusals that it may answer with."""
        reasons = {
            400: self.query_model or self.body_model or self.is_command,
            401: self.needs_token,
            404: self.needs_token and not self.is_list,
            405: True,
            408: self.body_model,
            409: self.is_command,
            413: self.body_model,
            415: self.body_model,
            422: self.is_command,
            429: self.rate != "none",
            502: self.asks_backend,
            503: self.rate != "none",
        }
        return tuple(sorted({status for status, holds in reasons.items() if holds} | set(self.refusals)))

    def read(self, in_path: Mapping[str, str]) -> dict[str, BaseModel]:
        """What the current request asks for, checked.

        Raises `BadFields`, `NotFound` and 415, and before them what `guard` does.
        """
        self.guard()
        asked: dict[str, BaseModel] = {}
        if self.path_model is not None:
            try:
                asked["path"] = parameters.checked(self.path_model, dict(in_path))
            except BadFields as error:
                # An address that nothing can have.
                raise NotFound from error
        if self.query_model is not None:
            asked["query"] = parameters.query(self.query_model)
        if self.view is not None and self.body_model is not None:
            asked["body"] = parameters.body(self.body_model)
        return asked
