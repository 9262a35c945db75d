"""What was measured of a device over time: one small JSON-lines file per device, which survives a restart."""

from __future__ import annotations

import contextlib
import json
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from cluster4npu.core.settings import data_dir

LONGEST = 720  # samples that are kept: an hour with one every five seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a device; None is "not reported". `at` is in seconds since 1970 (UTC)."""

    at: float
    status: str
    utilization: float | None = None  # 0..1
    temperature_c: float | None = None
    power_w: float | None = None
    memory_used_bytes: int | None = None


def load(device: str) -> tuple[Sample, ...]:
    """Return the samples of a device, oldest first; lines that cannot be read are left out."""
    samples: deque[Sample] = deque(maxlen=LONGEST)
    with contextlib.suppress(OSError), _path(device).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            with contextlib.suppress(ValueError, TypeError):
                samples.append(Sample(**json.loads(line)))
    return tuple(samples)


def append(device: str, sample: Sample) -> tuple[Sample, ...]:
    """Keep one more sample and return all; a full or read-only disk costs only the keeping."""
    samples = (*load(device), sample)[-LONGEST:]
    with contextlib.suppress(OSError):
        path = _path(device)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, samples)
    return samples


def _write(path: Path, samples: Sequence[Sample]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    lines = (json.dumps(asdict(sample)) + "\n" for sample in samples)
    temporary.write_text("".join(lines), encoding="utf-8", newline="\n")
    temporary.replace(path)


def _path(device: str) -> Path:
    safe = "".join(c if c.isalnum() else "-" for c in device)[:60]
    return data_dir() / "devices" / f"{safe}-{sha256(device.encode()).hexdigest()[:8]}.jsonl"
