"""What is run: a checked graph cut into source, stage and sinks, with the stage's pool of devices settled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, InputError, PipelineInvalid, Problem
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.rates import no_devices_to_compare, runs_in_one_process
from cluster4npu.core.settings import resolve_path


@dataclass(frozen=True, slots=True)
class PoolMember:
    """One worker of a pool: `id` as the user wrote it, `settled` with every option written out.

    `model` is the file that it loads in place of the stage's, where its precision needs another one.
    """

    id: str
    settled: str
    simulated: bool
    model: Path | None = None


@dataclass(frozen=True, slots=True)
class StagePlan:
    """The nodes around one inference node, in order, all run inside its workers.

    `exports` are the outputs (NODE.PORT) that sinks need; the frame itself is not among them.
    """

    node_id: str
    model: Path | None
    before: tuple[str, ...]
    after: tuple[str, ...]
    exports: tuple[str, ...]
    pool: tuple[PoolMember, ...]
    policy: str


@dataclass(frozen=True, slots=True)
class ExecutionPlan:
    """Everything that the manager needs, small enough to be sent to it."""

    config: PipelineConfig
    source: str
    stage: StagePlan
    sinks: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Tell whether any device of the pool is simulated."""
        return any(member.simulated for member in self.stage.pool)

    def stage_digest(self) -> str:
        """Return the SHA-256 (hex) of what a worker computes for a frame: nodes, parameters and the model's bytes."""
        nodes = (*self.stage.before, self.stage.node_id, *self.stage.after)
        what = [(n.type, sorted(n.params.items(), key=lambda i: i[0])) for n in map(self.config.node, nodes)]
        what = [
            (t, [(k, v) for k, v in params if k not in ("devices", "policy", "model")]) for t, params in what
        ]
        digest = hashlib.sha256(repr(what).encode())
        if self.stage.model is not None:
            with self.stage.model.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def make_plan(
    config: PipelineConfig, *, devices: tuple[str, ...] | None = None, policy: str | None = None
) -> ExecutionPlan:
    """Check the pipeline and settle its devices; `devices` and `policy` replace those of the inference node.

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
    (inference,) = graph.at(Place.INFERENCE)
    before = graph.upstream(inference.id)
    sinks = graph.at(Place.SINK)
    (source,) = graph.at(Place.SOURCE)
    workers = [n.id for n in graph.at(Place.WORKER)]
    needed = {n for sink in sinks for n in graph.upstream(sink.id)}
    exports = {
        f"{node}.{port}"
        for sink in sinks
        for node, port in graph.wires[sink.id].values()
        if node != source.id
    }
    for export in sorted(exports):
        node = export.split(".")[0]
        if node in before:
            raise PipelineInvalid(
                Problem(
                    "only results can be wired to an output node",
                    node=node,
                    found=export,
                    allowed=f"what comes after '{inference.id}'",
                    hint="Connect the output node behind the inference node.",
                )
            )
    model = None if inference.params.model == NO_MODEL else resolve_path(inference.params.model, config.base)
    return ExecutionPlan(
        config=graph.config,
        source=source.id,
        stage=StagePlan(
            node_id=inference.id,
            model=model,
            before=tuple(n for n in workers if n in before),
            after=tuple(n for n in workers if n not in before and n in needed),
            exports=tuple(sorted(exports)),
            pool=make_pool(inference.params.devices, inference.id, model),
            policy=inference.params.policy,
        ),
        sinks=tuple(s.id for s in sinks),
    )


def make_pool(devices: tuple[str, ...], node: str = "", model: Path | None = None) -> tuple[PoolMember, ...]:
    """Settle device ids into a pool; none given: every real device that is here and reads such a model file.

    Raises InputError or DeviceUnavailable naming `node`.
    """
    try:
        ids = tuple(DeviceId.parse(text) for text in devices or default_devices(model))
        members = []
        if not ids:
            raise _no_reader(model)
        for device, settled in zip(ids, registry.settle(ids), strict=True):
            registry.device_options(settled)
            registry.require_available(device)
            registry.require_reader(device, model)
            members.append(PoolMember(str(device), str(settled), registry.backend(device.backend).simulated))
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
    found = [d for d in registry.detect(model) if d.available and not d.simulated]
    cpus = sorted((d for d in found if d.kind == "cpu"), key=lambda d: d.backend != "onnx")
    others: dict[str, str] = {}
    for device in found:
        if device.kind != "cpu":
            others.setdefault(device.hardware_id or device.id, device.id)
    return (*others.values(), *(d.id for d in cpus[:1]))
