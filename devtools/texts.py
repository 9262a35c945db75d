"""Collects every text that the window shows, as a Qt translation file to be filled in.

Use: `.venv/bin/python -m devtools.texts cluster4npu_de.ts`.
"""

from __future__ import annotations

import ast
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

UI = Path(__file__).resolve().parents[1] / "cluster4npu" / "ui"


def texts() -> list[str]:
    """Return all texts, sorted: what stands in the sources, what node types and templates say of themselves, and what
    the core may tell.
    """
    from cluster4npu.ui.told import VALUES, sources

    found = {*sources(), *VALUES}
    found.update(_of_the_window())
    return sorted(text for text in found if any(letter.isalpha() for letter in text))


def _of_the_window() -> set[str]:
    found = {text for path in UI.rglob("*.py") for text in _in_source(path)}
    found.update(_of_nodes())
    found.update(_of_templates())
    return found


def write(path: Path) -> int:
    """Write a translation file without translations (`pyside6-lrelease` makes the .qm of it); return how many texts."""
    from cluster4npu.ui.text import CONTEXT

    root = ET.Element("TS", version="2.1", sourcelanguage="en")
    context = ET.SubElement(root, "context")
    ET.SubElement(context, "name").text = CONTEXT
    found = texts()
    for text in found:
        message = ET.SubElement(context, "message")
        ET.SubElement(message, "source").text = text
        ET.SubElement(message, "translation", type="unfinished")
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return len(found)


def _in_source(path: Path) -> Iterator[str]:
    """Return texts inside `tr`, and those of the tables that are translated where they are shown."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tr":
            yield from _strings(node)
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            yield from (text for text in _strings(statement.value) if " " in text or text[:1].isupper())


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _of_nodes() -> Iterator[str]:
    from cluster4npu.core.nodes import node_types

    for cls in node_types().values():
        yield from (cls.title, cls.category, cls.description)
        for info in cls.Params.model_fields.values():
            yield from (info.title or "", info.description or "")


def _of_templates() -> Iterator[str]:
    from cluster4npu.templates import PipelineTemplates

    for info in PipelineTemplates.catalogue():
        yield from (info.title, info.description, info.use_case) if not info.own else ()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("use: python -m devtools.texts FILE.ts")
    print(f"{write(Path(sys.argv[1]))} texts in {sys.argv[1]}")
