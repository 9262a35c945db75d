"""The forms of a document: Markdown, HTML, PDF and JSON, all of the same texts and numbers."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

from markupsafe import Markup

from cluster4npu.core.report.document import SIMULATED_BANNER, Document
from cluster4npu.core.report.html import STYLE, environment
from cluster4npu.core.report.markdown import escape, table
from cluster4npu.core.report.pdf import as_pdf


def document_as_markdown(document: Document) -> str:
    """Return the document as Markdown."""
    lines = [f"# {escape(document.title)}", "", escape(document.subtitle), ""]
    if document.simulated:
        lines += [f"**{SIMULATED_BANNER}**", ""]
    lines += [f"## {escape(document.headline)}", ""]
    for section in document.sections:
        lines += [f"### {escape(section.title)}", "", *(f"{escape(line)}\n" for line in section.lines)]
        if section.rows:
            headings = section.headings or ("",) * len(section.rows[0])
            lines += [*table(headings, section.rows), ""]
    return "\n".join(lines)


def document_as_html(document: Document) -> str:
    """Return the document as one page: no scripts, nothing loaded, every name escaped."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        environment()
        .get_template("document.html.j2")
        .render(
            document=document,
            banner=SIMULATED_BANNER,
            style=Markup(STYLE),
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        )
    )


def document_as_json(document: Document) -> str:
    """Return the document as one JSON object."""
    return json.dumps(document.as_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


DOCUMENT_FORMS: dict[str, Callable[[Document], str | bytes]] = {
    ".html": document_as_html,
    ".pdf": as_pdf,
    ".md": document_as_markdown,
    ".json": document_as_json,
}
