"""A detector end to end on OpenVINO's CPU device, against OpenVINO's own THROUGHPUT mode on inference alone, in turn.

    python -m benchmarks.openvino_cpu [--turns 5] [--seconds 8] [--workers N] [--precision fp32] [--parts]

Ours decodes a 1080p clip, letterboxes, infers, decodes the boxes and suppresses overlaps; the peer only infers, on one
picture again and again. Beside the frames/s it prints the processor time that a frame costs each of them. Both compute
in what OpenVINO chooses by itself here, or in `--precision`. With `--parts` it prints only what each step beside the
inference costs by itself, on one thread. The detector has random weights and the cost of a small
YOLO (`benchmarks/detector.py`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
import psutil

from benchmarks import detector
from benchmarks.common import machine, median, tell
from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.core.engine.messages import MetricsUpdated
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig
from cluster4npu.core.vision.capture import Capture
from cluster4npu.core.vision.letterbox import Letterbox
from cluster4npu.core.vision.nms import per_class_nms
from cluster4npu.core.vision.yolo import decode, find_layout

REACH = 0.93
HINTS = {"fp32": "f32", "bf16": "bf16"}
HEIGHT, WIDTH, FRAMES = 1080, 1920, 120
STEPS = 100  # of the frames, when a step is measured by itself
CONFIDENCE = 0.25


def clip(path: Path) -> None:
    """Write a clip of soft moving shapes."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (WIDTH, HEIGHT))
    rng = np.random.default_rng(0)
    scene = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 9)
    for number in range(FRAMES):
        writer.write(np.roll(scene, 6 * number, axis=1))
    writer.release()


def pipeline(model: Path, video: Path, devices: list[str]) -> PipelineConfig:
    """Return the clip through the detector, its boxes counted."""
    nodes = (
        NodeConfig(id="source", type="video_file", params={"path": str(video), "loop": True}),
        NodeConfig(id="preprocess", type="preprocess"),
        NodeConfig(id="inference", type="inference", params={"model": str(model), "devices": [*devices]}),
        NodeConfig(id="detections", type="detections"),
        NodeConfig(id="count", type="count"),
    )
    wires = {
        "source.frame": "preprocess.frame",
        "preprocess.tensor": "inference.tensor",
        "inference.outputs": "detections.outputs",
        "detections.detections": "count.result",
    }
    edges = tuple(EdgeConfig(source=source, target=target) for source, target in wires.items())
    return PipelineConfig(name="detector", nodes=nodes, edges=edges)


def compiled_for_throughput(model: Path, precision: str | None) -> Any:
    """Return the model compiled in THROUGHPUT mode."""
    settings = {"PERFORMANCE_HINT": "THROUGHPUT"}
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = HINTS[precision]
    return openvino.Core().compile_model(str(model), "CPU", settings)


def chosen_precision(model: Path) -> str:
    """Return what OpenVINO computes in when it is not told."""
    hint = compiled_for_throughput(model, None).get_property("INFERENCE_PRECISION_HINT").to_string()
    return next((ours for ours, theirs in HINTS.items() if theirs == hint), "fp32")


def used_s(pids: Sequence[int]) -> np.ndarray:
    """Return the processor time of each of these processes until now."""
    return np.array([sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids])


def end_to_end(what: PipelineConfig, seconds: float) -> tuple[float, dict[str, float]]:
    """Run the pipeline; return its frames/s, and the ms of processor time a frame of manager and workers."""
    looks: list[tuple[int, np.ndarray]] = []
    with Engine(what, RunOptions(seconds=seconds)) as going:
        for event in going.events():
            if isinstance(event, MetricsUpdated) and going.started is not None:
                with contextlib.suppress(psutil.Error):  # it has just ended
                    looks.append((event.snapshot.frames_out, used_s(going.started.processes)))
        fps = going.wait().fps
    (first, before), (last, after) = looks[0], looks[-1]
    manager, *workers = (1e3 * (after - before) / (last - first)).tolist()
    return fps, {"manager": manager, "workers": sum(workers)}


def throughput(model: Path, precision: str, seconds: float) -> tuple[float, float]:
    """Return frames/s, and ms of processor time a frame, of OpenVINO's own asynchronous queue in THROUGHPUT mode."""
    compiled = compiled_for_throughput(model, precision)
    requests = openvino.AsyncInferQueue(compiled)
    picture = np.random.default_rng(0).random((1, 3, detector.SIZE, detector.SIZE), np.float32)
    done = 0

    def count(_request: object, _data: object) -> None:
        nonlocal done
        done += 1

    requests.set_callback(count)
    for _ in range(3 * len(requests)):
        requests.start_async({0: picture})
    requests.wait_all()
    done, begin, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - begin < seconds:
        requests.start_async({0: picture})
    requests.wait_all()
    return done / (time.perf_counter() - begin), 1e3 * (time.process_time() - used) / done


def parts(model: Path, video: Path) -> dict[str, float]:
    """Return the ms of processor time that each step beside the inference takes for a frame, by itself."""
    cv2.setNumThreads(1)
    slot = np.empty(HEIGHT * WIDTH * 3, np.uint8)
    capture = Capture(str(video), ffmpeg=True, threads=1)
    fitter = Letterbox((detector.SIZE, detector.SIZE))
    frame = slot.reshape(HEIGHT, WIDTH, 3)
    outputs = [np.asarray(found) for found in compiled_for_throughput(model, None)(fitter(frame)[0]).values()]
    layout = find_layout([found.shape for found in outputs], 0, "auto")

    def boxes() -> None:
        found = decode(outputs[layout.index], layout, CONFIDENCE)
        per_class_nms(found.boxes, found.scores, found.classes, threshold=0.45, limit=300)

    steps: dict[str, Callable[[], object]] = {
        "decode": capture.grab,
        "convert to BGR": lambda: capture.retrieve_into(slot),
        "letterbox": lambda: fitter(frame),
        "boxes": boxes,
    }
    return {name: _alone_ms(step) for name, step in steps.items()}


def _alone_ms(step: Callable[[], object]) -> float:
    for _ in range(5):
        step()
    begin = time.process_time()
    for _ in range(STEPS):
        step()
    return round(1e3 * (time.process_time() - begin) / STEPS, 2)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--precision", choices=HINTS)
    parser.add_argument("--parts", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, video = Path(folder, "detector.onnx"), Path(folder, "clip.mp4")
        print(
            f"# {machine()}; detector of {detector.build(model)} parameters at {detector.SIZE} x {detector.SIZE}"
        )
        clip(video)
        if given.parts:
            print(json.dumps({"ms_of_a_frame": parts(model, video)}))
            return 0
        precision = given.precision or chosen_precision(model)
        devices = [f"openvino:cpu?precision={precision}#{n}" for n in range(1, given.workers + 1)]
        what = pipeline(model, video, devices)
        ours: list[float] = []
        theirs: list[float] = []
        spent: dict[str, list[float]] = {"manager": [], "workers": [], "openvino THROUGHPUT": []}
        for turn in range(given.turns):
            for part in ("ours", "theirs") if turn % 2 == 0 else ("theirs", "ours"):
                if part == "ours":
                    fps, cost = end_to_end(what, given.seconds)
                    ours.append(fps)
                else:
                    fps, own = throughput(model, precision, given.seconds)
                    theirs.append(fps)
                    cost = {"openvino THROUGHPUT": own}
                for who, ms in cost.items():
                    spent[who].append(ms)
    rates = {"ours": [round(v, 2) for v in ours], "openvino THROUGHPUT": [round(v, 2) for v in theirs]}
    cpu_ms = {who: round(median(values), 2) for who, values in spent.items()}
    ratio = median([a / b for a, b in zip(ours, theirs, strict=True)])
    told = tell(
        "end to end over inference alone", ratio, REACH, precision=precision, fps=rates, cpu_ms_a_frame=cpu_ms
    )
    return 0 if told else 1


if __name__ == "__main__":
    raise SystemExit(main())
