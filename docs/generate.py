"""Writes docs/node-reference.md from the node types' own parameter models: `python docs/generate.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Port

TARGET = Path(__file__).parent / "node-reference.md"
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
}


def reference() -> str:
    """Return the whole page."""
    lines = [
        "# Node reference",
        "",
        "Made from the node types by `python docs/generate.py`; edit those, not this page. The keys are what stands in",
        "[the pipeline file](pipeline-file.md).",
    ]
    category = ""
    for key, cls in node_types().items():
        if cls.category != category:
            category = cls.category
            lines += ["", f"## {category}"]
        lines += ["", f"### {cls.title} (`{key}`)", "", cls.description, ""]
        lines += [*_ports(cls), "", *_parameters(cls)]
    return "\n".join(lines).rstrip() + "\n"


def _ports(cls: type[Node]) -> list[str]:
    return [
        f"- {side}: " + ", ".join(_port(port) for port in ports)
        for side, ports in (("inputs", cls.inputs), ("outputs", cls.outputs))
        if ports
    ]


def _port(port: Port) -> str:
    optional = "" if port.required else ", optional"
    return f"`{port.name}` ({' or '.join(t.value for t in port.types)}{optional})"


def _parameters(cls: type[Node]) -> list[str]:
    schema = cls.Params.model_json_schema()
    fields: dict[str, Any] = schema.get("properties", {})
    if not fields:
        return ["It has no parameters."]
    rows = ["| parameter | what | allowed | default |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        default = "needed" if name in schema.get("required", ()) else _code(field.get("default"))
        rows.append(f"| `{name}` | {_cell(field.get('description', ''))} | {_allowed(field)} | {default} |")
    return rows


def _allowed(field: dict[str, Any]) -> str:
    variants = [v for v in field.get("anyOf", [field]) if v.get("type") != "null"]
    found = []
    for variant in variants:
        if "enum" in variant:
            found.append(", ".join(_code(value) for value in variant["enum"]))
            continue
        bounds = [text.format(_number(variant[key])) for key, text in _BOUNDS.items() if key in variant]
        found.append(", ".join([_kind(variant), *bounds]))
    unit = f" ({field['unit']})" if "unit" in field else ""
    return _cell(
        " or ".join(found) + unit + (", or null" if len(variants) < len(field.get("anyOf", [])) else "")
    )


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _kind(variant: dict[str, Any]) -> str:
    names = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    if variant.get("type") == "array":
        items = variant.get("items") or (variant.get("prefixItems") or [{}])[0]
        return "list of " + {"number": "numbers", "string": "texts"}.get(items.get("type"), "values")
    return names.get(variant.get("type", ""), variant.get("type", "any"))


def _code(value: object) -> str:
    return f"`{json.dumps(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8", newline="\n")
    print(f"Wrote {TARGET}")
