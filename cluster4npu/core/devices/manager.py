"""The devices of this machine in one place: what is here, how it is, and which of it a pipeline should use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.core.devices import looks, registry
from cluster4npu.core.devices.allocation import DeviceAllocation, check
from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.configured import configured
from cluster4npu.core.devices.health import health_of
from cluster4npu.core.devices.history import Sample
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.optimum import best_allocation
from cluster4npu.core.devices.rounds import measure
from cluster4npu.core.errors import (
    DeviceUnavailable,
    InputError,
    PipelineInvalid,
    Problem,
    nearest,
)
from cluster4npu.core.settings import default_store_path, resolve_path

if TYPE_CHECKING:
    from cluster4npu.core.engine.messages import DeviceCalibration
    from cluster4npu.core.pipeline.config import PipelineConfig
    from cluster4npu.core.pipeline.plan import ExecutionPlan
    from cluster4npu.core.store.device_runs import DeviceRun, ModelProfile


@dataclass(frozen=True, slots=True)
class DeviceMetrics:
    """What was measured of a device.

    `latest` is the last look at its health and `history` those before it (oldest first, the last included), in stored
    runs and beside them. `runs` are
    its parts in the stored runs (oldest first), `profile` what they say of each model.
    """

    id: str
    latest: Sample
    history: tuple[Sample, ...]
    runs: tuple[DeviceRun, ...] = ()
    profile: tuple[ModelProfile, ...] = ()


class AdvancedDeviceManager:
    """Finds devices, tells how they are, and gives them to the stages of a pipeline.

    `store` is where the runs are kept whose figures `monitor_device_performance` reads; None: where they are kept by
    default.
    """

    def __init__(self, store: Path | None = None) -> None:
        self._store = store

    def detect_all_devices(
        self,
        told: Callable[[str], None] | None = None,
        *,
        age_s: float = 0.0,
        pipeline: PipelineConfig | None = None,
    ) -> list[DeviceInfo]:
        """Return every device, available or not, with its health of now; real ones come first.

        With `pipeline` also those that it alone names, as simulated ones of any speed.

        Backends are asked in another process, so that a driver that hangs or crashes is one unavailable device.
        `told` gets a line when one takes long. A list of the last `age_s` seconds is taken again: asking costs a second
        or two of a core.
        """
        found = registry.detect(age_s=age_s, told=told)
        found += [] if pipeline is None else configured(pipeline, found)
        return [replace(device, health=health_of(device)) for device in found]

    def get_device_health(self, device: str) -> DeviceHealth:
        """Return how a device is now; raises DeviceUnavailable for one that no backend lists."""
        return health_of(self._find(device))

    def monitor_device_performance(self, device: str) -> DeviceMetrics:
        """Look at a device once and return it with the looks before, and with what it did in the stored runs.

        Raises DeviceUnavailable for a device that no backend lists, StoreError where the store cannot be read.
        """
        from cluster4npu.core.store.device_runs import profile

        kept, runs = self.look_at(device), self.stored_runs(device)
        history = looks.together(self.stored_looks(device), kept)
        return DeviceMetrics(DeviceId.parse(device).device, kept[-1], history, runs, profile(runs))

    def look_at(self, device: str) -> tuple[Sample, ...]:
        """Look at a device's health once, keep that, and return it after the looks before."""
        return looks.look_at(self._find(device))

    def stored_runs(self, device: str) -> tuple[DeviceRun, ...]:
        """Return what a device did in the stored runs, oldest first; raises StoreError where they cannot be read."""
        from cluster4npu.core.store.store import Store

        path = self._store or default_store_path()
        return Store(path).device_runs(DeviceId.parse(device).device) if path.is_file() else ()

    def stored_looks(self, device: str) -> tuple[Sample, ...]:
        """Return how a device was in the stored runs, oldest first; raises StoreError where they cannot be read."""
        from cluster4npu.core.store.store import Store

        path = self._store or default_store_path()
        return Store(path).device_looks(DeviceId.parse(device).device) if path.is_file() else ()

    def assign_devices_to_stages(
        self, pipeline: PipelineConfig, allocation: DeviceAllocation | Mapping[str, Iterable[str]]
    ) -> PipelineConfig:
        """Return the pipeline with these devices in its stages.

        Stages that it does not name keep theirs. Raises PipelineInvalid with every problem: a stage or a device that
        does not exist, a device given twice, one that is not available or serves one worker only, or one that cannot
        run the stage's model.
        """
        given = allocation.stages if isinstance(allocation, DeviceAllocation) else allocation
        if isinstance(given, Mapping):  # what is gone through once only has to serve twice
            given = {s: tuple(own) if isinstance(own, Iterator) else own for s, own in given.items()}
        if problems := check(_models(pipeline), given):
            raise PipelineInvalid.of(problems)
        for stage, devices in given.items():
            pipeline = pipeline.with_params(stage, devices=list(devices))
        return pipeline

    def optimize_device_allocation(self, pipeline: PipelineConfig) -> DeviceAllocation:
        """Measure the devices of a pipeline and return the allocation that is fastest.

        Of one stage: the engine calibrates the devices on the pipeline itself, alone and together, and leaves out those
        that make the others slower; a measurement that an earlier run kept is used again. The fastest of the sets that
        were measured is returned, a single device where no set beats it.

        Of several stages: each device is measured alone in every stage, and `best_allocation` finds who should serve
        which. `fps` is predicted then, from rates that were measured apart; `predicted` says so. Where a device cannot
        serve every stage, or the first frames give a stage nothing to do, each stage keeps to its own pool, measured as
        above. Raises what `Engine` raises.
        """
        from cluster4npu.core.engine.engine import Engine
        from cluster4npu.core.engine.messages import Calibrated, RunOptions, WorkerFailed
        from cluster4npu.core.pipeline.demand_plan import DemandPlan
        from cluster4npu.core.pipeline.rates import no_devices_to_compare

        engine = Engine(pipeline, RunOptions(frames=1, calibration="auto"))
        if isinstance(engine.plan, DemandPlan):
            raise InputError(no_devices_to_compare())
        plan = engine.plan
        if len(plan.stages) > 1 and (best_found := _over_stages(pipeline, plan)) is not None:
            return best_found
        if any(len(stage.pool) == 1 for stage in plan.stages):
            engine = Engine(pipeline, RunOptions(frames=1, calibration="always"))
        measured: dict[str, list[tuple[DeviceCalibration, ...]]] = {}
        reasons: dict[str, str] = {}
        with engine as run:
            for event in run.events():
                if isinstance(event, Calibrated):
                    groups = measured.setdefault(event.stage, [])
                    if event.harmful is None:
                        groups.append(event.devices)
                    else:  # frames leave in order, so these devices do not make together what they were measured at
                        groups += [(replace(c, fps_together=c.fps_alone),) for c in event.devices]
                        reasons[event.harmful[0]] = event.harmful[1]
                elif isinstance(event, WorkerFailed):
                    reasons[event.device] = event.reason
            run.wait()
        best = {stage: best_of(sets) for stage, sets in measured.items()}
        rates = {device: rate for own in best.values() for device, rate in own.items()}
        pools = {stage.node_id: [member.id for member in stage.pool] for stage in plan.stages}
        return DeviceAllocation(
            stages={
                stage: tuple(sorted(best[stage], key=lambda d: -rates[d])) if stage in best else tuple(pool)
                for stage, pool in pools.items()
            },
            fps=min((sum(own.values()) for own in best.values()), default=None),
            rates=rates,
            left_out={
                device: reasons.get(device, "without it the others made more frames")
                for stage, pool in pools.items()
                for device in pool
                if stage in best and device not in rates
            },
            simulated=plan.simulated,
        )

    def _find(self, device: str) -> DeviceInfo:
        asked = DeviceId.parse(device)
        backend = registry.backend(asked.backend)
        registry.device_options(asked)
        known = {info.id: info for info in registry.listed(asked.backend)}
        if asked.device in known:
            return known[asked.device]
        if backend.simulated:
            return registry.require_available(asked)
        raise DeviceUnavailable(
            Problem(
                f"there is no device '{asked.device}' here",
                field="devices",
                found=device,
                allowed=", ".join(known),
                hint=nearest(asked.device, known) or "`cluster4npu devices` lists what is here.",
            )
        )


def _over_stages(pipeline: PipelineConfig, plan: ExecutionPlan) -> DeviceAllocation | None:
    """Return the best allocation over all stages, None where not every device was measured in every stage."""
    stages = [stage.node_id for stage in plan.stages]
    devices = list(dict.fromkeys(member.id for member in plan.members))
    models = _models(pipeline)
    misfits = [p for stage in stages for p in check(models, {stage: devices})]
    if len(devices) < len(stages) or misfits:
        return None
    rates = measure(pipeline, stages, devices)
    best = best_allocation(rates) if all(any(rates[stage].values()) for stage in stages) else None
    if best is None:
        return None
    used = {device: rates[stage][device] for stage, chosen in best.stages.items() for device in chosen}
    return DeviceAllocation(
        stages=best.stages,
        fps=best.fps,
        rates=used,
        left_out={d: "no stage would be faster with it" for d in devices if d not in used},
        simulated=plan.simulated,
        predicted=True,
        exact=best.exact,
    )


def best_of(measured: Iterable[tuple[DeviceCalibration, ...]]) -> dict[str, float]:
    """Return the rates (frames/s) of the fastest set that was measured: a whole set, or one device of it alone.

    Of equal ones the smaller is taken. Devices that made no frame are left out.
    """
    sets = [{c.id: c.fps_together for c in group if c.fps_together > 0} for group in measured]
    singles = [{c.id: c.fps_alone} for group in measured for c in group if c.fps_alone > 0]
    return max([*singles, *sets], key=lambda rates: sum(rates.values()), default={})


def _models(pipeline: PipelineConfig) -> dict[str, Path | None]:
    """Return the model file of each stage; None where it has none."""
    chosen = {n.id: str(n.params.get("model", "none")) for n in pipeline.nodes if n.type == "inference"}
    return {k: None if v == "none" else resolve_path(v, pipeline.base) for k, v in chosen.items()}
