"""Thirteen families of models, each on a device, in each batch and precision. SPEED ONLY: their weights are random.

python -m benchmarks.families [--families bert,vit] [--devices onnx:cpu] [--batches 1,8] [--precisions fp32,int8]

Each combination is loaded and measured in a process of its own, so that start and first inference are those of a cold
start. A device that is not here, or that cannot compute all of a network by itself, is told as unavailable and never
replaced by the processor. Prints a line of JSON for each; the table at the end says what was measured.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.common import machine
from cluster4npu.backends import onnx as onnx_backend
from cluster4npu.backends import onnx_precision
from cluster4npu.backends.onnx_providers import CPU, provider_of
from cluster4npu.core.bench.families import FAMILIES, family
from cluster4npu.core.bench.random_weights import build
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import Cluster4NPUError, InputError, Problem
from cluster4npu.core.metrics.memory import PeakMemory
from cluster4npu.core.metrics.statistics import LatencyStats

MEASURED, UNAVAILABLE = "measured", "unavailable"
_WARM_UP = 5
_LIMIT_S = 120.0  # for one combination


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: `batch` inputs of a family at once, on a device, in a precision."""

    family: str
    device: str
    precision: str
    batch: int
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Figures:
    """What came out. Times in ms; `samples_ms` holds each counted inference; throughput in inputs a second."""

    case: Case
    status: str
    reason: str = ""
    unit: str = "unknown"
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    throughput: float | None = None
    peak_bytes: int | None = None  # that the process held more than before the model was loaded
    samples_ms: tuple[float, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the line of JSON, without the samples."""
        told = {key: value for key, value in asdict(self).items() if key not in ("case", "samples_ms")}
        return {
            **asdict(self.case),
            **told,
            "latency_ms": LatencyStats.of(self.samples_ms).as_dict(),
            "weights": "random: speed only",
        }


def measure(case: Case, model: Path) -> Figures:
    """Load and measure one combination in a process of its own; what it cannot do is told, never raised."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_measure_main, args=(case, model, theirs), daemon=True)
    child.start()
    theirs.close()
    try:
        if ours.poll(_LIMIT_S):
            answer: Figures = ours.recv()
            return answer
        return Figures(case, UNAVAILABLE, f"it took longer than {_LIMIT_S:.0f} s")
    except EOFError:
        child.join(5.0)
        return Figures(case, UNAVAILABLE, f"its process ended with code {child.exitcode}")
    finally:
        child.kill()
        child.join()


def _measure_main(case: Case, model: Path, told: Connection) -> None:
    try:
        told.send(_measure(case, model))
    except Cluster4NPUError as error:
        told.send(Figures(case, UNAVAILABLE, error.problems[0].reason()))
    except Exception as error:  # a runtime's own, of any kind
        told.send(Figures(case, UNAVAILABLE, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"))


def _measure(case: Case, model: Path) -> Figures:
    import onnxruntime

    device = DeviceId.parse(case.device)
    plain = case.precision == "fp32"
    registry.require_available(device if plain else device.with_option("precision", case.precision))
    if not plain:
        model = onnx_precision.prepare(model, case.precision, None, "dynamic")
    fed = family(case.family).build_inputs(case.batch)
    with PeakMemory() as memory:
        start = time.perf_counter()
        session = _session(onnxruntime, model, device, case.precision)
        startup_ms = (time.perf_counter() - start) * 1e3
        first_ms = _timed(session, fed)
        for _ in range(_WARM_UP):
            session.run(None, fed)
        samples: list[float] = []
        until = time.perf_counter() + case.seconds
        while time.perf_counter() < until:
            samples.append(_timed(session, fed))
    return Figures(
        case,
        MEASURED,
        unit=onnx_backend.placement(session)[0],
        startup_ms=startup_ms,
        first_inference_ms=first_ms,
        throughput=case.batch * len(samples) * 1e3 / sum(samples),
        peak_bytes=memory.grown_bytes,
        samples_ms=tuple(samples),
    )


def _session(runtime: Any, model: Path, device: DeviceId, precision: str) -> Any:
    """Return a session whose every node runs where it was asked for; raises where that cannot be."""
    found = provider_of(device)
    if found is None:
        allowed = "a device of ONNX Runtime"
        raise InputError(Problem("this cannot be measured", found=str(device), allowed=allowed))
    provider, index = found
    if provider.nvidia and hasattr(runtime, "preload_dlls"):
        runtime.preload_dlls()
    settings = runtime.SessionOptions()
    settings.log_severity_level = 4
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if provider.name != CPU:
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    providers = [(provider.name, provider.options(index, precision))]
    return runtime.InferenceSession(str(model), settings, providers=providers, enable_fallback=0)


def _timed(session: Any, fed: dict[str, Any]) -> float:
    start = time.perf_counter()
    session.run(None, fed)
    return (time.perf_counter() - start) * 1e3


def measure_all(cases: Sequence[Case]) -> list[Figures]:
    """Measure one combination after the other, and print each as it is done."""
    import onnx

    done = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            model = Path(folder) / f"{case.family}-speed-only.onnx"
            if not model.exists():
                onnx.save(build(family(case.family)), model)
            done.append(measure(case, model))
            print(json.dumps(done[-1].as_dict()), flush=True)
    return done


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--devices", default="onnx:cpu")
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--precisions", default="fp32,int8")
    parser.add_argument("--seconds", type=float, default=0.5)
    asked = parser.parse_args()
    cases = [
        Case(family(name).id, device, precision, int(batch), asked.seconds)
        for name in asked.families.split(",")
        for device in asked.devices.split(",")
        for precision in asked.precisions.split(",")
        for batch in asked.batches.split(",")
    ]
    print(json.dumps({"machine": machine(), "label": "SPEED ONLY: random weights of small configurations"}))
    done = measure_all(cases)
    print(f"{sum(f.status == MEASURED for f in done)} of {len(done)} measured")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
