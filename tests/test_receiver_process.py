"""`python -m webhook_receiver` as it runs in production: its server, its limits, its end."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import factories
import pytest
import requests
from ports import free_port
from receiver_app import BATCH, SECRET, WEBHOOK
from sqlalchemy import select

from db.engine import reading
from db.models import WebhookEvent
from ocpp_integration import events
from ocpp_integration.backend import longest_call
from settings import load
from webhook_receiver.batches import MAX_BATCH_BYTES
from webhook_receiver.server import stops_within

ROOT = Path(__file__).resolve().parent.parent
BODY = json.dumps({"type": "station_status", "data": {"status": "available"}, "station_id": "S"})
needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks up the worker in /proc")
HEADERS = b"POST /api/ocpp/webhook/ HTTP/1.1\r\nHost: receiver\r\nContent-Type: application/json\r\n"


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_healthy(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=1).ok
        except requests.RequestException:
            return False

    def post(self, event_id: str) -> int | None:
        """The status, None where no answer came."""
        try:
            return self.send(event_id).status_code
        except requests.RequestException:
            return None

    def send(self, event_id: str, timeout: float = 10) -> requests.Response:
        headers = events.sign([SECRET], event_id, BODY, datetime.now(UTC))
        return requests.post(self.url + WEBHOOK, data=BODY, headers=headers, timeout=timeout)

    def metric(self, sample: str) -> float:
        """The value of a sample, by its name and labels; 0 where there is none yet."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} "))

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def recorded(self) -> list[str]:
        engine = factories.make_engine(f"sqlite:///{self.folder / 'store.db'}")
        with reading(engine) as store:
            found = list(store.scalars(select(WebhookEvent.event_key)))
        engine.dispose()
        return found


def environment(database_url: str, port: int) -> dict[str, str]:
    """A receiver's."""
    return {
        "DATABASE_URL": database_url,
        "RECEIVER_PORT": str(port),
        "HOST": "127.0.0.1",
        "WEBHOOK_SECRET": SECRET,
        "WEBHOOK_ALLOW_UNSIGNED": "false",
        "OCPP_BASE_URL": "http://127.0.0.1:9",
        # Nobody reads its output meanwhile, and a full pipe would stop it.
        "LOG_LEVEL": "WARNING",
    }


def start(folder: Path, port: int, **more: str) -> subprocess.Popen[str]:
    """The receiver in a process group of its own, with its worker."""
    return subprocess.Popen(
        [sys.executable, "-m", "webhook_receiver"],
        cwd=ROOT,
        env=os.environ | environment(f"sqlite:///{folder / 'store.db'}", port) | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def _server(folder: Path, **environment: str) -> Iterator[Server]:
    factories.make_store(folder).dispose()
    server = Server(process=start(folder, port := free_port(), **environment), port=port, folder=folder)
    try:
        wait_until(server.is_healthy)
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
        try:
            server.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that leave it running."""
    with _server(tmp_path_factory.mktemp("receiver")) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with _server(tmp_path) as server:
        yield server


def test_a_webhook_is_recorded(shared: Server) -> None:
    event_id = str(uuid4())
    assert (shared.post(event_id), event_id in shared.recorded()) == (200, True)


def test_a_chunked_body_within_the_limit_is_read_whole(shared: Server) -> None:
    headers = events.sign([SECRET], str(uuid4()), BODY, datetime.now(UTC))
    parts = iter([BODY[:10].encode(), BODY[10:].encode()])
    assert requests.post(shared.url + WEBHOOK, data=parts, headers=headers, timeout=10).status_code == 200


def test_a_declared_body_over_the_limit_is_refused_before_it_is_sent(shared: Server) -> None:
    with closing(shared.connect()) as client:
        client.sendall(HEADERS + b"Content-Length: 65537\r\n\r\n")
        assert _status(client) == 413


def test_a_chunked_body_over_the_limit_is_refused(shared: Server) -> None:
    with closing(shared.connect()) as client:
        client.sendall(HEADERS + b"Transfer-Encoding: chunked\r\n\r\n10001\r\n" + b" " * 65537 + b"\r\n")
        assert _status(client) == 413


def test_a_refusal_of_the_server_itself_is_json_with_the_same_headers(shared: Server) -> None:
    answer = requests.post(shared.url + WEBHOOK, data=b" " * 70_000, timeout=10)
    assert (answer.json()["success"], answer.headers["X-Content-Type-Options"]) == (False, "nosniff")


def test_a_path_is_decoded_once(shared: Server) -> None:
    assert requests.get(shared.url + "/%2568ealthz", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/9.9", b"NONSENSE", b"GET /\xff\xfe HTTP/1.1", b"\x16\x03\x01\x02"]
)
def test_what_is_not_http_stops_nothing(shared: Server, request_line: bytes) -> None:
    with closing(shared.connect()) as client:
        client.sendall(request_line + b"\r\nHost: receiver\r\n\r\n")
        client.recv(4096)
    assert shared.is_healthy()


def test_a_client_that_leaves_in_the_middle_of_its_body_stops_nothing(shared: Server) -> None:
    for _ in range(50):
        with closing(shared.connect()) as client:
            client.sendall(HEADERS + b"Content-Length: 100\r\n\r\n{")
    assert shared.post(str(uuid4())) == 200


def test_two_hundred_slow_senders_keep_neither_health_nor_webhooks_waiting(shared: Server) -> None:
    slow = [shared.connect() for _ in range(200)]
    for client in slow:
        client.sendall(HEADERS + b"Content-Length: 1000\r\n\r\n{")
    answers = []
    for _ in range(5):
        for client in slow:
            client.sendall(b" ")
        answers.append((shared.is_healthy(), shared.post(str(uuid4()))))
    for client in slow:
        client.close()
    assert answers == [(True, 200)] * 5


def test_a_second_receiver_on_the_port_ends_with_one_clear_line(shared: Server) -> None:
    process = start(shared.folder, shared.port)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, "RECEIVER_PORT" in output, "Traceback" in output) == (1, True, False)


def test_a_secret_that_is_none_ends_with_one_clear_line(shared: Server) -> None:
    process = start(shared.folder, free_port(), WEBHOOK_SECRET="whsec_x")
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, "WEBHOOK_SECRET" in output, "Traceback" in output) == (1, True, False)


def test_sigterm_under_load_answers_exactly_what_is_in_the_store(server: Server) -> None:
    answered: dict[str, int] = {}
    ending = threading.Event()

    def send() -> None:
        # Kept alive, as a backend's connections are.
        with requests.Session() as http:
            while not ending.is_set():
                event_id = str(uuid4())
                headers = events.sign([SECRET], event_id, BODY, datetime.now(UTC))
                # Not accepted any more: nothing is told, and nothing may have been recorded.
                with suppress(requests.ConnectionError):
                    answer = http.post(server.url + WEBHOOK, data=BODY, headers=headers, timeout=10)
                    answered[event_id] = answer.status_code

    with ThreadPoolExecutor(16) as pool:
        for _ in range(16):
            pool.submit(send)
        wait_until(lambda: len(answered) >= 200)
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(timeout=20)
        ending.set()
    acknowledged = {event_id for event_id, status in answered.items() if status == 200}
    assert (code, acknowledged) == (0, set(server.recorded()))


def test_after_sigterm_what_is_under_way_is_answered_and_nothing_new_begins(server: Server) -> None:
    lock = sqlite3.connect(server.folder / "store.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(server.post, str(number)) for number in range(12)]
        wait_until(lambda: server.metric("mengedmate_requests_in_progress") >= 12)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not server.is_healthy())
        new = server.post("new")
        lock.execute("ROLLBACK")
        answers = [each.result() for each in waiting]
    lock.close()
    code = server.process.wait(timeout=20)
    assert (new, answers, code) == (None, [200] * 12, 0)
    assert sorted(server.recorded()) == sorted(map(str, range(12)))


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_process_logs_each_request_in_one_line_of_its_format(tmp_path: Path, style: str) -> None:
    with _server(tmp_path, LOG_LEVEL="INFO", LOG_FORMAT=style) as server:
        requests.get(server.url + "/healthz", headers={"X-Request-ID": "probe-7"}, timeout=10)
        server.process.terminate()
        output, _ = server.process.communicate(timeout=20)
    (line,) = [line for line in output.splitlines() if "probe-7" in line]
    if style == "json":
        told = json.loads(line)
        assert (told["request_id"], told["route"], told["status"]) == ("probe-7", "/healthz", 200)
    else:
        assert "[probe-7]: request method=GET route=/healthz status=200" in line


def test_unsigned_webhooks_are_warned_of_at_the_start(tmp_path: Path) -> None:
    with _server(tmp_path, WEBHOOK_ALLOW_UNSIGNED="true") as server:
        server.process.terminate()
        output, _ = server.process.communicate(timeout=20)
    assert "WARNING" in output and "WEBHOOK_ALLOW_UNSIGNED" in output


def test_a_refusal_of_the_gateway_has_a_request_id_and_counts(shared: Server) -> None:
    answer = requests.post(
        shared.url + WEBHOOK, data=b" " * 70_000, headers={"X-Request-ID": "large-1"}, timeout=10
    )
    counted = 'mengedmate_requests_total{method="POST",route="unmatched",status="413"}'
    assert (answer.headers["X-Request-ID"], shared.metric(counted) >= 1) == ("large-1", True)


def test_a_batch_over_the_limit_of_single_events_is_taken(shared: Server) -> None:
    body = f"[{','.join([BODY] * 1000)}]"
    headers = events.sign([SECRET], str(uuid4()), body, datetime.now(UTC))
    answer = requests.post(shared.url + BATCH, data=body, headers=headers, timeout=10)
    assert (answer.status_code, len(answer.json()["answers"]), len(body) > 65536) == (200, 1000, True)


def test_a_batch_over_its_own_limit_is_refused_before_it_is_sent(shared: Server) -> None:
    with closing(shared.connect()) as client:
        head = HEADERS.replace(WEBHOOK.encode(), BATCH.encode())
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % (MAX_BATCH_BYTES + 1))
        assert _status(client) == 413


@pytest.mark.parametrize(
    "signature", [b"", b"v1,", b"v1", b"v1,\xff\xfe", b"v2,AAAA", b",,, ,", b"v1,A v1,B"]
)
@pytest.mark.parametrize("timestamp", [b"%d", b"nan", b"inf", b"-1", b"1e400", b"\xff", b""])
def test_whatever_stands_for_a_signature_is_answered_401(
    shared: Server, signature: bytes, timestamp: bytes
) -> None:
    at = timestamp.replace(b"%d", str(int(time.time())).encode())
    signed = b"webhook-id: 1\r\nwebhook-timestamp: %b\r\nwebhook-signature: %b\r\n" % (at, signature)
    with closing(shared.connect()) as client:
        client.sendall(HEADERS + signed + b"Content-Length: 2\r\n\r\n{}")
        assert _status(client) == 401


@needs_proc
def test_a_full_store_is_answered_503_and_used_again_when_there_is_room(server: Server) -> None:
    worker = _worker(server)
    before = server.post("before")
    _, unlimited = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (1, unlimited))
    refused = server.send("refused", timeout=6)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (unlimited, unlimited))
    assert (before, refused.status_code, refused.headers["Retry-After"]) == (200, 503, "5")
    assert (server.post("refused"), server.recorded()) == (200, ["before", "refused"])


def test_a_locked_store_is_answered_503_while_health_answers(server: Server) -> None:
    with closing(sqlite3.connect(server.folder / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(server.send, str(number), 6) for number in range(16)]
            healthy = [server.is_healthy() for _ in range(10)]
            refused = [each.result() for each in waiting]
        other.execute("ROLLBACK")
    assert (all(healthy), {answer.status_code for answer in refused}) == (True, {503})
    sent_again = {server.post(str(number)) for number in range(16)}
    assert (sent_again, sorted(server.recorded(), key=int)) == ({200}, [str(number) for number in range(16)])


@needs_proc
def test_a_killed_worker_is_replaced_and_nothing_acknowledged_is_lost(server: Server) -> None:
    acknowledged = [event_id for event_id in map(str, range(20)) if server.post(event_id) == 200]
    worker = _worker(server)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not _is_running(worker))
    wait_until(server.is_healthy)
    assert (len(acknowledged), set(acknowledged) - set(server.recorded())) == (20, set())


@needs_proc
def test_a_killed_receiver_leaves_no_worker_behind(server: Server) -> None:
    worker = _worker(server)
    server.process.kill()
    wait_until(lambda: not _is_running(worker))
    assert not server.is_healthy()


def _worker(server: Server) -> int:
    pid = server.process.pid
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _status(client: socket.socket) -> int:
    return int(client.recv(4096).split(b" ", 2)[1])


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come to pass in time"
        time.sleep(0.05)


def test_the_server_is_not_killed_before_its_longest_call_is_over() -> None:
    settings = load(None, ocpp_timeout=47.5)
    assert stops_within(settings) > longest_call(settings) > 47.5
