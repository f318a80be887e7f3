"""What the client's responses say, as exceptions, for those who would rather catch than ask.

ClientError
├── InvalidRequest      400, 413, 415, 422: what was asked cannot be done as asked; `errors` names the fields
├── Unauthorized        401: the token is missing, wrong or past its time
├── NotFound            404: there is no such thing, or it is not yours
├── UnderWay            409: the same command has no answer yet
├── RateLimited         429: too many requests
├── BackendFailed       502: the OCPP backend did not do it
├── Unavailable         503: the receiver's store or the OCPP backend is down
└── Unreachable         no answer came, or none that can be used
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """`response` is the client's mapping, `retry_after` the seconds that it asks to wait, if any."""

    def __init__(self, message: str, response: Mapping[str, Any]):
        super().__init__(message)
        self.response = dict(response)
        self.status_code: int | None = response["status_code"]
        self.retry_after: int | None = response.get("retry_after")


class InvalidRequest(ClientError):
    @property
    def errors(self) -> dict[str, list[str]]:
        """The reasons by field; empty where it is not about a field."""
        data = self.response["data"]
        told = data.get("errors", data) if isinstance(data, dict) else {}
        return {field: reasons for field, reasons in told.items() if isinstance(reasons, list)}


class Unauthorized(ClientError):
    pass


class NotFound(ClientError):
    pass


class UnderWay(ClientError):
    pass


class RateLimited(ClientError):
    pass


class BackendFailed(ClientError):
    pass


class Unavailable(ClientError):
    pass


class Unreachable(ClientError):
    pass


_BY_STATUS: dict[int | None, type[ClientError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    404: NotFound,
    409: UnderWay,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
    502: BackendFailed,
    503: Unavailable,
    None: Unreachable,
}


def raise_for(response: Mapping[str, Any]) -> Any:
    """The data of a response that succeeded. Raises the `ClientError` of one that did not."""
    if response["success"]:
        return response["data"]
    status = response["status_code"]
    is_usable = status is None or not 200 <= status < 400
    error = _BY_STATUS.get(status, ClientError) if is_usable else Unreachable
    raise error(_sentence(response), response)


def _sentence(response: Mapping[str, Any]) -> str:
    data = response["data"]
    if not isinstance(data, dict):
        return f"the receiver answered {response['status_code']}"
    if told := data.get("error") or data.get("message"):
        return str(told)
    return "; ".join(f"{field}: {' '.join(map(str, reasons))}" for field, reasons in data.items())
