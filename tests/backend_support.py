"""What tests of the OCPP backend share: the real server, a receiver, charge points on real sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

import settings
from ocpp_backend.app import make_app
from ocpp_backend.server import Server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALL_TIMEOUT = 2.0
KEY = "locator-key"
_DEADLINE_SECONDS = 20.0


def eventually(condition: Callable[[], Any]) -> Any:
    """The first truthy value of `condition`; fails when none comes in time."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"never came true: {condition}")


class MovableClock:
    """The real time, moved by `advance`."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Receiver:
    """Takes webhooks on a real socket. `answer` decides the status of each from its body."""

    def __init__(self, port: int = 0) -> None:
        self.taken: list[dict[str, Any]] = []
        self.raw: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _event: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                event = json.loads(body)
                status = receiver.answer(event)
                receiver.raw.append(({k.lower(): v for k, v in self.headers.items()}, body))
                if status == 200:
                    receiver.taken.append(event)
                self.send_response(status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/ocpp/webhook/"

    def of_type(self, kind: str, station_id: str | None = None) -> list[dict[str, Any]]:
        return [
            event
            for event in list(self.taken)
            if event["type"] == kind and station_id in (None, event["station_id"])
        ]

    def wait_for(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = eventually(lambda: len(f := self.of_type(kind)) >= count and f)
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Platform(requests.Session):
    """Calls the locator API by path, with the key."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._root = f"http://127.0.0.1:{port}"
        self.trust_env = False
        self.headers["Authorization"] = f"Bearer {KEY}"

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        more.setdefault("timeout", 20)
        return super().request(method, self._root + str(url), *args, **more)


class Backend:
    """The embedded backend under its real server, in a thread."""

    def __init__(self, folder: Path, receiver_url: str, **overrides: Any) -> None:
        self.clock = MovableClock()
        self.settings = settings.load(
            None,
            **{
                "ocpp_backend_database_url": f"sqlite:///{folder / 'backend.db'}",
                "ocpp_webhook_url": receiver_url,
                "webhook_secret": SECRET,
                "ocpp_api_key": KEY,
                "ocpp_require_station_keys": False,
                **overrides,
            },
        )
        self.start()

    def start(self) -> None:
        app = make_app(self.settings, clock=self.clock, call_timeout=CALL_TIMEOUT)
        self._server = Server(app, host="127.0.0.1", port=0)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        eventually(lambda: self._server.started)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self.http = Platform(self.port)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(_DEADLINE_SECONDS)
        self.http.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def sync(self, station_id: str = "ST1", connectors: int = 2, **more: Any) -> dict[str, Any]:
        body = {
            "station_id": station_id,
            "name": "Bole",
            "connectors": [
                {"connector_id": n, "connector_type": "type2", "max_power": 22, **more}
                for n in range(1, connectors + 1)
            ],
        }
        answer = self.http.post("/api/locator/sync-station/", json=body)
        assert answer.status_code == 200, answer.text
        body_of_answer: dict[str, Any] = answer.json()
        return body_of_answer

    def charge_point(self, station_id: str = "ST1", **more: Any) -> ChargePoint:
        return ChargePoint(self.port, station_id, **more)

    def initiate(self, connector_id: int = 1, station_id: str = "ST1") -> requests.Response:
        body = {
            "station_id": station_id,
            "connector_id": connector_id,
            "user_id": "user-1",
            "payment_transaction_id": "pay-1",
            "payment_method": "qr_code",
        }
        return self.http.post("/api/locator/initiate-charging/", json=body)

    def halt(self, transaction_id: int) -> requests.Response:
        return self.http.post("/api/locator/stop-charging/", json={"transaction_id": transaction_id})

    def session(self, transaction_id: int) -> dict[str, Any]:
        answer = self.http.get(f"/api/locator/session/{transaction_id}/")
        assert answer.status_code == 200, answer.text
        session: dict[str, Any] = answer.json()["session_data"]
        return session


class ChargePoint:
    """A charge point that says exactly what a test tells it to."""

    def __init__(
        self,
        port: int,
        station_id: str,
        subprotocols: Sequence[str] = ("ocpp1.6",),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        opening = connect(
            f"ws://127.0.0.1:{port}/ws/ev-locator/{station_id}",
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            additional_headers=headers,
            compression=None,
            proxy=None,
            close_timeout=1,
        )
        self.socket: ClientConnection = opening.__enter__()

    def __enter__(self) -> ChargePoint:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, frame: Any) -> None:
        self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def receive(self) -> list[Any]:
        frame: list[Any] = json.loads(self.socket.recv(_DEADLINE_SECONDS))
        return frame

    def ask(self, action: str, payload: Any) -> list[Any]:
        """The whole frame that answers."""
        self.send([2, "message", action, payload])
        return self.receive()

    def call(self, action: str, payload: Any) -> dict[str, Any]:
        answer = self.ask(action, payload)
        assert answer[0] == 3, answer
        payload_of_answer: dict[str, Any] = answer[2]
        return payload_of_answer

    def boot(self) -> dict[str, Any]:
        return self.call("BootNotification", {"chargePointVendor": "ABB", "chargePointModel": "Terra"})

    def status(self, status: str, connector_id: int = 1, at: datetime | None = None, **more: Any) -> None:
        payload = {"connectorId": connector_id, "errorCode": "NoError", "status": status, **more}
        self.call("StatusNotification", payload | ({"timestamp": at.isoformat()} if at else {}))

    def answer_command(self, status: str = "Accepted") -> list[Any]:
        command = self.receive()
        self.send([3, command[1], {"status": status}])
        return command

    def begin(
        self, id_tag: str = "CARD", connector_id: int = 1, meter: int = 120_000, at: datetime | None = None
    ) -> dict[str, Any]:
        payload = {
            "connectorId": connector_id,
            "idTag": id_tag,
            "meterStart": meter,
            "timestamp": (at or datetime.now(UTC)).isoformat(),
        }
        return self.call("StartTransaction", payload)

    def measure(self, transaction_id: int, at: datetime | None = None, **by_measurand: Any) -> None:
        """`register="124.0 kWh"`, `power="22 kW"`, `soc="40 Percent"`."""
        names = {
            "register": "Energy.Active.Import.Register",
            "power": "Power.Active.Import",
            "soc": "SoC",
        }
        sampled = []
        for name, text in by_measurand.items():
            value, unit = text.split()
            sampled.append({"measurand": names[name], "value": value, "unit": unit})
        moment = (at or datetime.now(UTC)).isoformat()
        payload = {
            "connectorId": 1,
            "transactionId": transaction_id,
            "meterValue": [{"timestamp": moment, "sampledValue": sampled}],
        }
        self.call("MeterValues", payload)

    def end(self, transaction_id: int, meter: int, at: datetime | None = None, **more: Any) -> dict[str, Any]:
        moment = (at or datetime.now(UTC)).isoformat()
        payload = {"transactionId": transaction_id, "meterStop": meter, "timestamp": moment, **more}
        return self.call("StopTransaction", payload)


_threads = ThreadPoolExecutor(8)


def meanwhile(work: Callable[[], Any]) -> Future[Any]:
    """Run `work` while the test goes on being the charge point."""
    return _threads.submit(work)


def begin_remotely(backend: Backend, charge_point: ChargePoint, at: datetime | None = None) -> int:
    """Start a charge from afar, through to StartTransaction; its transaction id."""
    asked = meanwhile(backend.initiate)
    command = charge_point.answer_command()
    transaction_id: int = asked.result().json()["transaction"]["transaction_id"]
    assert charge_point.begin(command[3]["idTag"], at=at)["transactionId"] == transaction_id
    return transaction_id
