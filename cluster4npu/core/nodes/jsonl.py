"""The JSON lines sink: one line of JSON per frame, in order."""

from __future__ import annotations

import json
from typing import Any

from cluster4npu.core.nodes.base import RESULTS, Delivery, Port, PortType
from cluster4npu.core.nodes.demand import DemandParams
from cluster4npu.core.nodes.result_file import ResultFile, path_param


class JsonLines(ResultFile):
    """Writes each frame's results as one line of JSON."""

    type = "jsonl"
    title = "JSON lines"
    category = "Outputs"
    description = "Writes each frame's results as one line of JSON; the file is replaced at each run."
    inputs = (Port("result", RESULTS), Port("count", (PortType.NUMBER, PortType.FLAG), required=False))

    class Params(DemandParams):
        path: str = path_param("results.jsonl", "JSON lines (*.jsonl)")

    def is_mine(self, begin: str) -> bool:
        return begin.startswith(('{"frame": ', '{"source": '))

    def text_of(self, delivery: Delivery) -> str:
        return json.dumps(line_of(delivery), ensure_ascii=False, allow_nan=False) + "\n"


def line_of(delivery: Delivery) -> dict[str, Any]:
    """Return what one line tells; class indices get their names where they are known."""
    line: dict[str, Any] = {
        **({"source": delivery.source} if delivery.source else {}),
        "frame": delivery.frame_id,
        "device": delivery.device,
        "latency_ms": round(delivery.latency_ms, 3),
        "stream_ms": None if delivery.stream_ms is None else round(delivery.stream_ms, 3),
        "width": delivery.width,
        "height": delivery.height,
    }
    if delivery.error:
        return {**line, "error": delivery.error}
    value = delivery.inputs.get("result")
    if value is None:
        return {**line, "kind": None, "results": []}
    count = delivery.inputs.get("count")
    if count is not None:
        line["count"] = count.value
    results = [_finite(entry) for entry in value.as_json()]
    for entry in results:
        index = entry.get("class")
        if index is not None and 0 <= index < len(delivery.labels):
            entry["label"] = delivery.labels[index]
        crop = entry.get("crop")
        if crop and 0 <= crop["class"] < len(delivery.crop_labels):
            crop["label"] = delivery.crop_labels[crop["class"]]
    return {**line, "kind": value.kind, "results": results}


def _finite(entry: dict[str, Any]) -> dict[str, Any]:
    """Replace what JSON has no word for: NaN and infinity become null."""
    return {
        key: None if isinstance(value, float) and value - value != 0 else value
        for key, value in entry.items()
    }
