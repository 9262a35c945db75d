"""What a pipeline computes, wherever it runs and wherever its files lie."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_NOT_THE_WORK = (
    "devices",
    "policy",
    "model",
    "path",
)  # where it runs and where results go; the model has a hash


def work_digest(text: str) -> str:
    """Return a digest (hex) of what a pipeline computes, wherever it runs; "" for text that is no pipeline."""
    try:
        data = json.loads(text)
        nodes = [
            (n["id"], n["type"], bool(n.get("bypassed")), _work_of(n.get("params") or {}))
            for n in data["nodes"]
        ]
        edges = [(e["source"], e["target"]) for e in data["edges"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return hashlib.sha256(text.encode()).hexdigest()
    return hashlib.sha256(json.dumps([sorted(nodes), sorted(edges)], sort_keys=True).encode()).hexdigest()


def _work_of(params: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in params.items() if k not in _NOT_THE_WORK}, sort_keys=True)
