"""What the wizard's pages have gathered so far, and the pipeline that comes of it. Knows no widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig, Targets
from cluster4npu.core.pipeline.graph import find_problems, make_node
from cluster4npu.core.scheduling import policy_types
from cluster4npu.core.settings import BUNDLED_PREFIX
from cluster4npu.core.vision.capture import redact_url
from cluster4npu.templates import INFERENCE_NODE, PipelineTemplates, TemplateInfo
from cluster4npu.ui.text import tr

SOURCE_NODE = "source"


@dataclass(frozen=True, slots=True)
class Preference:
    """What to favour. `one_worker_each`: no device gets a second worker, so each frame has all its cores.

    `overload` is the source's setting of that name, "" to leave it.
    """

    key: str
    title: str
    description: str
    policy: str
    one_worker_each: bool = False
    overload: str = ""


PREFERENCES = (
    Preference(
        "balanced",
        "Balanced",
        "Each frame goes to the worker that will finish it first; the template says whether frames may be left out.",
        "adaptive",
    ),
    Preference(
        "throughput",
        "Throughput",
        "As many frames a second as possible: the same, and no frame is left out, however long it waits.",
        "adaptive",
        overload="block",
    ),
    Preference(
        "latency",
        "Low latency",
        "Each frame back as soon as possible: one worker a device, so that a frame gets all its cores; of frames that "
        "nobody is free for only the newest is kept.",
        "adaptive",
        one_worker_each=True,
        overload="latest",
    ),
)


@dataclass(slots=True)
class Draft:
    """The choices. `model` None: the template's own try-out; `source_params` belong to node type `source`."""

    template: str = ""
    model: str | None = None
    source: str = ""
    source_params: dict[str, JsonValue] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    targets: Targets = field(default_factory=Targets)
    preference: Preference = PREFERENCES[0]
    name: str = ""

    @property
    def info(self) -> TemplateInfo:
        """Return the chosen template."""
        return next(info for info in PipelineTemplates.catalogue() if info.key == self.template)

    @property
    def model_in_use(self) -> str:
        """Return the model as the pipeline's file will name it."""
        return self.model if self.model is not None else template_model(self.template)

    @property
    def simulated(self) -> bool:
        """Tell whether no model runs, so that only simulated devices make sense."""
        return self.model_in_use == NO_MODEL

    @property
    def workers(self) -> tuple[str, ...]:
        """Return the devices' ids as the preference leaves them."""
        if not self.preference.one_worker_each:
            return self.devices
        return tuple(d for d in self.devices if DeviceId.parse(d).replica == 1)

    def config(self) -> PipelineConfig:
        """Make the pipeline; `problems` tells what it still lacks."""
        config = PipelineTemplates.get(self.template, model=self.model, devices=self.workers)
        source = next(n for n in config.nodes if node_types()[n.type].place is Place.SOURCE)
        params = dict(self.source_params)
        if self.preference.overload:
            params["overload"] = self.preference.overload
        source = NodeConfig(id=source.id, type=self.source, params=params, position=source.position)
        config = config.with_node(source).with_params(INFERENCE_NODE, policy=self.preference.policy)
        return config.replace(targets=self.targets, name=self.name.strip() or config.name)

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with the pipeline as it stands."""
        return find_problems(self.config())

    def source_problems(self) -> list[Problem]:
        """Return what is wrong with the input alone."""
        entry = NodeConfig(id=SOURCE_NODE, type=self.source, params=dict(self.source_params))
        node, problems = make_node(entry, PipelineConfig(nodes=(entry,)))
        return problems if node is None else node.problems()

    def summary(self) -> list[tuple[str, str]]:
        """Return what will be made, as titles and values of plain text."""
        targets = []
        if self.targets.fps is not None:
            targets.append(tr("at least {0:g} frames/s").format(self.targets.fps))
        if self.targets.latency_p95_ms is not None:
            targets.append(tr("95% of the frames within {0:g} ms").format(self.targets.latency_p95_ms))
        policy = policy_types()[self.preference.policy]
        return [
            ("Use case", tr(self.info.title)),
            ("Input", self._input_text()),
            ("Model", model_text(self.model_in_use)),
            ("Devices", _devices_text(self.workers, self.devices)),
            ("Scheduling", tr(policy.title)),
            ("Targets", ", ".join(targets) or tr("none")),
            (
                "Nodes",
                " \N{RIGHTWARDS ARROW} ".join(tr(node_types()[n.type].title) for n in self.config().nodes),
            ),
        ]

    def _input_text(self) -> str:
        what = str(self.source_params.get("path", "")) or redact_url(str(self.source_params.get("url", "")))
        title = tr(node_types()[self.source].title)
        if what.startswith(BUNDLED_PREFIX):
            return tr("bundled clip {0}").format(what.removeprefix(BUNDLED_PREFIX))
        return f"{title}: {what}" if what else title


def template_model(key: str) -> str:
    """Return the model that a template runs as long as the user has given none."""
    return str(PipelineTemplates.get(key).node(INFERENCE_NODE).params.get("model", NO_MODEL))


def template_task(key: str) -> str:
    """Return what a template's model has to be for: detection or classification, "" for anything."""
    return PipelineTemplates.task(key)


def model_text(model: str) -> str:
    """Return a model's path for reading."""
    if model == NO_MODEL:
        return tr("none (does nothing; for trying devices)")
    if model.startswith(BUNDLED_PREFIX):
        told = tr("bundled {0} (a try-out: it knows handwritten digits only)")
        return told.format(model.removeprefix(BUNDLED_PREFIX))
    return model


def _devices_text(used: Sequence[str], chosen: Sequence[str]) -> str:
    text = ", ".join(used) or tr("none")
    left = len(chosen) - len(used)
    if not left:
        return text
    told = (
        tr("{0} (low latency leaves out {1} more)")
        if left > 1
        else tr("{0} (low latency leaves out one more)")
    )
    return told.format(text, left)
