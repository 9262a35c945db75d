"""What is run: a checked graph cut into sources, stages and sinks, with each stage's pool of devices settled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from pydantic import JsonValue

from cluster4npu.core.devices import exclusive, precision, registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import (
    DeviceUnavailable,
    DriverSilent,
    InputError,
    PipelineInvalid,
    Problem,
)
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.cut import StageCut
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.rates import no_devices_to_compare, runs_in_one_process
from cluster4npu.core.settings import resolve_path


@dataclass(frozen=True, slots=True)
class PoolMember:
    """One worker of a pool: `id` as the user wrote it, `settled` with every option written out.

    `model` is the file that it loads in place of the stage's, where its precision needs another one. `name` and `kind`
    are the device's own, as its backend lists it.
    """

    id: str
    settled: str
    simulated: bool
    model: Path | None = None
    name: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class StagePlan(StageCut):
    """A stage with its pool. `takes` are the indices of the stages that must have finished a frame before.

    `left_out` says which devices it was to have and goes on without, since their driver does not answer.
    """

    index: int
    model: Path | None
    takes: tuple[int, ...]
    pool: tuple[PoolMember, ...]
    policy: str
    in_flight: int | None
    batch: int | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """Everything that the manager needs, small enough to be sent to it.

    `stages` come behind those that they take results of. `joins` are nodes that the manager runs for sinks.
    """

    config: PipelineConfig
    sources: tuple[str, ...]
    stages: tuple[StagePlan, ...]
    joins: tuple[str, ...]
    sinks: tuple[str, ...]

    @property
    def stage(self) -> StagePlan:
        """Return the one stage; raises PipelineInvalid where there are several, for work that knows only one."""
        if len(self.stages) > 1:
            raise PipelineInvalid(
                Problem(
                    "this works on pipelines of one inference node only",
                    node=self.stages[1].node_id,
                    found=", ".join(stage.node_id for stage in self.stages),
                    allowed="one inference node",
                    hint="Take the other stages out of a copy of the pipeline, and measure each by itself.",
                )
            )
        return self.stages[0]

    @property
    def members(self) -> tuple[PoolMember, ...]:
        """Return the workers of all stages, in the order of their indices."""
        return tuple(member for stage in self.stages for member in stage.pool)

    @property
    def simulated(self) -> bool:
        """Tell whether any device of any pool is simulated."""
        return any(member.simulated for member in self.members)

    @property
    def exports(self) -> tuple[str, ...]:
        """Return what all stages leave beside the frame."""
        return tuple(export for stage in self.stages for export in stage.exports)

    def stages_of(self, source: str) -> tuple[StagePlan, ...]:
        """Return the stages that a source's frames go through."""
        return tuple(stage for stage in self.stages if source in stage.sources)

    def stage_digest(self, index: int = 0) -> str:
        """Return the SHA-256 (hex) of what a stage's workers compute for a frame: nodes, parameters, the model's bytes.

        What the stages before it compute counts too, since it decides on the work.
        """
        stage = self.stages[index]
        nodes = (*stage.before, stage.node_id, *stage.after)
        what = [(n.type, sorted(n.params.items(), key=lambda i: i[0])) for n in map(self.config.node, nodes)]
        what = [(t, [(k, v) for k, v in params if k not in _NOT_COMPUTED]) for t, params in what]
        digest = hashlib.sha256(repr(what).encode())
        for earlier in stage.takes:
            digest.update(self.stage_digest(earlier).encode())
        if stage.model is not None:
            with stage.model.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


_NOT_COMPUTED = ("devices", "policy", "in_flight", "model")


def make_plan(
    config: PipelineConfig,
    *,
    devices: tuple[str, ...] | None = None,
    policy: str | None = None,
    all_of_them: bool = True,
) -> ExecutionPlan:
    """Check the pipeline and settle its devices; `devices` and `policy` replace those of every inference node.

    Without `all_of_them` a stage goes on without a device whose driver hangs or crashes, where it has others.
    Raises PipelineInvalid with every problem, DeviceUnavailable naming a device that is not here.
    """
    changes: dict[str, JsonValue] = {}
    if devices:
        changes["devices"] = list(devices)
    if policy is not None:
        changes["policy"] = policy
    for node_id in [n.id for n in config.nodes if n.type == "inference"]:
        config = config.with_params(node_id, **changes)
    graph = Graph.build(config)
    if runs_in_one_process(config):
        raise InputError(no_devices_to_compare())
    return ExecutionPlan(
        config=graph.config,
        sources=tuple(node.id for node in graph.at(Place.SOURCE)),
        stages=_stages(graph, all_of_them),
        joins=graph.cut.joins(),
        sinks=tuple(node.id for node in graph.at(Place.SINK)),
    )


def _stages(graph: Graph, all_of_them: bool) -> tuple[StagePlan, ...]:
    cuts = graph.cut.stages()
    made_by = {export: index for index, cut in enumerate(cuts) for export in cut.exports}
    nodes = [graph.nodes[cut.node_id] for cut in cuts]
    models = [
        None if node.params.model == NO_MODEL else resolve_path(node.params.model, graph.config.base)
        for node in nodes
    ]
    silent: list[list[str]] = [[] for _ in nodes]
    asked = [
        (n.params.devices, n.id, model, None if all_of_them else left_out)
        for n, model, left_out in zip(nodes, models, silent, strict=True)
    ]
    pools = _pools(asked)
    return tuple(
        StagePlan(
            **{field.name: getattr(cut, field.name) for field in fields(cut)},
            index=index,
            model=models[index],
            takes=tuple(sorted({made_by[key] for key in cut.imports})),
            pool=pools[index],
            policy=nodes[index].params.policy,
            in_flight=nodes[index].params.in_flight,
            batch=nodes[index].params.batch,
            left_out=tuple(silent[index]),
        )
        for index, cut in enumerate(cuts)
    )


def _pools(
    asked: Sequence[tuple[tuple[str, ...], str, Path | None, list[str] | None]],
) -> list[tuple[PoolMember, ...]]:
    """Settle the pools of all stages (what `make_pool` takes) together, since they share the machine.

    A device that an earlier stage has already gets another worker: `onnx:cpu#2`.
    """
    if len(asked) == 1:
        return [make_pool(*asked[0])]
    pools = [make_pool(*stage) for stage in asked]  # checked, and with default devices
    ids = [DeviceId.parse(member.id) for pool in pools for member in pool]
    settled = registry.settle(tuple(ids))
    while (twice := next((n for n, device in enumerate(settled) if device in settled[:n]), None)) is not None:
        ids[twice] = replace(ids[twice], replica=ids[twice].replica + 1)
        settled = registry.settle(tuple(ids))
    names = iter(zip(map(str, ids), map(str, settled), strict=True))
    return [
        tuple(replace(m, id=i, settled=s) for m, (i, s) in zip(pool, names, strict=False)) for pool in pools
    ]


def make_pool(
    devices: tuple[str, ...],
    node: str = "",
    model: Path | None = None,
    left_out: list[str] | None = None,
) -> tuple[PoolMember, ...]:
    """Settle device ids into a pool; none given: every real device that is here and reads such a model file.

    With `left_out`, a device whose driver does not answer is told there in place of an error, where others are left.
    Raises InputError or DeviceUnavailable naming `node`.
    """
    try:
        ids = tuple(DeviceId.parse(text) for text in devices or default_devices(model))
        members: list[PoolMember] = []
        silent: DriverSilent | None = None
        if not ids:
            raise _no_reader(model)
        exclusive.refuse_second_workers(ids)
        for device, settled in zip(ids, registry.settle(ids), strict=True):
            registry.device_options(settled)
            try:
                info = registry.require_available(device, model)
            except DriverSilent as error:
                if left_out is None:
                    raise
                left_out.append(f"{device} was left out: {error.problems[0].reason()}")
                silent = silent or error
                continue
            registry.require_reader(device, model)
            precision.require_model(device, model)
            members.append(
                PoolMember(str(device), str(settled), info.simulated, name=info.name, kind=info.kind)
            )
        if silent is not None and not members:
            raise silent
    except InputError as error:
        raise type(error)(
            *(
                Problem(p.message, node, p.field or "devices", p.found, p.allowed, p.hint)
                for p in error.problems
            )
        ) from error
    names = [m.id for m in members]
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                Problem(
                    "a device is listed twice",
                    node=node,
                    field="devices",
                    found=name,
                    hint=f"For a second worker on the same device write {name}#2.",
                )
            )
    return tuple(members)


def _no_reader(model: Path | None) -> DeviceUnavailable:
    """Return the error for a model file that nothing here can read."""
    readers = [b for key, b in registry.backends().items() if not b.simulated and registry.reads(key, model)]
    extras = " or ".join(b.extra for b in readers if b.extra)
    return DeviceUnavailable(
        Problem(
            "no device here reads this model file",
            field="devices",
            found=model.name if model else "",
            allowed="files of " + ", ".join(b.title for b in readers),
            hint=f"Install {extras}." if extras else "`cluster4npu devices` lists what is here.",
        )
    )


def default_devices(model: Path | None = None) -> tuple[str, ...]:
    """Return the real devices of this machine that read such a model file: every accelerator, and the CPU once.

    Of several ids for one card (by its driver's name for it) only the first is taken.
    """
    here = (d for d in registry.detect(model) if d.available and not d.simulated)
    found = [d for d in here if registry.loads_as_it_is(d, model)]
    cpus = sorted((d for d in found if d.kind == "cpu"), key=lambda d: d.backend != "onnx")
    others: dict[str, str] = {}
    for device in found:
        if device.kind != "cpu":
            others.setdefault(device.hardware_id or device.id, device.id)
    return (*others.values(), *(d.id for d in cpus[:1]))
