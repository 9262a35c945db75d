"""Result bundles: one file from which another machine runs a benchmark again and compares."""

from cluster4npu.core.bundle.replaying import Bundle, replay
from cluster4npu.core.bundle.writing import write_bundle

__all__ = ["Bundle", "replay", "write_bundle"]
