"""The bundled detector end to end on an accelerator, against its runtime's own loop at the best batch, in turn.

    python -m benchmarks.accelerator [--device onnx:cuda:0] [--workers 4] [--turns 5] [--seconds 6]

Ours decodes the bundled clip, letterboxes, infers, decodes the boxes and suppresses overlaps; the peer only infers,
NumPy array in and out, at each batch size in turn, of which the fastest counts. Where the device is not here it says
why, and measures nothing: exit code 0. `--device onnx:cpu` shows that it works, where there is no accelerator: there
both sides share the cores, which also decode and resize.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import machine, median, run, tell
from cluster4npu import PipelineConfig, RunOptions
from cluster4npu.backends.onnx_providers import CPU, KEY, provider_of
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.settings import assets_dir

REACH = 0.9
BATCHES = (1, 2, 4, 8, 16, 32)
MODEL = Path(assets_dir()) / "digits_detector.onnx"


def lacking(device: DeviceId) -> str:
    """Return why there is nothing to measure, "" where there is."""
    if device.backend != KEY:
        return "only devices of ONNX Runtime have a peer here"
    known = {info.id: info for info in registry.detect(MODEL)}
    if device.device not in known:
        return f"no {device.device} here"
    return "" if known[device.device].available else known[device.device].reason


def bare_session(device: DeviceId) -> Any:
    """Return the model in ONNX Runtime alone, set up as its own documentation does."""
    import onnxruntime

    found = provider_of(device)
    if found is None:
        raise SystemExit(f"{device}: only devices of ONNX Runtime can be measured")
    provider, index = found
    if provider.nvidia:
        onnxruntime.preload_dlls()
    chosen = [(provider.name, provider.options(index, ""))] if provider.name != CPU else []
    return onnxruntime.InferenceSession(str(MODEL), providers=[*chosen, CPU])


def bare_rate(session: Any, batch: int, seconds: float) -> float:
    """Return the frames a second of the runtime's own loop at this batch size."""
    given = session.get_inputs()[0]
    tensor = np.random.default_rng(0).random((batch, *given.shape[1:]), np.float32)
    for _ in range(5):
        session.run(None, {given.name: tensor})
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        session.run(None, {given.name: tensor})
        done += batch
    return done / (time.perf_counter() - begin)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="onnx:cuda:0", help="a device of ONNX Runtime, without a number")
    parser.add_argument("--workers", type=int, default=4, help="processes that share the device")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6.0)
    given = parser.parse_args()
    device, figure = DeviceId.parse(given.device), "end to end over the runtime's own loop"
    print(f"# {machine()}; {device}")
    if why := lacking(device):
        print(json.dumps({"figure": figure, "device": str(device), "skipped": why}))
        return 0
    pipeline = PipelineConfig.open(Path(assets_dir()) / "example.json")
    pool = tuple(str(device) + (f"#{n}" if n > 1 else "") for n in range(1, given.workers + 1))
    session = bare_session(device)
    ours: list[float] = []
    theirs: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for turn in range(given.turns):
        for part in ("ours", "theirs") if turn % 2 == 0 else ("theirs", "ours"):
            if part == "ours":
                ours.append(run(pipeline, RunOptions(devices=pool, seconds=given.seconds, loop=True)).fps)
                continue
            for batch in BATCHES:
                theirs[batch].append(bare_rate(session, batch, given.seconds / len(BATCHES)))
    best = max(BATCHES, key=lambda batch: median(theirs[batch]))
    ratio = median([a / b for a, b in zip(ours, theirs[best], strict=True)])
    fps = {"ours": median(ours), **{f"batch {batch}": median(rates) for batch, rates in theirs.items()}}
    told = {name: round(value, 1) for name, value in fps.items()}
    return 0 if tell(figure, ratio, REACH, device=str(device), best_batch=best, fps=told) else 1


if __name__ == "__main__":
    raise SystemExit(main())
