"""The inference node: one model on a pool of devices."""

from __future__ import annotations

from pathlib import Path

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import MOST_BATCH
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model_package import is_model_file
from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.nodes.base import Node, NodeParams, Place, Port, PortType, param
from cluster4npu.core.scheduling import policy_types
from cluster4npu.core.settings import resolve_path

NO_MODEL = "none"


class Inference(Node):
    """Runs a model on every frame, spread over the devices of its pool."""

    type = "inference"
    title = "Inference"
    category = "Inference"
    description = "Runs a model on every frame, spread over several devices at once."
    place = Place.INFERENCE
    inputs = (Port("tensor", (PortType.TENSOR,)),)
    outputs = (Port("outputs", (PortType.OUTPUTS,)),)

    class Params(NodeParams):
        model: str = param(
            NO_MODEL,
            title="Model",
            description="Model file with one image input (.onnx; for PyTorch .pt, .pt2 or .safetensors; for Core ML "
            ".mlpackage); 'none' does nothing, for trying devices.",
            widget="file",
            file_filter="Models (*.onnx *.pt *.torchscript *.pt2 *.safetensors *.mlpackage *.mlmodel);;All files (*)",
            max_length=4096,
        )
        devices: tuple[str, ...] = param(
            (),
            title="Devices",
            description="The pool that shares the frames; empty: every real device found on this machine.",
            widget="devices",
            max_length=64,
        )
        policy: str = param(
            "adaptive",
            title="Scheduling policy",
            description="How frames are spread over the devices.",
            advanced=True,
            max_length=64,
        )
        in_flight: int | None = param(
            None,
            title="Requests in flight",
            description="Frames sent ahead to each worker of this stage; empty: as many as keep it busy.",
            unit="frames",
            ge=1,
            le=64,
            advanced=True,
        )
        batch: int | None = param(
            None,
            title="Batch",
            description="At most so many frames, or crops of a frame, go into the model at once, where the model takes "
            "several. Empty: crops one by one, and of frames as many as measuring shows to pay on each device.",
            ge=1,
            le=MOST_BATCH,
            advanced=True,
        )

    def problems(self) -> list[Problem]:
        found = []
        if self.params.model != NO_MODEL:
            path = resolve_path(self.params.model, self.base)
            if not is_model_file(path):
                found.append(
                    Problem(
                        "the model file is missing",
                        node=self.id,
                        field="model",
                        found=str(path),
                        allowed="an existing model file, or 'none'",
                        hint="Choose the model file in the node's panel.",
                        option=f"--set {self.id}.model=PATH",
                    )
                )
        found += self._device_problems()
        if self.params.policy not in policy_types():
            found.append(
                Problem(
                    "unknown scheduling policy",
                    node=self.id,
                    field="policy",
                    found=self.params.policy,
                    allowed=", ".join(policy_types()),
                    hint=nearest(self.params.policy, policy_types()) or "Choose one of those.",
                )
            )
        return found

    def _device_problems(self) -> list[Problem]:
        """Return what is wrong with the pool as it is written; what is here is looked at when a run starts."""
        found = []
        model = None if self.params.model == NO_MODEL else Path(self.params.model)
        seen: set[str] = set()
        for text in self.params.devices:
            try:
                parsed = DeviceId.parse(text)
                device = str(parsed)
                registry.device_options(registry.settle((parsed,))[0])
                registry.require_reader(parsed, model)
            except InputError as error:
                found += [
                    Problem(p.message, self.id, "devices", p.found, p.allowed, p.hint) for p in error.problems
                ]
                continue
            if device in seen:
                found.append(
                    Problem(
                        "a device is listed twice",
                        node=self.id,
                        field="devices",
                        found=device,
                        hint=f"For a second worker on the same device write {device}#2.",
                    )
                )
            seen.add(device)
        return found
