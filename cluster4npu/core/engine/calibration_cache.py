"""Calibrations kept between runs: one small JSON file per pipeline stage, set of devices and machine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cluster4npu.core.engine.messages import DeviceCalibration
from cluster4npu.core.errors import InputError
from cluster4npu.core.nodes.base import FrameSpec
from cluster4npu.core.settings import cache_dir

_RUNTIMES = (
    "cluster4npu",
    "numpy",
    "onnxruntime",
    "openvino",
    "opencv-python-headless",
    "torch",
    "coremltools",
)


def cache_key(stage_digest: str, devices: Sequence[str], frames: FrameSpec) -> str:
    """Return the file's name: a hash over everything that changes what would be measured."""
    what = [stage_digest, sorted(devices), frames.height, frames.width, platform.node(), platform.machine()]
    what += [os.cpu_count(), *(_version(name) for name in _RUNTIMES)]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def load(key: str) -> tuple[DeviceCalibration, ...] | None:
    """Return a kept calibration, or None when there is none that can be read."""
    try:
        return tuple(DeviceCalibration(**row) for row in json.loads(_path(key).read_text()))
    except (OSError, ValueError, TypeError, InputError):
        return None


def age_s(key: str) -> float:
    """Return how many seconds ago a calibration was kept; 0 when there is none."""
    try:
        return max(0.0, time.time() - _path(key).stat().st_mtime)
    except (OSError, InputError):
        return 0.0


def stale(key: str) -> str:
    """Return why a kept calibration is not to be believed any more, in words; empty where it is."""
    try:
        return _stale_path(key).read_text(encoding="utf-8")
    except (OSError, ValueError, InputError):
        return ""


def mark_stale(key: str, reason: str) -> None:
    """Let the next run measure anew, whose run has shown that a device is slower now than it was."""
    with contextlib.suppress(OSError, InputError):
        if _path(key).exists():
            _stale_path(key).write_text(reason, encoding="utf-8")


def save(key: str, calibration: Sequence[DeviceCalibration]) -> None:
    """Keep a calibration. A full or read-only disk costs only the next run its time."""
    with contextlib.suppress(OSError, InputError):
        path = _path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps([asdict(c) for c in calibration]))
        temporary.replace(path)
        _stale_path(key).unlink(missing_ok=True)


def _path(key: str) -> Path:
    return cache_dir() / "calibration" / f"{key}.json"


def _stale_path(key: str) -> Path:
    return _path(key).with_suffix(".stale")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
