"""`make screenshots`: every page of the dashboard as a picture, from a demo of its own.

    PYTHONPATH=.:tests python docs/screenshots.py [--only NAME] [--all FOLDER]

starts a demo with a fixed seed on free ports in a temporary folder, waits until some sessions have got going,
and takes every page of the navigation, a session, a station, the sign-in form and a phone's page, 1440 and
390 pixels wide, light and dark. All go to docs/screenshots/ (ignored by git), those of the README to
docs/images/, small enough for it. It needs what `make test` installs, and a Chrome or Chromium.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from browser import await_all, browsing, fill_in_sign_in
from PIL import Image
from playwright.sync_api import Browser, Page
from ports import free_port
from sqlalchemy import Engine, func, select

from dashboard.navigation import OWNERS, PAGES
from db import migrate
from db.engine import make_engine, reading, writing
from db.models import ChargingSession, OCPPConnector, utc_now
from management import demo, environment
from ocpp_integration.payments.codes import Label
from ocpp_integration.payments.tokens import token_of
from settings import ROOT, Settings, load

PICTURES = ROOT / "docs" / "images"
EVERYTHING = ROOT / "docs" / "screenshots"
# Those of the README: page, width and theme, and how many pixels of its height.
CHOSEN = {
    ("overview", 1440, "light"): 1560,
    ("live", 1440, "light"): 1000,
    ("sessions-one", 1440, "dark"): 872,
    ("overview", 390, "dark"): 844,
    ("phone", 390, "light"): 844,
}
WIDTHS, THEMES = (1440, 390), ("light", "dark")
_TALLEST = 3600
_COLOURS, _EXACT = 160, 120
_PROCESSES = (
    "-m ocpp_backend",
    "-m webhook_receiver",
    "-m jobs",
    "-m dashboard",
    "-m simulator --seed 1 --traffic 8",
)
_CHARGING, _GONE_WH = 6, 1_000
_DEAR = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", help="only pages with this in their name")
    parser.add_argument("--all", type=Path, default=EVERYTHING, help="folder for every picture")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="screenshots") as folder, ExitStack() as stack:
        settings = _settings(Path(folder))
        engine = make_engine(settings.database_url)
        stack.callback(engine.dispose)
        migrate.upgrade(engine)
        demo.create(engine, settings, days=60)
        stack.enter_context(_running(Path(folder)))
        _wait_until_charging(engine)
        take(engine, settings, options.all, options.only or "")


def take(engine: Engine, settings: Settings, folder: Path, only: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    others = _others(engine, settings)
    pages = {each.path or each.name: f"/{each.path}" for each in PAGES if each.readers != OWNERS}
    with browsing() as browser:
        for width in WIDTHS:
            for theme in THEMES:
                page = _signed_in(browser, settings, width, theme)
                for name, address in ({"login": ""} | pages | others).items():
                    if only in name:
                        path = folder / f"{name}-{width}-{theme}.png"
                        _picture(page, settings, name, address, width, path)
                        print(path.name, flush=True)
                        if height := CHOSEN.get((name, width, theme)):
                            _shrink(path, PICTURES / f"{name}-{width}-{theme}.png", height)
                page.context.close()


def _others(engine: Engine, settings: Settings) -> dict[str, str]:
    """Pages that no link of the navigation leads to: one of the running sessions, a station, a code."""
    with writing(engine) as store:
        session = store.scalars(
            select(ChargingSession).where(ChargingSession.stop_time.is_(None)).order_by(ChargingSession.id)
        ).first()
        # A dear one, which is one of a fast charger.
        ended = store.scalar(
            select(ChargingSession.id)
            .where(ChargingSession.stop_time.is_not(None), ChargingSession.cost > _DEAR)
            .order_by(ChargingSession.stop_time.desc())
            .limit(1)
        )
        # One at which a driver can pay: the last, because the first ones are seldom free for long.
        connector = store.scalars(
            select(OCPPConnector).order_by(OCPPConnector.status != "available", OCPPConnector.id.desc())
        ).first()
        if connector is None or session is None:
            raise LookupError("the demo has no connector, or no session that runs")
        phone = Label.of(connector, settings.phone_url, token_of(store, connector, utc_now())).url
    return {
        "sessions-one": f"/sessions?session={ended}",
        "sessions-running": f"/sessions?session={session.id}",
        "stations-one": "/stations?station=1",
        "phone": phone,
    }


def _signed_in(browser: Browser, settings: Settings, width: int, theme: str) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        device_scale_factor=1 if width > 600 else 2,
        locale="en-GB",
    )
    context.set_default_timeout(60_000)
    return fill_in_sign_in(
        context, settings.dashboard_url, user_name=demo.ADMIN, password=os.environ["DEMO_PASSWORD"]
    )


def _picture(page: Page, settings: Settings, name: str, address: str, width: int, path: Path) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    if name == "login":
        with page.context.browser.new_context(  # type: ignore[union-attr]
            viewport={"width": width, "height": 900},
            color_scheme="dark" if path.stem.endswith("dark") else "light",
        ) as stranger:
            form = stranger.new_page()
            form.goto(f"{settings.dashboard_url}/login")
            form.screenshot(path=path)
        return
    page.goto(address if address.startswith("http") else settings.dashboard_url + address)
    if address.startswith("http"):
        page.screenshot(path=path, full_page=True)
        return
    await_all(page)
    page.wait_for_timeout(1500)
    await_all(page)
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(900, height), _TALLEST)})
    page.wait_for_timeout(700)
    await_all(page)
    page.screenshot(path=path)


def _shrink(source: Path, target: Path, height: int) -> None:
    """A picture for the README: the top of the page, in few colours."""
    with Image.open(source) as picture:
        scale = 2 if picture.width == 780 else 1
        cut = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, height * scale)))
        small = _in_few_colours(cut)
        small.save(target, optimize=True)


def _in_few_colours(picture: Image.Image) -> Image.Image:
    """The most frequent colours as they are, so that no ground is tinted; others by coverage, because a rare
    one, such as that of a fault, would be averaged away.
    """
    pixels = np.asarray(picture).reshape(-1, 3)
    colours, place, count = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    frequent = colours[np.argsort(-count)[:_EXACT]]
    covering = picture.quantize(_COLOURS - len(frequent), Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = np.concatenate([frequent, np.array(covering, np.uint8).reshape(-1, 3)])
    # Pillow's own search for the nearest colour is not exact.
    nearest = [np.abs(palette.astype(int) - colour).sum(axis=1).argmin() for colour in colours]
    small = Image.fromarray(np.array(nearest, np.uint8)[place].reshape(picture.height, picture.width), "P")
    small.putpalette(palette.tobytes())
    return small


def _wait_until_charging(engine: Engine, patience: float = 900) -> None:
    deadline = time.monotonic() + patience
    charging = select(func.count()).where(
        ChargingSession.stop_time.is_(None), ChargingSession.energy_wh > _GONE_WH
    )
    while time.monotonic() < deadline:
        with reading(engine) as store:
            if (store.scalar(charging) or 0) >= _CHARGING:
                return
        time.sleep(5)
    raise TimeoutError(f"after {patience:.0f} s fewer than {_CHARGING} sessions have got going")


def _settings(folder: Path) -> Settings:
    """Of this run alone, in the environment, where the processes find them before any .env."""
    os.environ |= environment.fresh_secrets() | {
        "DATABASE_URL": f"sqlite:///{folder / 'store.db'}",
        "OCPP_BACKEND_DATABASE_URL": f"sqlite:///{folder / 'backend.db'}",
        "SIMULATOR_KEYS": str(folder / "keys.json"),
        "PAYMENT_PROVIDER": "sandbox",
        "DASHBOARD_PORT": str(free_port()),
        "RECEIVER_PORT": str(free_port()),
        "OCPP_BACKEND_PORT": str(free_port()),
        "METER_INTERVAL": "5",
        "DEMO_PASSWORD": secrets.token_urlsafe(12),
    }
    return load(None)


@contextmanager
def _running(folder: Path) -> Iterator[None]:
    processes: list[subprocess.Popen[bytes]] = []
    with (folder / "output").open("wb") as output:
        try:
            for command in _PROCESSES:
                more = ["--memory", str(folder / "memory")] if "simulator" in command else []
                arguments = [sys.executable, *shlex.split(command), *more]
                processes.append(subprocess.Popen(arguments, cwd=ROOT, stdout=output, stderr=output))
                if "ocpp_backend" in command:
                    time.sleep(2)
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


if __name__ == "__main__":
    main()
