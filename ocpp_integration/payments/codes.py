"""A connector's code as a picture, and a station's codes on sheets to be printed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy.orm import Session

from db.models import OCPPConnector
from ocpp_integration.billing.pdf import lettering
from ocpp_integration.payments.tokens import token_of
from ocpp_integration.plugs import plug_name

# A quarter of the picture may be scratched or dirty.
_ERROR = "q"
_COLUMNS, _ROWS = 2, 3
_CODE = 62 * mm
_ROOM = 96 * mm
_HOW = "ስካን፣ ክፍያ፣ ቻርጅ · Scan, pay, charge"


@dataclass(frozen=True)
class Label:
    """What stands on and under one code."""

    url: str
    title: str
    details: str

    @classmethod
    def of(cls, connector: OCPPConnector, root: str, token: str) -> Label:
        described = connector.charging_connector
        power = f"{described.power_w / 1000:g} kW" if described and described.power_w else ""
        kind = plug_name(described.connector_type) if described else ""
        details = "  ".join(part for part in (kind, power) if part)
        number = connector.connector_id
        return cls(address(root, token), f"ማገናኛ {number} · Connector {number}", details)

    @property
    def host(self) -> str:
        """Where the code leads, so that a false one stuck over it can be told."""
        return urlsplit(self.url).netloc


def address(root: str, token: str) -> str:
    return f"{root}/pay/{token}/"


def png(url: str) -> bytes:
    return _drawn(url, "png")


def svg(url: str) -> bytes:
    return _drawn(url, "svg")


def _drawn(url: str, kind: str) -> bytes:
    picture = io.BytesIO()
    segno.make(url, error=_ERROR, micro=False).save(picture, kind=kind, scale=10, border=4)
    return picture.getvalue()


def sheet_of(store: Session, connectors: Sequence[OCPPConnector], root: str, now: datetime) -> bytes:
    """The sheet of one station's connectors, each with its token, made where it has none."""
    ordered = sorted(connectors, key=lambda each: each.connector_id)
    labels = [Label.of(each, root, token_of(store, each, now)) for each in ordered]
    return sheet(ordered[0].station.charging_station.name, labels)


def sheet(station: str, labels: Sequence[Label]) -> bytes:
    """A4 pages with six codes each, drawn as squares: sharp at any size. In Amharic and English."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, pageCompression=1)
    canvas.setTitle(f"Codes of {station}")
    on_page = _COLUMNS * _ROWS
    for position, label in enumerate(labels):
        if position % on_page == 0:
            if position:
                canvas.showPage()
            name = lettering.fitting(station, A4[0] - 30 * mm, 16, bold=True)
            _centred(canvas, A4[0] / 2, A4[1] - 16 * mm, name, 16, bold=True)
        _draw(canvas, label, station, position % on_page)
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, label: Label, station: str, position: int) -> None:
    row, column = divmod(position, _COLUMNS)
    middle = A4[0] / _COLUMNS * (column + 0.5)
    left, bottom = middle - _CODE / 2, A4[1] - (86 + 90 * row) * mm
    matrix = segno.make(label.url, error=_ERROR, micro=False).matrix
    size = _CODE / len(matrix)
    side = size + 0.08
    for y, line in enumerate(matrix):
        for x, is_dark in enumerate(line):
            if is_dark:
                # A hair larger, so that no light shows between two of them.
                canvas.rect(left + x * size, bottom + _CODE - (y + 1) * size, side, side, stroke=0, fill=1)
    told = ((label.title, 13.0, True, 6.0), (label.details, 10.0, False, 11.0), (_HOW, 10.0, False, 16.0))
    # The codes are cut apart, and none is to be stuck to another station.
    where = f"{station} · {label.host}"
    for text, height, bold, below in (*told, (where, 8.0, False, 20.5)):
        shown = lettering.fitting(text, _ROOM, height, bold=bold)
        _centred(canvas, middle, bottom - below * mm, shown, height, bold=bold)


def _centred(canvas: Canvas, middle: float, y: float, text: str, size: float, *, bold: bool = False) -> None:
    lettering.draw(canvas, middle - lettering.width(text, size, bold=bold) / 2, y, text, size, bold=bold)
