"""Ready pipelines: one JSON file each beside this one (nothing else lists them), and their loader."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model_report import CLASSIFICATION, DETECTION
from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.templates import user
from cluster4npu.templates.file import TemplateFile

INFERENCE_NODE = "inference"
MAX_DEVICES = 64
_TASKS = ("detections", "classify", "none")
_COLUMN_PX = 240.0
_ROW_PX = 90.0


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """What a list of templates shows. `model_needed`: it is of use only with a model of the user's own.

    `has_devices`: it has an inference node, so that there are devices to choose.
    """

    key: str
    title: str
    description: str
    use_case: str
    model_needed: bool
    has_devices: bool = True
    own: bool = False  # the user's


GOALS = ("balanced", "throughput", "latency")


@cache
def _bundled() -> dict[str, TemplateFile]:
    """Return every template that ships with the program by key: simple ones before those that need a model."""
    folder = Path(__file__).parent
    found = {path.stem: TemplateFile.read(path) for path in sorted(folder.glob("*.json"))}
    return dict(sorted(found.items(), key=lambda item: (item[1].model_needed, item[1].title)))


def _files() -> dict[str, TemplateFile]:
    """Return all templates by key: those that ship with the program, then the user's own."""
    return {**_bundled(), **user.templates()}


class PipelineTemplates:
    """Makes pipelines from the templates."""

    @staticmethod
    def names() -> list[str]:
        """Return the key of every template."""
        return list(_files())

    @staticmethod
    def outline(key: str) -> PipelineConfig:
        """Return the template's pipeline as it is drawn, whatever devices are here; raises KeyError."""
        return _files()[key].pipeline

    @staticmethod
    def task(key: str) -> str:
        """Return what a template's model has to be for: detection or classification, "" for anything."""
        config = PipelineTemplates.get(key)
        readers = {edge.target_node for edge in config.edges if edge.source == f"{INFERENCE_NODE}.outputs"}
        kinds = {config.node(reader).type for reader in readers}
        return DETECTION if "detections" in kinds else CLASSIFICATION if "classify" in kinds else ""

    @staticmethod
    def catalogue() -> list[TemplateInfo]:
        """Return what there is to choose from."""
        return [
            TemplateInfo(
                key,
                file.title,
                _sentences(file.description, file.try_out),
                file.use_case,
                file.model_needed,
                _has_inference(file.pipeline),
                key.startswith(user.PREFIX),
            )
            for key, file in _files().items()
        ]

    @staticmethod
    def described(name: str, *, own_model: bool) -> str:
        """Return what a template does; without a model of the user's own, also what runs in its place."""
        file = _file(name)
        return _sentences(file.description, "" if own_model else file.try_out)

    @staticmethod
    def save_own(config: PipelineConfig, title: str, use_case: str = "") -> tuple[str, list[str]]:
        """Keep a pipeline as a template of the user's; return its key and the parameters that were left out.

        Files and addresses of this machine do not belong into a template: they are left at their defaults.
        """
        return user.save(config, title, use_case)

    @staticmethod
    def share(name: str, path: Path) -> None:
        """Write a template into a file for others; raises InputError."""
        user.write(_file(name), path)

    @staticmethod
    def take(path: Path) -> tuple[str, list[str]]:
        """Take over a template file from somebody else as `save_own` does; raises InputError when it is none."""
        return user.take(path)

    @staticmethod
    def remove_own(name: str) -> None:
        """Delete a template of the user's; raises InputError for any other."""
        user.remove(name)

    @staticmethod
    def get(
        name: str, *, model: str | None = None, devices: Sequence[str] = (), goal: str = "balanced"
    ) -> PipelineConfig:
        """Make a pipeline from a template; raises InputError for an unknown name or goal.

        `model` is a path as it shall stand in the file; None leaves the template's own, and the description
        says what that is. `devices` are device ids; none leaves those of the template, or (with a `model`)
        every real device. `goal`: "throughput" takes every frame and keeps all devices busy, "latency" keeps only
        the newest frame waiting, "balanced" leaves the template's own settings.
        """
        file = _file(name)
        params: dict[str, JsonValue] = {}
        if model is not None:
            params = {"model": model, "devices": []}
        if devices:
            params["devices"] = list(devices)
        described = _sentences(file.description, "" if model is not None else file.try_out)
        config = file.pipeline.replace(description=described)
        if params and not _has_inference(config):
            raise InputError(
                Problem(
                    "this template computes without a model, so it has no devices to choose",
                    field="model" if model is not None else "devices",
                    found=model or ", ".join(devices),
                    hint="Leave --model and --devices out.",
                )
            )
        if params:
            config = config.with_params(INFERENCE_NODE, **params)
        return _with_goal(config, goal)

    @staticmethod
    def get_object_detection_template(device_count: int = 2, goal: str = "balanced") -> PipelineConfig:
        """Make the object detection pipeline on this many CPU workers."""
        return PipelineTemplates.get("object_detection", devices=cpu_workers(device_count), goal=goal)

    @staticmethod
    def get_classification_template(device_count: int = 2, goal: str = "balanced") -> PipelineConfig:
        """Make the classification pipeline on CPU workers; it names what you want only with a model that does."""
        return PipelineTemplates.get("classification", devices=cpu_workers(device_count), goal=goal)

    @staticmethod
    def get_fire_detection_template(device_count: int = 2, goal: str = "balanced") -> PipelineConfig:
        """Make the fire detection pipeline on CPU workers; it detects fire only with a model that does."""
        return PipelineTemplates.get("fire_detection", devices=cpu_workers(device_count), goal=goal)

    @staticmethod
    def get_simulated_template(device_count: int = 3, goal: str = "balanced") -> PipelineConfig:
        """Make the simulated pipeline: on the reference three devices, then on more of the same speeds."""
        return PipelineTemplates.get("simulated", devices=simulated_devices(device_count), goal=goal)

    @staticmethod
    def create_custom_template(
        name: str,
        *,
        source: str = "video_file",
        source_params: Mapping[str, JsonValue] | None = None,
        model: str = "none",
        task: str = "detections",
        devices: Sequence[str] = (),
        policy: str | None = None,
        sinks: Sequence[str] = ("preview", "count"),
        description: str = "",
    ) -> PipelineConfig:
        """Make a pipeline in the default shape from node types.

        `task` is "detections", "classify" or "none" (raw outputs); `source` and `sinks` are node types, each
        sink at most once. Raises InputError for what is none of these, for a name that no file can hold, and for
        what is no device id. `find_problems` tells what the pipeline still lacks.
        """
        types = node_types()
        _require("source", [source], [key for key in types if types[key].place is Place.SOURCE])
        _require("task", [task], _TASKS)
        _require("sinks", sinks, [key for key in types if types[key].place is Place.SINK])
        for device in devices:
            DeviceId.parse(device)
        inference: dict[str, JsonValue] = {"model": model, "devices": list(devices)}
        if policy is not None:
            inference["policy"] = policy
        chain = [
            NodeConfig(id="source", type=source, params=dict(source_params or {})),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(id=INFERENCE_NODE, type="inference", params=inference),
        ]
        wires = [("source.frame", "preprocess.frame"), ("preprocess.tensor", f"{INFERENCE_NODE}.tensor")]
        result = f"{INFERENCE_NODE}.outputs"
        if task != "none":
            port = "classes" if task == "classify" else task
            chain.append(NodeConfig(id=port, type=task))
            wires.append((result, f"{port}.outputs"))
            result = f"{port}.{port}"
        ends = [NodeConfig(id=sink, type=sink) for sink in sinks]
        wires += [("source.frame", "preview.frame")] if "preview" in sinks else []
        wires += [(result, f"{sink}.result") for sink in sinks]
        config = PipelineConfig(
            nodes=_laid_out(chain, ends),
            edges=tuple(EdgeConfig(source=a, target=b) for a, b in wires),
        )
        data = json.loads(config.text()) | {"name": name, "description": description}
        return PipelineConfig.parse(json.dumps(data), origin="the template")  # raises InputError


def _require(field: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    """Raise InputError unless each of these is allowed, and none stands there twice."""
    if isinstance(given, str):
        raise InputError(
            Problem("several are wanted, as a list", field=field, found=given, hint=f'Write ["{given}"].')
        )
    for name in given:
        if name not in allowed:
            raise InputError(
                Problem(
                    "this cannot stand here",
                    field=field,
                    found=str(name),
                    allowed=", ".join(allowed),
                    hint=nearest(str(name), allowed),
                )
            )
    if len(set(given)) < len(given):
        raise InputError(
            Problem("a node stands there twice", field=field, found=", ".join(given), allowed="each once")
        )


def _file(name: str) -> TemplateFile:
    files = _files()
    if name not in files:
        raise InputError(
            Problem(
                "there is no such template",
                field="template",
                found=name,
                allowed=", ".join(files),
                hint=nearest(name, files) or "`cluster4npu templates` lists them.",
            )
        )
    return files[name]


def _with_goal(config: PipelineConfig, goal: str) -> PipelineConfig:
    """Return the pipeline with the settings for a goal."""
    if goal not in GOALS:
        raise InputError(
            Problem(
                "there is no such goal",
                field="goal",
                found=goal,
                allowed=", ".join(GOALS),
                hint=nearest(goal, GOALS) or "Choose one of those.",
            )
        )
    if goal == "balanced":
        return config
    overload = "block" if goal == "throughput" else "latest"
    types = node_types()
    for node in config.nodes:
        if node.type in types and types[node.type].place is Place.SOURCE:
            config = config.with_params(node.id, overload=overload)
        if node.type == "inference":
            config = config.with_params(node.id, policy="adaptive")
    return config


def cpu_workers(count: int) -> list[str]:
    """Return the ids of this many workers of the CPU, which is the one device that every machine has."""
    return [_replica("onnx:cpu", number) for number in range(1, _checked(count) + 1)]


def simulated_devices(count: int) -> list[str]:
    """Return this many simulated devices: 20, 50 and 100 ms a frame, then the same again."""
    trio = ("sim:ane", "sim:gpu", "sim:cpu")
    return [_replica(trio[index % 3], index // 3 + 1) for index in range(_checked(count))]


def _replica(device: str, number: int) -> str:
    return device if number == 1 else f"{device}#{number}"


def _checked(count: object) -> int:
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_DEVICES:
        raise InputError(
            Problem(
                "this is not a number of devices that a template can be made for",
                field="devices",
                found=repr(count),
                allowed=f"1 to {MAX_DEVICES}",
                hint="Choose a number in that range.",
            )
        )
    return count


def _laid_out(chain: Sequence[NodeConfig], ends: Sequence[NodeConfig]) -> tuple[NodeConfig, ...]:
    """Place the chain from left to right, and the ends in a column behind it, around the same middle."""
    top = -_ROW_PX * (len(ends) - 1)
    return (
        *(node.model_copy(update={"position": (_COLUMN_PX * i, 0.0)}) for i, node in enumerate(chain)),
        *(
            node.model_copy(update={"position": (_COLUMN_PX * len(chain), top + 2 * _ROW_PX * row)})
            for row, node in enumerate(ends)
        ),
    )


def _has_inference(pipeline: PipelineConfig) -> bool:
    return any(node.id == INFERENCE_NODE for node in pipeline.nodes)


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)
