"""The parity card: every device against the reference on the same frames, with accuracy and speed beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cluster4npu.core.bench import accuracy, parity
from cluster4npu.core.bench.accuracy import Truth
from cluster4npu.core.bench.options import BenchmarkOptions, BenchmarkProgress
from cluster4npu.core.bench.parity import Parity
from cluster4npu.core.bench.pool import BenchmarkPool, make_benchmark_pool, model_hash
from cluster4npu.core.bench.progress import Tracker
from cluster4npu.core.bench.session import OpenEngine, Session, open_session
from cluster4npu.core.bench.steps import LOADING_S
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.precision import asked
from cluster4npu.core.devices.truth import fell_back
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import Result, SegmentFinished
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.metrics.summary import DeviceSummary
from cluster4npu.core.nodes.values import Detections
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.plan import PoolMember
from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.recording import model_record
from cluster4npu.core.store.records import DeviceRecord, ModelRecord
from cluster4npu.core.store.store import Store

FRAMES = 32  # that are compared where the truth is not known
_FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """One device: what it agreed in (nothing for the reference), how right it is, and how long a frame took it alone.

    `map50` is the mean average precision at an overlap of 0.5, None where the truth of the source is not known.
    `frame_ms` is the median service time; the first frames, which are slower, count too.
    """

    id: str
    precision: str  # "as the model" where none was asked for
    unit: str
    fell_back: bool
    frame_ms: float | None
    map50: float | None
    checks: tuple[Parity, ...] = ()
    settled_id: str = ""

    @property
    def same(self) -> bool:
        """Tell whether it agrees in everything that could be compared."""
        return all(check.same for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the object that the command line prints."""
        names = ("id", "precision", "unit", "fell_back", "frame_ms", "map50", "same")
        checks = [
            {
                "what": c.what, "score": c.score, "needed": c.needed, "compared": c.compared, "same": c.same,
            }
            for c in self.checks
        ]  # fmt: skip
        return {**{name: getattr(self, name) for name in names}, "checks": checks}


@dataclass(frozen=True, slots=True)
class ParityCard:
    """What was compared; the reference is the first of `devices`.

    `left_out` are those that have no answers, `warnings` say in words whose driver does not answer.
    """

    reference: str
    frames: int
    devices: tuple[DeviceCard, ...]
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    model: ModelRecord | None = None

    @property
    def same(self) -> bool | None:
        """Tell whether every device gave the reference's answers; None where no answer could be compared."""
        if not any(check.score is not None for device in self.devices for check in device.checks):
            return None
        return all(device.same for device in self.devices)

    @property
    def verdict(self) -> str:
        """Return in words what `same` says, and of whom it says nothing."""
        if self.same is None:
            alone = len(self.devices) == 1
            why = f"only {self.reference} has answers" if alone else "there are no answers in these frames"
            said = f"NOTHING COMPARED, {why}"
        else:
            said = "Same answers on every device" if self.same else "OUTPUTS DIFFER"
        said += f" (without {', '.join(self.left_out)}: SIMULATED)" if self.left_out else ""
        return said + "".join(f" ({text.rstrip('.')})" for text in self.warnings)

    def as_dict(self) -> dict[str, Any]:
        """Return the object that the command line prints."""
        devices = [device.as_dict() for device in self.devices]
        return {
            "reference": self.reference,
            "frames": self.frames,
            "same": self.same,
            "devices": devices,
            "left_out": list(self.left_out),
            "warnings": list(self.warnings),
        }


def compare_devices(
    pipeline: PipelineConfig,
    *,
    devices: tuple[str, ...] | None = None,
    frames: int | None = None,
    progress: Callable[[BenchmarkProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    open_engine: OpenEngine = Engine,
) -> ParityCard:
    """Run the same frames on every real device alone, and compare.

    `devices` replaces the pipeline's own; `frames` is how many (None: all whose truth is known, else 32). Raises
    InputError where no device truly computes, Cancelled, and the engine's errors.
    """
    truth = accuracy.truth_of(pipeline)
    confidence = {n.id: float(str(n.params.get("confidence", 0.25))) for n in _detectors(pipeline)}
    asked_for = pipeline
    if truth is not None:
        for node in _detectors(pipeline):
            asked_for = asked_for.with_params(
                node.id, confidence=min(accuracy.CONFIDENCE, confidence[node.id])
            )
    pool = make_benchmark_pool(asked_for, devices=devices)
    if pool.reference is None:
        raise InputError(
            Problem(
                "there is nothing to compare",
                field="devices",
                found=", ".join(m.id for m in pool.parallel),
                allowed="devices that truly compute",
                hint="Simulated devices have no outputs: choose devices that are really here.",
                option="--devices 'onnx:cpu,openvino:cpu'",
            )
        )
    left_out = tuple(member.id for member in pool.parallel if member.simulated)
    pool = _alone(pool)
    count = frames or (len(truth.frames) if truth else FRAMES)
    order = sorted(pool.real, key=lambda device: device != pool.reference)
    tracker = Tracker(LOADING_S + count * _FRAME_S * len(order), progress or (lambda _: None))
    tracker.begin("Loading", LOADING_S, "the model on every device")
    told: dict[str, SegmentFinished] = {}
    with open_session(
        asked_for, pool, BenchmarkOptions(devices=devices), tracker, cancelled or (lambda: False), open_engine
    ) as session:
        for device in order:
            told[device] = _measure(session, device, count)
    tracker.end("Done")
    model = model_record(pipeline, model_hash(pool))
    card = _card(pool, told, confidence, truth)
    return replace(card, left_out=left_out, warnings=pool.left_out, model=model)


def keep_card(store: Store, card: ParityCard) -> None:
    """Keep what the card shows of the model on each device; raises StoreError. Without a model file nothing is kept."""
    devices = [
        DeviceRecord(
            d.id, d.settled_id, unit=d.unit,
            differs=", ".join(
                f"{c.what} {c.score:.1%} as {card.reference}'s" for c in d.checks if c.score is not None and not c.same
            ),
        )
        for d in card.devices
    ]  # fmt: skip
    if card.model is not None:
        store.save_compatibility(card.model, devices, conditions())


def _alone(pool: BenchmarkPool) -> BenchmarkPool:
    """Return the pool with each device once, set up as it runs alone."""
    simulated = {member.id for member in pool.parallel if member.simulated}
    members = tuple(
        PoolMember(name, settled, False) for name, settled in pool.alone.items() if name not in simulated
    )
    return replace(pool, parallel=members, alone={member.id: member.settled for member in members})


def _detectors(pipeline: PipelineConfig) -> list[Any]:
    return [node for node in pipeline.nodes if node.type == "detections"]


def _measure(session: Session, device: str, count: int) -> SegmentFinished:
    session.tracker.begin("Comparing results", count * _FRAME_S, "the same frames on every device", device)
    return session.frames("parity", device, count)


def _card(
    pool: BenchmarkPool,
    told: dict[str, SegmentFinished],
    confidence: dict[str, float],
    truth: Truth | None,
) -> ParityCard:
    names = {member.settled: member.id for member in pool.parallel}
    reference = next(iter(told))
    shown = {device: _confident(item.results, confidence) for device, item in told.items()}
    cards = []
    for device, item in told.items():
        checks = () if device == reference else parity.compare(device, shown[reference], shown[device])
        summary = next(d for d in item.summary.devices if d.settled_id == device)
        cards.append(_device(names[device], item, summary, tuple(checks), truth))
    return ParityCard(names[reference], len(told[reference].results), tuple(cards))


def _device(
    name: str,
    told: SegmentFinished,
    summary: DeviceSummary,
    checks: tuple[Parity, ...],
    truth: Truth | None,
) -> DeviceCard:
    return DeviceCard(
        id=name,
        precision=asked(DeviceId.parse(name)) or "as the model",
        unit=summary.unit,
        fell_back=fell_back(name, summary.unit),
        frame_ms=summary.latency_ms.p50,
        map50=_map50(told.results, truth),
        checks=checks,
        settled_id=summary.settled_id,
    )


def _map50(results: Sequence[Result], truth: Truth | None) -> float | None:
    found = {
        result.frame_id: value.rows
        for result in results
        for value in result.values.values()
        if isinstance(value, Detections)
    }
    if truth is None or not found:
        return None
    return accuracy.mean_average_precision(found, truth.frames[: max(found) + 1])


def _confident(results: Sequence[Result], confidence: dict[str, float]) -> list[Result]:
    """Return the results with only those boxes that the pipeline itself would show."""
    return [
        Result(
            r.frame_id,
            r.device,
            r.latency_ms,
            r.stream_ms,
            {key: _cut(value, confidence.get(key.split(".")[0], 0.0)) for key, value in r.values.items()},
            r.error,
        )
        for r in results
    ]


def _cut(value: Any, least: float) -> Any:
    if isinstance(value, Detections):
        return Detections(value.rows[value.rows[:, 4] >= np.float32(least)])
    return value
