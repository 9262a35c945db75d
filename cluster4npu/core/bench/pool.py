"""Which workers a benchmark needs: all together as they run in parallel, and each device as it runs alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cluster4npu.core.devices import precision, registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.plan import ExecutionPlan, PoolMember, make_plan, make_pool


@dataclass(frozen=True, slots=True)
class BenchmarkPool:
    """The workers of a benchmark, by settled id (every option written out).

    A device may need other settings alone than beside others (a CPU all its threads), and is then loaded
    twice. `alone` maps the id of each distinct device, as the user wrote it, to its settled id; of several
    workers on one device with equal settings the first is measured, and `measured_as` maps each worker's id to
    the one that stands for it.
    """

    plan: ExecutionPlan
    parallel: tuple[PoolMember, ...]
    alone: dict[str, str]
    measured_as: dict[str, str]
    against: str | None

    @property
    def union(self) -> tuple[str, ...]:
        """Return every settled id once, those of the parallel side first."""
        return tuple(dict.fromkeys([*(m.settled for m in self.parallel), *self.alone.values()]))

    @property
    def together(self) -> tuple[str, ...]:
        """Return the settled ids of the parallel side."""
        return tuple(m.settled for m in self.parallel)

    @property
    def is_compared(self) -> bool:
        """Tell whether there is a parallel side: more than one worker, or a baseline that is another device."""
        others = [name for name in self.alone if name != self.parallel[0].id]
        return len(self.parallel) > 1 or bool(others)

    @property
    def real(self) -> tuple[str, ...]:
        """Return one settled id of every kind of worker that truly computes: those that must agree."""
        kinds = {str(_kind(settled)): settled for settled in reversed(self.union) if not _simulated(settled)}
        return tuple(settled for settled in self.union if settled in kinds.values())

    @property
    def reference(self) -> str | None:
        """Return the settled id that all others must agree with: the first that computes the model as it is."""
        plain = [s for s in self.real if precision.asked(DeviceId.parse(s)) in ("", "fp32")]
        return next(iter([*plain, *self.real]), None)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return in words which devices were asked for and are not measured, since their drivers do not answer."""
        return self.plan.stage.left_out

    @property
    def simulated(self) -> bool:
        """Tell whether any worker is simulated."""
        return any(_simulated(settled) for settled in self.union)


def make_benchmark_pool(
    pipeline: PipelineConfig,
    *,
    devices: tuple[str, ...] | None = None,
    policy: str | None = None,
    against: str | None = None,
) -> BenchmarkPool:
    """Settle the devices of a benchmark; one whose driver is silent is left out where there are others, and told.

    Raises what `make_plan` raises, InputError for a wrong `against`.
    """
    plan = make_plan(pipeline, devices=devices, policy=policy, all_of_them=False)
    parallel = plan.stage.pool
    alone: dict[str, str] = {}
    seen: dict[DeviceId, str] = {}
    measured_as: dict[str, str] = {}
    for name in [member.id for member in parallel] + ([against] if against else []):
        settled = make_pool((name,), plan.stage.node_id)[0].settled
        measured_as[name] = first = seen.setdefault(_kind(settled), name)
        alone.setdefault(first, settled)
    if against is not None:
        against = measured_as[against]
    return BenchmarkPool(plan, parallel, alone, measured_as, against)


def single_pool(pipeline: PipelineConfig, device: str) -> BenchmarkPool:
    """Return the pool of one device alone."""
    pool = make_benchmark_pool(pipeline, devices=(device,))
    if len(pool.parallel) != 1:
        raise InputError(Problem("name one device", field="devices", found=device, allowed="one device id"))
    return pool


def model_hash(pool: BenchmarkPool) -> str:
    """Return the SHA-256 (hex) of the model file, "" where no model runs."""
    if pool.plan.stage.model is None:
        return ""
    with pool.plan.stage.model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kind(settled: str) -> DeviceId:
    return replace(DeviceId.parse(settled), replica=1)


def _simulated(settled: str) -> bool:
    return registry.backend(DeviceId.parse(settled).backend).simulated
