"""Live pages that refresh themselves: clients that speak Streamlit's protocol, as many browsers would."""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dashboard.gate.signing import SESSION_COOKIE

# A panel that another one waited for ends the second way, after its last element.
_REFRESHED = (ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY, ForwardMsg.FINISHED_EARLY_FOR_RERUN)
_TICK = 2.0


@dataclass
class _Page:
    """One open page: its panels with their intervals in seconds, and when each asked to be run again."""

    socket: ClientConnection
    panels: dict[str, float] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    took: list[float] = field(default_factory=list)

    async def open(self) -> None:
        message = BackMsg()
        message.rerun_script.page_name = "live"
        await self.socket.send(message.SerializeToString())

    async def ask(self, panel: str) -> None:
        message = BackMsg()
        message.rerun_script.fragment_id = panel
        message.rerun_script.is_auto_rerun = True
        message.rerun_script.page_name = "live"
        self.asked.setdefault(panel, asyncio.get_running_loop().time())
        await self.socket.send(message.SerializeToString())

    def hear(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "auto_rerun":
            self.panels[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "new_session":
            self.seen = set(message.metadata.run.fragment_ids)
        elif kind == "script_finished" and message.script_finished in _REFRESHED:
            now = asyncio.get_running_loop().time()
            self.took += [now - self.asked.pop(panel) for panel in self.seen if panel in self.asked]


def refreshes(url: str, cookie: str, pages: int, seconds: float) -> dict[str, Any]:
    """For so many pages open at once, how long their panels took to be refreshed, each two seconds.

    `late` are those that took longer than the two seconds, those that never came among them.
    """
    opened = asyncio.run(_watch(url, cookie, pages, seconds))
    took = sorted(1000 * each for page in opened for each in page.took)
    # Those asked for last may not have been due yet.
    due = sum(
        1 for page in opened for panel, at in page.asked.items() if page.panels[panel] == _TICK and at >= 0
    )
    return {
        "pages": pages,
        "refreshes": len(took),
        "refreshed_within_ms": {
            "p50": round(statistics.median(took), 1),
            "p99": round(took[int(len(took) * 0.99)], 1),
            "max": round(took[-1], 1),
        },
        "late": sum(each > _TICK * 1000 for each in took) + due,
    }


async def _watch(url: str, cookie: str, pages: int, seconds: float) -> list[_Page]:
    address = url.replace("http", "ws", 1) + "/_stcore/stream"
    headers = {"Cookie": f"{SESSION_COOKIE}={cookie}", "Origin": url}
    opened: list[_Page] = []
    for _ in range(pages):
        socket = await connect(
            address,
            additional_headers=headers,
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
        )
        page = _Page(socket)
        await page.open()
        opened.append(page)
        await _first_run(page)
    listening = [asyncio.create_task(_listen(page)) for page in opened]
    try:
        async with asyncio.timeout(seconds + 20 * _TICK), asyncio.TaskGroup() as running:
            for number, page in enumerate(opened):
                for panel, interval in page.panels.items():
                    running.create_task(_keep_asking(page, panel, interval, seconds, number / pages))
        # What was asked for last has its two seconds, too.
        await asyncio.sleep(_TICK)
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*(page.socket.close() for page in opened))
    return opened


async def _first_run(page: _Page) -> None:
    async for data in page.socket:
        message = ForwardMsg()
        message.ParseFromString(data)
        page.hear(message)
        if message.WhichOneof("type") == "script_finished":
            if not page.panels:
                raise RuntimeError("the Live page has no panels that refresh themselves")
            return


async def _listen(page: _Page) -> None:
    async for data in page.socket:
        message = ForwardMsg()
        message.ParseFromString(data)
        page.hear(message)


async def _keep_asking(page: _Page, panel: str, interval: float, seconds: float, start: float) -> None:
    """As the browser's timer does, whether the last answer has come or not."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    await asyncio.sleep(start * interval)
    while clock() < end:
        await page.ask(panel)
        await asyncio.sleep(interval)
