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
from cluster4npu.core.pipeline.bounds import MAX_ENTRIES
from cluster4npu.core.settings import BUNDLED_PREFIX

_KINDS = ("Preprocess", "Postprocess", "Input", "Model", "Output")  # names that hold others first
_MOST_NODES = MAX_ENTRIES["nodes"]
_COMMENT = 3900  # characters of one comment; what is more goes into the next
_PROPERTIES, _PLACES = ("properties", "custom"), ("pos", "position")  # a node has one of each
_PORTS = {None, "", "input", "output", 0, "0"}  # as every connection had them
_MOST_TEXT = 4096
_LONGEST = {"name": 200, "description": 4000}
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

    def look(self, *names: str) -> tuple[str, Any]:
        """Return the first of these properties that is there, with its value, and leave it; None: none is."""
        return next(((name, self.left[name]) for name in names if name in self.left), ("", None))

    def use(self, name: str, said: object, **params: object) -> None:
        """Set these parameters, which say the same as `said`; a property that says something else as well is left."""
        self.params |= params
        if all(value == said for value in params.values()):
            self.left.pop(name, None)

    def become(self, type: str, name: str, *means: str) -> None:
        """Be of this type; the property of this name is taken when it says no more than that."""
        self.type = type
        if str(self.left.get(name)).casefold() in means:
            del self.left[name]


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
                allowed=f"at most {_MOST_NODES:,} nodes, each an object",
                hint="Open the .mflow file as it was saved.",
            )
        )
    kept: list[str] = []
    nodes, names = _nodes(entries, kept)
    for node in nodes:
        _TAKE_OVER[node.kind](node)
        kept += [f"{node.id}: {name} = {_whole(value)}" for name, value in node.left.items()]
    edges = _edges(data["connections"], names, nodes, kept)
    name = str(data.get("project_name") or data.get("name") or "Untitled")[: _LONGEST["name"]]
    description = str(data.get("description") or "")[: _LONGEST["description"]]
    same: dict[str, object] = {"project_name": name, "name": name, "description": description}
    known = {"nodes", "connections", "version"}
    kept += [f"{k} = {_whole(v)}" for k, v in data.items() if k not in known and same.get(k) != v]
    return {
        "version": 1,
        "name": name,
        "description": description,
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
    ids = _Ids()
    for number, entry in enumerate(entries):
        told = f"{entry.get('type', '')}"
        kind = next((kind for kind in _KINDS if kind.casefold() in told.casefold()), "")
        title = str(entry.get("name") or kind)[:200]
        if not kind:
            kept.append(f"a node of the type '{told[:80]}': {_whole(entry)}")
            continue
        properties = next((entry[key] for key in _PROPERTIES if key in entry), None)
        place = _place(next((entry[key] for key in _PLACES if key in entry), None))
        node = _Node(
            ids.free(title or kind),
            title,
            kind,
            place or (number % 8 * 260.0, number // 8 * 200.0),
            dict(properties) if isinstance(properties, dict) else {},
            bypassed=entry.get("disabled") is True,
        )
        nodes.append(node)
        kept += [f"{node.id}: {k} = {_whole(v)}" for k, v in entry.items() if not _is_told(k, v, node, place)]
        for name in (entry.get("id"), entry.get("name")):
            if isinstance(name, str | int):
                names.setdefault(str(name), node)
    return nodes, names


def _is_told(key: str, value: object, node: _Node, place: tuple[float, float] | None) -> bool:
    """Tell whether the node says what this entry of the old one said."""
    match key:
        case "id":
            return True
        case "name":
            return value == node.title
        case "type":
            return str(value).casefold() in (node.kind.casefold(), f"{node.kind}node".casefold())
        case "disabled":
            return value is node.bypassed
        case "pos" | "position":
            return place is not None and _place(value) == place
        case "properties" | "custom":
            return value == node.left
        case _:
            return False


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
        elif not _only_ends(connection):
            kept.append(f"of the connection into {wire[1]}: {_whole(connection)}")
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


def _only_ends(connection: object) -> bool:
    """Tell whether a connection says nothing but which nodes it joins."""
    assert isinstance(connection, dict)
    nodes = {name for source, target, *_ in _ENDS for name in (source, target)}
    ports = {name for *_, out, into in _ENDS for name in (out, into)}
    return all(
        name in nodes or (name in ports and not isinstance(value, list | dict) and value in _PORTS)
        for name, value in connection.items()
    )


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
    kind_name, said = node.look("source_type", "type")
    path_name, path = node.look("source_path", "path", "file_path", "url")
    kind, text = str(said or "").casefold(), path if isinstance(path, str) else ""
    if "rtsp" in kind or "http" in kind or "://" in text:
        node.become("rtsp", kind_name, "rtsp", "rtsp stream", "http", "http stream")
        node.use(path_name, path, **({"url": text[:_MOST_TEXT]} if text else {}))
    elif "file" in kind or "video" in kind or (text and "camera" not in kind):
        node.become("video_file", kind_name, "file", "video", "video file")
        _take_path(node, path_name, path)
    elif "folder" in kind or "image" in kind:
        node.become("image_folder", kind_name, "folder", "images", "image folder")
        _take_path(node, path_name, path)
    elif kind == "" or "camera" in kind:
        node.become("camera", kind_name, "camera")
        name, device = node.look("device_id", "camera_index")
        if (index := _number(device, 0, 99)) is not None:
            node.use(name, _number(device, 0, 99), index=int(index))
    else:
        node.type = "synthetic"
    if (fps := _number(node.left.get("fps"), 0.001, 100_000)) is not None:
        node.use("fps", fps, target_fps=float(fps))


def _preprocess(node: _Node) -> None:
    node.type = "preprocess"
    for old, new in (("resize_width", "width"), ("resize_height", "height")):
        if (value := _number(node.left.get(old), 1, 8192)) is not None:
            node.use(old, value, **{new: int(value)})
    if isinstance(node.left.get("normalize"), bool):
        node.params["scale"] = 1 / 255 if node.left.pop("normalize") else 1.0


def _model(node: _Node) -> None:
    node.type = "inference"
    name, path = node.look("model_path", "model")
    _take_path(node, name, path, "model")


def _postprocess(node: _Node) -> None:
    node.type = "detections"
    for old, new, low, high in (
        ("confidence_threshold", "confidence", 0.001, 1),
        ("nms_threshold", "iou", 0, 1),
        ("max_detections", "max_detections", 1, 300),
    ):
        if (value := _number(node.left.get(old), low, high)) is not None:
            node.use(old, value, **{new: int(value) if new == "max_detections" else float(value)})


def _output(node: _Node) -> None:
    kind = str(node.left.get("output_type") or "").casefold()
    form = str(node.left.get("format") or "").casefold()
    place_name, place = node.look("destination", "path")
    if "display" in kind or "preview" in kind or "screen" in kind:
        node.become("preview", "output_type", "display", "preview", "screen")
    elif "mqtt" in kind:
        node.become("mqtt", "output_type", "mqtt")
    elif "api" in kind or "http" in kind or "webhook" in kind:
        node.become("webhook", "output_type", "api", "http", "http api", "webhook")
        if isinstance(place, str) and place:
            node.use(place_name, place, url=place[:_MOST_TEXT])
    elif form in ("csv", "json", "") and ("file" in kind or not kind):
        node.become("csv" if form == "csv" else "jsonl", "output_type", "file")
        node.become(node.type, "format", "csv", "jsonl")  # JSON was one object, and is a line for each frame
        _take_path(node, place_name, place)
    else:  # a database, XML ...
        node.type = "count"


_TAKE_OVER: dict[str, Callable[[_Node], None]] = {
    "Input": _input,
    "Preprocess": _preprocess,
    "Model": _model,
    "Postprocess": _postprocess,
    "Output": _output,
}


def _take_path(node: _Node, name: str, value: object, param: str = "path") -> None:
    """Take a path as a parameter; nothing in a file of somebody else's leads among the bundled files."""
    if isinstance(value, str) and value:
        node.use(name, value, **{param: value.removeprefix(BUNDLED_PREFIX)[:_MOST_TEXT]})


def _number(value: object, low: float, high: float) -> float | None:
    """Return a number, or text that is one, within these bounds; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if low <= number <= high else None


def _place(value: object) -> tuple[float, float] | None:
    if isinstance(value, list | tuple) and len(value) == 2:
        x, y = (_number(part, -1e6, 1e6) for part in value)
        if x is not None and y is not None:
            return x, y
    return None


class _Ids:
    """The ids of a pipeline in the making; each name goes on counting where it was, so that many are made soon."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def free(self, title: str) -> str:
        """Return an id like the title that no other node has, and take it."""
        stem = re.sub(r"[^A-Za-z0-9]+", "_", title).strip("_").lower()[:50]
        stem = stem if stem[:1].isalpha() else f"node_{stem}".rstrip("_")
        number = self._last.get(stem, 0) + 1
        while (name := stem if number == 1 else f"{stem}{number}") in self._taken:
            number += 1
        self._last[stem] = number
        self._taken.add(name)
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
