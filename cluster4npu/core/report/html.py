"""A report as one self-contained HTML page: no scripts, nothing loaded, every name escaped."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cluster4npu.core.report.view import HEADINGS, ReportView, cells, number

_LABEL_WIDTH, _BAR_WIDTH, _ROW_HEIGHT = 260, 420, 34

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; color: #1b1f24;
  background: #fff; }
h1 { font-size: 1.3rem; margin-bottom: 0; }
.headline { font-size: 2.4rem; font-weight: 700; margin: .3rem 0; }
.invalid { color: #9a3412; }
.banner { background: #fde68a; color: #422006; font-weight: 700; padding: .6rem 1rem; border: 2px dashed #92400e; }
.muted { color: #57606a; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; }
th, td { border-bottom: 1px solid #d0d7de; padding: .3rem .7rem; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
.facts td { text-align: left; overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; font: 13px system-ui, sans-serif; }
.single { fill: #6b7a90; }
.parallel { fill: #0b66c3; }
.run { fill: #0b66c3; }
"""


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    value: str
    width: float
    top: int
    side: str


def as_html(view: ReportView) -> str:
    """Return the whole report as one HTML page."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    bars = _bars(view)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            style=Markup(STYLE),
            # Only this very style is allowed; nothing else can be loaded, run or sent, whatever a name contains.
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            headings=HEADINGS,
            rows=[cells(row) for row in view.rows],
            bars=bars,
            chart_width=_LABEL_WIDTH + _BAR_WIDTH + 110,
            chart_height=len(bars) * _ROW_HEIGHT + 4,
            label_width=_LABEL_WIDTH,
            number=number,
        )
    )


@cache
def environment() -> Environment:
    """Return the templates, which escape every value."""
    return Environment(
        loader=PackageLoader("cluster4npu.core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _bars(view: ReportView) -> list[_Bar]:
    rates = [row.fps or 0.0 for row in view.bars]
    most = max(rates, default=0.0) or 1.0
    return [
        _Bar(
            _short(row.label),
            f"{number(row.fps)} FPS" if row.fps is not None else number(None),
            round(_BAR_WIDTH * rate / most, 1),
            index * _ROW_HEIGHT + 6,
            row.side if row.side in ("single", "parallel") else "run",
        )
        for index, (row, rate) in enumerate(zip(view.bars, rates, strict=True))
    ]


def _short(text: str) -> str:
    return text if len(text) <= 34 else text[:33] + "…"
