"""A document as PDF, by ReportLab: pure Python, and the same bytes for the same document."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from cluster4npu.core.report.document import SIMULATED_BANNER, Document, Section

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing

_MARGIN = 42.0  # points
_FONT = "Helvetica"
_LABEL_WIDTH, _BAR_WIDTH, _ROW_HEIGHT = 170.0, 250.0, 22.0


def as_pdf(document: Document) -> bytes:
    """Return the document as a PDF file on landscape A4 pages."""
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    sheet = getSampleStyleSheet()
    plain = ParagraphStyle("plain", parent=sheet["BodyText"], fontSize=9, leading=12)
    banner = ParagraphStyle("banner", parent=plain, backColor="#fde68a", borderPadding=4, spaceAfter=8)
    story: list[Any] = [Paragraph(_text(document.title), sheet["Heading2"])]
    story.append(Paragraph(_text(document.subtitle), plain))
    if document.simulated:
        story += [Spacer(1, 6), Paragraph(_text(SIMULATED_BANNER), banner)]
    story.append(Paragraph(_text(document.headline), sheet["Heading1"]))
    if document.bars:
        story.append(_chart(document))
    for section in document.sections:
        story.append(Paragraph(_text(section.title), sheet["Heading3"]))
        story += [Paragraph(_text(line), plain) for line in section.lines]
        if section.rows:
            story.append(_table(section, plain))
    file = io.BytesIO()
    SimpleDocTemplate(
        file,
        pagesize=landscape(A4),
        leftMargin=_MARGIN,
        rightMargin=_MARGIN,
        topMargin=_MARGIN,
        bottomMargin=_MARGIN,
        title=_printable(document.title),
        invariant=1,
    ).build(story)
    return file.getvalue()


def _table(section: Section, plain: Any) -> Any:
    """Return the rows with a heading that is repeated on every page; long values are broken."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Table, TableStyle

    small = ParagraphStyle("small", parent=plain, fontSize=7, leading=9, splitLongWords=1)
    rows = [section.headings, *section.rows] if section.headings else list(section.rows)
    width = 842.0 - 2 * _MARGIN
    columns = len(rows[0])
    first = width * (0.22 if columns < 4 else 0.16)
    widths = [first, *([(width - first) / max(columns - 1, 1)] * (columns - 1))]
    cells = [[Paragraph(_text(cell), small) for cell in row] for row in rows]
    look = [("LINEBELOW", (0, 0), (-1, -1), 0.4, "#d0d7de"), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    return Table(
        cells,
        colWidths=widths,
        repeatRows=1 if section.headings else 0,
        style=TableStyle(look),
        hAlign="LEFT",
    )


def _chart(document: Document) -> Drawing:
    from reportlab.graphics.shapes import Drawing, Rect, String
    from reportlab.lib.colors import HexColor

    most = max((bar.value for bar in document.bars), default=0.0) or 1.0
    height = len(document.bars) * _ROW_HEIGHT + 4
    drawing = Drawing(_LABEL_WIDTH + _BAR_WIDTH + 110, height)
    for index, bar in enumerate(document.bars):
        top = height - (index + 1) * _ROW_HEIGHT
        width = _BAR_WIDTH * bar.value / most
        drawing.add(String(0, top + 5, _printable(bar.label)[:40], fontName=_FONT, fontSize=8))
        drawing.add(Rect(_LABEL_WIDTH, top, width, 15, fillColor=HexColor("#0b66c3"), strokeColor=None))
        drawing.add(String(_LABEL_WIDTH + width + 6, top + 5, bar.text, fontName=_FONT, fontSize=8))
    return drawing


def _text(text: str) -> str:
    return escape(_printable(text))


def _printable(text: str) -> str:
    """Return the text with what the standard fonts cannot show written out, so that nothing is lost or boxed."""
    return text.encode("cp1252", "backslashreplace").decode("cp1252")
