"""The API's description: as OpenAPI, and as a page to read. Each is made when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

from flask import Response, current_app, jsonify, request

from webhook_receiver import openapi
from webhook_receiver import page as pages
from webhook_receiver.operation import Operation

NAME = "documents"
_HOST = re.compile(r"[\w.-]+(:\d+)?|\[[\da-fA-F:.]+\](:\d+)?", re.ASCII)


class Documents:
    def __init__(self, operations: Sequence[Operation]):
        self._operations = operations

    @cached_property
    def openapi(self) -> dict[str, Any]:
        return openapi.document(self._operations)

    @cached_property
    def page(self) -> str:
        return pages.render(self.openapi)


def openapi_json() -> Response:
    return jsonify(_documents().openapi)


def page() -> Response:
    headers = {"Content-Security-Policy": pages.policy()}
    html = _documents().page
    # What does not look like a host would be copied to somebody's shell.
    if _HOST.fullmatch(request.host):
        html = html.replace(pages.HOST, request.host_url.rstrip("/"))
    return Response(html, headers=headers, content_type="text/html; charset=utf-8")


def _documents() -> Documents:
    return cast(Documents, current_app.extensions[NAME])
