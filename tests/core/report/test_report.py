"""Reports: the same numbers in every form, and nothing in a name that could do harm."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import zlib
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.report import FORMATS, ReportGenerator, ReportView
from cluster4npu.core.report.markdown import escape
from cluster4npu.core.report.view import cells
from cluster4npu.core.store import ResultRecord, RunRecord, Store
from tests.core.store.records import record

EVIL = "<script>alert(1)</script>|`*_[x](javascript:alert(1))<img src=http://evil.example/x onerror=alert(2)>&\"'"


def benchmark(name: str = "digits", **fields: object) -> RunRecord:
    latency = LatencyStats(700, 12.34567, 11.1, 14.25, 15.0, 20.0)
    cold = LatencyStats(3, 8.5, None, None, None, None)
    values = {
        "results": (
            ResultRecord("single", "onnx:cpu", fps=27.123456, latency_ms=latency, frames=407, wall_s=15.0),
            ResultRecord("parallel", fps=49.98765, latency_ms=latency, frames=750),
            ResultRecord(
                "parallel", "onnx:cpu", fps=25.0, latency_ms=cold, frames=375, share=0.5, busy=0.987
            ),
            ResultRecord(
                "parallel", "onnx:cpu#2", fps=24.98765, latency_ms=cold, frames=375, share=0.5, busy=0.99
            ),
        ),
        "detail": {
            "speedup": 1.84313,
            "speedup_ci95": [1.81, 1.87654],
            "efficiency": 1.84313,
            "explanation": "1.84x of your best single device, onnx:cpu (95% CI 1.81-1.88)",
            "warnings": ["Something was odd."],
            "scenario": "offline",
        },
        "headline": "1.84x FASTER",
        "valid": True,
        "invalid_reason": "",
        **fields,
    }
    return record(3, name=name, **values)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb")


def write(store: Store, run_id: str, path: Path) -> str:
    assert ReportGenerator(store).generate_performance_report(run_id, path) == path
    return words_of_pdf(path) if path.suffix == ".pdf" else path.read_text(encoding="utf-8")


def words_of_pdf(path: Path) -> str:
    """Return the words of a PDF of ours in the order in which they are drawn, one space between."""
    words = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", path.read_bytes(), re.DOTALL):
        drawn = zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>")))
        words += re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", drawn)
    text = b" ".join(words).decode("cp1252")
    return " ".join(re.sub(r"\\([()\\])", r"\1", text).split())


def table_of_html(text: str) -> list[list[str]]:
    table = text[text.index("<h2>Figures</h2>") : text.index("<h2>What ran</h2>")]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [[unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)] for row in rows[1:]]


def table_of_markdown(text: str) -> list[list[str]]:
    table = text[text.index("## Figures") :].split("\n## ")[0].splitlines()
    rows = [line for line in table if line.startswith("|")][2:]
    return [
        [re.sub(r"\\(.)", r"\1", unescape(c.strip())) for c in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in rows
    ]


def test_every_form_has_the_same_numbers(store: Store, tmp_path: Path) -> None:
    run_id = store.save(benchmark())
    view = ReportView.of(store.run(run_id))
    expected = [list(cells(row)) for row in view.rows]
    assert table_of_html(write(store, run_id, tmp_path / "r.html")) == expected
    assert table_of_markdown(write(store, run_id, tmp_path / "r.md")) == expected
    told = json.loads(write(store, run_id, tmp_path / "r.json"))
    drawn = write(store, run_id, tmp_path / "r.pdf")
    place = 0
    for cell in (cell for row in expected for cell in row):  # all of them, in this order
        place = drawn.index(cell, place) + len(cell)
    rows = list(csv.DictReader(io.StringIO(write(store, run_id, tmp_path / "r.csv"))))
    assert len(rows) == len(told["rows"]) == 4
    for row, line, shown in zip(rows, told["rows"], expected, strict=True):
        for name in ("fps", "mean_ms", "p50_ms", "p99_ms", "frames", "share"):
            assert (float(row[name]) if row[name] else None) == line[name]
        assert shown[1] == f"{line['fps']:.10g}"
        assert row["device"] == line["device"]
    assert told["rows"][0]["fps"] == 27.12
    assert (told["speedup"], told["speedup_ci95"]) == (1.843, [1.81, 1.877])


def test_a_report_tells_what_it_rests_on(store: Store, tmp_path: Path) -> None:
    run_id = store.save(benchmark())
    for ending in (".html", ".md"):
        text = write(store, run_id, tmp_path / f"r{ending}").replace("\\", "")
        for part in ("1.84x FASTER", "95% CI 1.81-1.88", "measured", "Something was odd.", "model.onnx", run_id,
                     "A B B A", "host / cpu", "not reported"):  # fmt: skip
            assert part in text, (ending, part)
        assert "SIMULATED" not in text


def test_the_efficiency_can_be_computed_again(store: Store, tmp_path: Path) -> None:
    saved = benchmark()
    both = {"devices": ["onnx:cpu", "onnx:cpu#2"], "measured_as": {"onnx:cpu#2": "onnx:cpu"}}
    efficiency = 49.98765 / (2 * 27.123456)
    saved = replace(saved, detail={**saved.detail, **both, "efficiency": efficiency})
    run_id = store.save(saved)
    for ending in (".html", ".pdf", ".md", ".json"):
        text = write(store, run_id, tmp_path / f"r{ending}").replace("\\", "")
        told = re.search(r"efficiency ([\d.]+): ([\d.]+) frames/s together / \(([\d. +]+)\)", text)
        assert told, ending
        again = float(told[2]) / sum(map(float, told[3].split("+")))
        assert float(told[1]) == pytest.approx(again, abs=0.001)


def test_a_pdf_says_simulated_and_writes_out_what_its_font_lacks(store: Store, tmp_path: Path) -> None:
    run_id = store.save(benchmark(name="\u6d4b <b>x</b>", simulated=True))
    text = write(store, run_id, tmp_path / "a.pdf")
    assert "SIMULATED: these figures" in text
    assert "\\u6d4b<b>x</b>" in text.replace(" ", "")
    write(store, run_id, tmp_path / "b.pdf")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_simulated_and_invalid_are_said_first(store: Store, tmp_path: Path) -> None:
    saved = benchmark(simulated=True, valid=False, invalid_reason="unstable", headline="INVALID: unstable")
    run_id = store.save(saved)
    for ending in (".html", ".md"):
        text = write(store, run_id, tmp_path / f"r{ending}")
        assert text.index("SIMULATED") < text.index("INVALID: unstable") < text.index("Figures")
    told = json.loads(write(store, run_id, tmp_path / "r.json"))
    assert (told["simulated"], told["valid"], told["invalid_reason"]) == (True, False, "unstable")


class Collector(HTMLParser):
    """Notes every tag and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_are_text_in_html(store: Store, tmp_path: Path) -> None:
    saved = benchmark(name=EVIL, command=EVIL, conditions={EVIL: EVIL}, headline=EVIL)
    saved = replace(
        saved,
        detail={**saved.detail, "warnings": [EVIL], "explanation": EVIL},
        results=tuple(replace(r, device=EVIL) for r in saved.results),
    )
    page = Collector()
    text = write(store, store.save(saved), tmp_path / "r.html")
    page.feed(text)
    assert {"script", "img", "a", "link", "iframe"}.isdisjoint(page.tags)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)
    assert EVIL in page.text
    policy = next(v for n, v in page.attributes if n == "content" and v and "default-src" in v)
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in policy


def test_names_are_text_in_markdown_and_csv(store: Store, tmp_path: Path) -> None:
    saved = benchmark(name=EVIL + "\n# heading")
    saved = replace(saved, results=(replace(saved.results[0], device="=cmd|' /C calc'!A0"),))
    run_id = store.save(saved)
    text = write(store, run_id, tmp_path / "r.md")
    assert "<" not in text
    assert "\n# heading" not in text
    assert not re.search(r"(?<!\\)\[", text)
    (row,) = csv.DictReader(io.StringIO(write(store, run_id, tmp_path / "r.csv")))
    assert row["device"].startswith("'=")


def test_an_ordinary_run_and_an_empty_one(store: Store, tmp_path: Path) -> None:
    run_id = store.save(benchmark(kind="run", results=(), detail={}, conditions={}, model=None, segments=()))
    for ending in FORMATS:
        assert write(store, run_id, tmp_path / f"r{ending}")


@pytest.mark.parametrize("name", ["r.htm1", "r", "r.docx"])
def test_other_forms_are_refused(store: Store, tmp_path: Path, name: str) -> None:
    run_id = store.save(benchmark())
    with pytest.raises(InputError, match=r"\.html, \.pdf, \.md, \.csv, \.json"):
        ReportGenerator(store).generate_performance_report(run_id, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_place_that_cannot_be_written(store: Store, tmp_path: Path) -> None:
    run_id = store.save(benchmark())
    with pytest.raises(InputError, match="cannot be written"):
        ReportGenerator(store).generate_performance_report(run_id, tmp_path / "missing" / "r.md")
    (tmp_path / "r.md").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        ReportGenerator(store).generate_performance_report(run_id, tmp_path / "r.md")
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".duckdb"] == ["r.md"]


def test_an_unknown_run(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run"):
        ReportGenerator(store).generate_performance_report("nope", tmp_path / "r.md")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("1.84x FASTER", "1.84x FASTER"),
        ("1. first", "1\\. first"),
        ("# title", "\\# title"),
        ("- item", "\\- item"),
        ("---", "\\---"),
        ("a|b", "a\\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("two\nlines", "two lines"),
        ("95% CI 1.81-1.88 (x)", "95% CI 1.81-1.88 (x)"),
    ],
)
def test_markdown_shows_texts_as_they_are(text: str, escaped: str) -> None:
    assert escape(text) == escaped
