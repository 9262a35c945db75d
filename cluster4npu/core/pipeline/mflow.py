"""Files of earlier designers (`.mflow`): read as a pipeline of today; what has no counterpart is kept in a comment.

Such a file has nodes of the types Input, Preprocess, Model, Postprocess and Output, each with an id, a name, a place
and properties, and connections from the output of one node to the input of another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.settings import BUNDLED_PREFIX

_KINDS = ("Preprocess", "Postprocess", "Input", "Model", "Output")  # names that hold others first
_MOST_NODES = 10_000
_COMMENT = 3900  # characters of one comment; what is more goes into the next
_TAKEN = {"id", "name", "type", "pos", "position", "properties", "custom", "disabled"}  # of a node
GOES_ON = "... "  # begins a line of a comment that goes on with the line before it
_ENDS = (
    ("output_node", "input_node", "output_port", "input_port"),
    ("from", "to", "from_port", "to_port"),
    ("source", "target", "source_port", "target_port"),
)
_TAKES = {"preprocess": "frame", "inference": "tensor", "detections": "outputs"}
_GIVES = {"preprocess": "tensor", "inference": "outputs", "detections": "detections"}


@dataclass
class _Node:
    """One node of the old file, and what becomes of it; `left` are properties that nobody asked for."""

    id: str
    title: str
    kind: str
    position: tuple[float, float]
    left: dict[str, Any]
    bypassed: bool = False
    type: str = ""
    params: dict[str, Any] = field(default_factory=dict)

    def take(self, *names: str) -> Any:
        """Take the first of these properties that is there out of those that are left; None: none is."""
        for name in names:
            if name in self.left:
                return self.left.pop(name)
        return None


def is_mflow(data: Mapping[str, Any]) -> bool:
    """Tell whether this is such a file: it has connections in place of edges."""
    return (
        "edges" not in data
        and isinstance(data.get("connections"), list)
        and isinstance(data.get("nodes"), list)
    )


def convert(data: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return the pipeline as the data of version 1; raises InputError when the file is too odd to be read."""
    entries = data["nodes"]
    if len(entries) > _MOST_NODES or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(
            Problem(
                f"{origin} is no pipeline of an earlier designer",
                field="nodes",
                found=f"{len(entries)} entries",
                allowed=f"at most {_MOST_NODES} nodes, each an object",
                hint="Open the .mflow file as it was saved.",
            )
        )
    kept: list[str] = []
    nodes, names = _nodes(entries, kept)
    for node in nodes:
        _TAKE_OVER[node.kind](node)
        kept += [f"{node.id}: {name} = {_whole(value)}" for name, value in node.left.items()]
    edges = _edges(data["connections"], names, nodes, kept)
    known = {"nodes", "connections", "version", "project_name", "name", "description"}
    kept += [f"{name} = {_whole(value)}" for name, value in data.items() if name not in known]
    return {
        "version": 1,
        "name": str(data.get("project_name") or data.get("name") or "Untitled")[:200],
        "description": str(data.get("description") or "")[:4000],
        "nodes": [
            {
                "id": n.id,
                "type": n.type,
                "params": n.params,
                "title": n.title,
                "position": list(n.position),
                "bypassed": n.bypassed,
            }
            for n in nodes
        ],
        "edges": edges,
        "boxes": _comments(kept, nodes),
    }


def _nodes(entries: Sequence[dict[str, Any]], kept: list[str]) -> tuple[list[_Node], dict[str, _Node]]:
    """Return the nodes that have a counterpart, and the same by their old ids and names."""
    nodes: list[_Node] = []
    names: dict[str, _Node] = {}
    for number, entry in enumerate(entries):
        told = f"{entry.get('type', '')}"
        kind = next((kind for kind in _KINDS if kind.casefold() in told.casefold()), "")
        title = str(entry.get("name") or kind)[:200]
        if not kind:
            kept.append(f"a node of the type '{told[:80]}': {_whole(entry)}")
            continue
        properties = entry.get("properties", entry.get("custom"))
        node = _Node(
            _free_id(title or kind, {n.id for n in nodes}),
            title,
            kind,
            _place(entry.get("pos", entry.get("position")), number),
            dict(properties) if isinstance(properties, dict) else {},
            bypassed=entry.get("disabled") is True,
        )
        nodes.append(node)
        kept += [f"{node.id}: {k} = {_whole(v)}" for k, v in entry.items() if k not in _TAKEN]
        if not isinstance(properties, dict | None):
            kept.append(f"{node.id}: properties = {_whole(properties)}")
        for name in (entry.get("id"), entry.get("name")):
            if isinstance(name, str | int):
                names.setdefault(str(name), node)
    return nodes, names


def _edges(
    connections: Sequence[object], names: Mapping[str, _Node], nodes: Sequence[_Node], kept: list[str]
) -> list[dict[str, str]]:
    edges: dict[str, str] = {}  # target: source
    for connection in connections:
        ends = _ends(connection, names)
        if ends is None or (wire := _wire(*ends, names)) is None:
            kept.append(f"a connection: {_whole(connection)}")
        elif edges.setdefault(wire[1], wire[0]) != wire[0]:
            kept.append(f"a second connection into {wire[1]}: {_whole(connection)}")
    sources = [node for node in nodes if node.kind == "Input"]
    for node in nodes:  # the old preview had the frame without a wire
        if node.type == "preview" and len(sources) == 1:
            edges.setdefault(f"{node.id}.frame", f"{sources[0].id}.frame")
    return [{"source": source, "target": target} for target, source in edges.items()]


def _ends(connection: object, names: Mapping[str, _Node]) -> tuple[_Node, _Node] | None:
    if not isinstance(connection, dict):
        return None
    for source, target, _out, _into in _ENDS:
        found = names.get(str(connection.get(source))), names.get(str(connection.get(target)))
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    return None


def _wire(source: _Node, target: _Node, names: Mapping[str, _Node]) -> tuple[str, str] | None:
    """Return the wire between two nodes in our ports; None where the kinds never met in a pipeline."""
    gives = "frame" if source.kind == "Input" else _GIVES.get(source.type)
    takes = "result" if target.kind == "Output" else _TAKES.get(target.type)
    if gives is None or takes is None or source is target:
        return None
    if takes == "result" and gives == "frame":
        return (f"{source.id}.frame", f"{target.id}.frame") if target.type == "preview" else None
    fits = takes in (gives, "result") and not (takes == "result" and gives == "tensor")
    return (f"{source.id}.{gives}", f"{target.id}.{takes}") if fits else None


def _input(node: _Node) -> None:
    kind = str(node.take("source_type", "type") or "").casefold()
    path = node.take("source_path", "path", "file_path", "url")
    device = node.take("device_id", "camera_index")
    text = path if isinstance(path, str) else ""
    if "rtsp" in kind or "http" in kind or "://" in text:
        node.type, node.params = "rtsp", {"url": text}
    elif "file" in kind or "video" in kind or (text and "camera" not in kind):
        node.type, node.params = "video_file", _path(text)
    elif "folder" in kind or "image" in kind:
        node.type, node.params = "image_folder", _path(text)
    elif kind == "" or "camera" in kind:
        index = device if isinstance(device, int) and 0 <= device <= 99 else _number(device, 0, 99)
        node.type, node.params = "camera", {} if index is None else {"index": int(index)}
    else:
        node.type = "synthetic"
        node.left["source_type"] = kind
    if text and node.type == "camera":
        node.left["source_path"] = text
    if (fps := _number(node.left.get("fps"), 0.001, 100_000)) is not None:
        node.params["target_fps"] = float(fps)
        del node.left["fps"]


def _preprocess(node: _Node) -> None:
    node.type = "preprocess"
    for old, new in (("resize_width", "width"), ("resize_height", "height")):
        if (value := _number(node.left.get(old), 1, 8192)) is not None:
            node.params[new] = int(value)
            del node.left[old]
    if node.left.get("normalize") is True:
        del node.left["normalize"]  # as ours does


def _model(node: _Node) -> None:
    node.type = "inference"
    path = node.take("model_path", "model")
    if isinstance(path, str) and path:
        node.params = {"model": path.removeprefix(BUNDLED_PREFIX)[:4096]}


def _postprocess(node: _Node) -> None:
    node.type = "detections"
    for old, new, low, high in (
        ("confidence_threshold", "confidence", 0.001, 1),
        ("nms_threshold", "iou", 0, 1),
        ("max_detections", "max_detections", 1, 300),
    ):
        if (value := _number(node.left.get(old), low, high)) is not None:
            node.params[new] = int(value) if new == "max_detections" else float(value)
            del node.left[old]


def _output(node: _Node) -> None:
    kind = str(node.take("output_type") or "").casefold()
    form = str(node.left.get("format") or "").casefold()
    place = node.take("destination", "path")
    text = place if isinstance(place, str) else ""
    if "display" in kind or "preview" in kind or "screen" in kind:
        node.type = "preview"
    elif "mqtt" in kind:
        node.type = "mqtt"
    elif "api" in kind or "http" in kind or "webhook" in kind:
        node.type, node.params = "webhook", {"url": text} if text else {}
    elif form in ("csv", "json", "") and ("file" in kind or not kind):
        node.type, node.params = "csv" if form == "csv" else "jsonl", _path(text)
        node.left.pop("format", None)
    else:  # a database, XML ...
        node.type = "count"
        node.left["output_type"] = kind
    if text and text not in node.params.values():
        node.left["destination"] = text


_TAKE_OVER: dict[str, Callable[[_Node], None]] = {
    "Input": _input,
    "Preprocess": _preprocess,
    "Model": _model,
    "Postprocess": _postprocess,
    "Output": _output,
}


def _path(text: str) -> dict[str, Any]:
    """Return a path as a parameter; nothing in a file of somebody else's leads among the bundled files."""
    return {"path": text.removeprefix(BUNDLED_PREFIX)[:4096]} if text else {}


def _number(value: object, low: float, high: float) -> float | None:
    """Return a number, or text that is one, within these bounds; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if low <= number <= high else None


def _place(value: object, number: int) -> tuple[float, float]:
    if isinstance(value, list | tuple) and len(value) == 2:
        x, y = (_number(part, -1e6, 1e6) for part in value)
        if x is not None and y is not None:
            return x, y
    return number % 8 * 260.0, number // 8 * 200.0


def _free_id(title: str, taken: set[str]) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "_", title).strip("_").lower()[:50]
    stem = stem if stem[:1].isalpha() else f"node_{stem}".rstrip("_")
    number = 1
    while (name := stem if number == 1 else f"{stem}{number}") in taken:
        number += 1
    return name


def _comments(kept: Sequence[str], nodes: Sequence[_Node]) -> list[dict[str, Any]]:
    """Return comments under the nodes with everything that was not taken over, whole."""
    texts: list[str] = []
    for line in kept:
        part = _COMMENT // 2
        pieces = [line[:part], *(GOES_ON + line[i : i + part] for i in range(part, len(line), part))]
        for piece in pieces:
            if not texts or len(texts[-1]) + len(piece) > _COMMENT:
                texts.append("From the earlier designer, without a counterpart here")
            texts[-1] += f"\n{piece}"
    left = min((n.position[0] for n in nodes), default=0.0)
    below = max((n.position[1] for n in nodes), default=0.0) + 260.0
    return [
        {
            "id": f"not_taken_over{number + 1 if number else ''}",
            "text": text,
            "position": [left + number % 8 * 660.0, below + number // 8 * 1240.0],
            "size": [640.0, max(min(40.0 + 22.0 * (text.count("\n") + 1), 1200.0), 120.0)],
        }
        for number, text in enumerate(texts)
    ]


def _whole(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
