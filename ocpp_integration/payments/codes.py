"""A connector's code as a picture, and a station's codes on sheets to be printed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import segno
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from db.models import OCPPConnector

# A quarter of the picture may be scratched or dirty.
_ERROR = "q"
_COLUMNS, _ROWS = 2, 3
_CODE = 62 * mm


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
        kind = described.connector_type.upper() if described else ""
        details = "  ".join(part for part in (kind, power) if part)
        return cls(address(root, token), f"Connector {connector.connector_id}", details)


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


def sheet(station: str, labels: Sequence[Label]) -> bytes:
    """A4 pages with six codes each, drawn as squares: sharp at any size."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, pageCompression=1)
    canvas.setTitle(f"Codes of {station}")
    on_page = _COLUMNS * _ROWS
    for position, label in enumerate(labels):
        if position % on_page == 0:
            if position:
                canvas.showPage()
            canvas.setFont("Helvetica-Bold", 16)
            canvas.drawCentredString(A4[0] / 2, A4[1] - 18 * mm, _printable(station))
        _draw(canvas, label, position % on_page)
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, label: Label, position: int) -> None:
    row, column = divmod(position, _COLUMNS)
    left = A4[0] / _COLUMNS * (column + 0.5) - _CODE / 2
    bottom = A4[1] - (100 + 88 * row) * mm + 15 * mm
    matrix = segno.make(label.url, error=_ERROR, micro=False).matrix
    size = _CODE / len(matrix)
    for y, line in enumerate(matrix):
        for x, is_dark in enumerate(line):
            if is_dark:
                canvas.rect(left + x * size, bottom + _CODE - (y + 1) * size, size, size, stroke=0, fill=1)
    middle = left + _CODE / 2
    canvas.setFont("Helvetica-Bold", 13)
    canvas.drawCentredString(middle, bottom - 6 * mm, _printable(label.title))
    canvas.setFont("Helvetica", 10)
    canvas.drawCentredString(middle, bottom - 11 * mm, _printable(f"{label.details}   Scan, pay, charge"))


def _printable(text: str) -> str:
    """What the PDF's own fonts have; they are Latin."""
    return text.encode("latin-1", "replace").decode("latin-1")
