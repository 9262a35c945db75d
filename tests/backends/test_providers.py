"""ONNX Runtime's execution providers: what is offered, why something is not, and what really ran."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cluster4npu.backends import cuda_driver, onnx, onnx_providers
from cluster4npu.backends.onnx_providers import CPU, PROVIDERS, Provider, describe, provider_of
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Absence, DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.truth import UNKNOWN, fell_back
from cluster4npu.core.errors import DeviceUnavailable
from cluster4npu.core.pipeline.plan import default_devices
from tests.backends import models

BY_UNIT = {provider.unit: provider for provider in PROVIDERS}


def runtime(*names: str, cards: int = 0) -> SimpleNamespace:
    """Return an ONNX Runtime whose wheel has these providers, and so many cards of the last one."""
    told = [SimpleNamespace(ep_name=names[-1]) for _ in range(cards)]
    return SimpleNamespace(get_available_providers=lambda: [*names, CPU], get_ep_devices=lambda: told)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.unit)
def test_every_provider_is_listed_or_says_what_to_do(provider: Provider) -> None:
    (here,) = describe(provider, runtime("SomeExecutionProvider"))
    found = provider_of(DeviceId.parse(here.id))
    assert found is not None and found[0] is provider
    assert here.available == (provider.unit == "cpu")
    assert here.available or "only on" in here.reason or provider.wheel in here.reason


@pytest.mark.parametrize(
    ("unit", "system", "cards", "ids"),
    [
        ("migraphx", "linux", 0, ["onnx:migraphx:0"]),
        ("migraphx", "linux", 2, ["onnx:migraphx:0", "onnx:migraphx:1"]),
        ("directml", "win32", 2, ["onnx:directml:0", "onnx:directml:1"]),
        ("qnn", "win32", 1, ["onnx:qnn"]),
        ("coreml", "darwin", 0, ["onnx:coreml"]),
        ("openvino", "linux", 0, ["onnx:openvino"]),
    ],
)
def test_what_the_wheel_has_is_offered(
    unit: str, system: str, cards: int, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_providers.sys, "platform", system)
    found = describe(BY_UNIT[unit], runtime(BY_UNIT[unit].name, cards=cards))
    assert [info.id for info in found] == ids
    assert all(info.available and info.kind == BY_UNIT[unit].kind for info in found)


def test_what_tensorrt_leaves_goes_to_the_same_card() -> None:
    chain = onnx._providers(SimpleNamespace(), None, DeviceId.parse("onnx:tensorrt:1"))
    assert [name for name, _ in chain[:-1]] == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    assert [options["device_id"] for _, options in chain[:-1]] == [1, 1] and chain[-1] == CPU
    assert chain[1][1]["use_tf32"] == 0


def test_a_wheel_with_cuda_on_a_machine_without_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_providers.sys, "platform", "linux")
    monkeypatch.setattr(cuda_driver, "cards", lambda: Absence("there is no NVIDIA driver here", "install it"))
    (info,) = describe(BY_UNIT["cuda"], runtime("CUDAExecutionProvider"))
    assert not info.available and "NVIDIA driver" in info.reason


class Driver:
    """An NVIDIA driver with two cards, or one that fails."""

    def __init__(self, code: int = 0, count: int = 2) -> None:
        self._code, self._count = code, count

    def cuInit(self, _flags):  # noqa: N802 - the driver's own names
        return self._code

    def cuDeviceGetCount(self, count):  # noqa: N802
        count._obj.value = self._count
        return 0

    def cuDeviceGet(self, handle, index):  # noqa: N802
        handle._obj.value = index + 7
        return 0

    def cuDeviceGetName(self, name, size, handle):  # noqa: N802
        name.value = f"Card {handle.value}".encode()[:size]
        return 0

    def cuDeviceTotalMem_v2(self, memory, _handle):  # noqa: N802
        memory._obj.value = 24 << 30
        return 0

    def cuDeviceGetUuid(self, identity, handle):  # noqa: N802
        ctypes.memset(identity, handle.value, 16)
        return 0


def test_cards_as_the_driver_tells_them() -> None:
    first, second = cuda_driver.cards(Driver())
    assert (first.index, first.name, first.memory_bytes) == (0, "Card 7", 24 << 30)
    assert second.uuid == "GPU-08080808-0808-0808-0808-080808080808"
    assert "999" in str(cuda_driver.cards(Driver(code=999)))
    assert "CUDA_VISIBLE_DEVICES" in str(cuda_driver.cards(Driver(count=0)))


def test_a_card_with_two_ids_is_used_once(monkeypatch: pytest.MonkeyPatch) -> None:
    card = {"name": "Card", "kind": "gpu", "backend": "onnx"}
    found = [
        DeviceInfo("onnx:cpu", "CPU", "cpu", "onnx"),
        DeviceInfo("onnx:cuda:0", **card, hardware_id="GPU-1"),
        DeviceInfo("onnx:tensorrt:0", **card, hardware_id="GPU-1"),
        DeviceInfo("onnx:cuda:1", **card, hardware_id="GPU-2"),
        DeviceInfo("openvino:gpu", **card),
    ]
    monkeypatch.setattr(registry, "detect", lambda _model=None: found)
    assert default_devices() == ("onnx:cuda:0", "onnx:cuda:1", "openvino:gpu", "onnx:cpu")


# A provider of every wheel that computes nothing of an ordinary model: what it leaves falls to the processor.
IDLE = Provider(
    "idle", "AzureExecutionProvider", "Idle", "npu", ("fp32",), "none", ("linux", "darwin", "win32")
)


def test_an_accelerator_that_leaves_all_to_the_processor_is_found_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if IDLE.name not in onnx._runtime().get_available_providers():
        pytest.skip("this wheel has no provider that computes nothing")
    for module in (onnx, onnx_providers):
        monkeypatch.setattr(module, "PROVIDERS", (*PROVIDERS, IDLE))
    device = DeviceId.parse("onnx:idle")
    backend = registry.backend("onnx")
    assert "onnx:idle" in [info.id for info in backend.devices()]
    session = backend.load(models.conv(tmp_path / "m.onnx"), device, backend.Options())
    assert session.infer(np.zeros((1, 3, 16, 24), np.float32))
    assert session.unit == "cpu" and session.unit_detail == "2 nodes on cpu"
    assert fell_back("onnx:idle", session.unit)


def test_what_the_nodes_were_given_to() -> None:
    def group(name: str, nodes: int) -> SimpleNamespace:
        return SimpleNamespace(ep_name=name, get_nodes=lambda: [None] * nodes)

    groups = [group(CPU, 2), group("CUDAExecutionProvider", 100), group("CUDAExecutionProvider", 18)]
    session = SimpleNamespace(
        get_provider_graph_assignment_info=lambda: groups,
        get_providers=lambda: ["CUDAExecutionProvider", CPU],
    )
    assert onnx.placement(session) == ("cuda + cpu", "118 nodes on cuda, 2 on cpu")
    old = SimpleNamespace(get_providers=lambda: ["CUDAExecutionProvider", CPU])
    assert onnx.placement(old) == ("unknown", "")
    left = SimpleNamespace(get_providers=lambda: [CPU])
    assert onnx.placement(left) == ("cpu", "")


@pytest.mark.parametrize(
    ("device", "unit", "flagged"),
    [
        ("onnx:cuda:0", "cpu", True),
        ("onnx:cuda:0", "cuda + cpu", False),
        ("onnx:cuda:0", "unknown", False),
        ("onnx:cpu?threads=1#2", "cpu", False),
        ("openvino:gpu", "cpu", True),
        ("sim:gpu?ms=1&runs_on=cpu", "simulated cpu", True),
        ("sim:cpu", "simulated cpu", False),
        ("no id", "cpu", False),
    ],
)
def test_a_fallback_is_told_by_one_rule(device: str, unit: str, flagged: bool) -> None:
    assert fell_back(device, unit) is flagged


@pytest.mark.parametrize("device", ["onnx:cuda", "onnx:cpu:1", "onnx:coreml:0", "onnx:warp"])
def test_a_unit_that_is_none(device: str) -> None:
    backend = registry.backend("onnx")
    with pytest.raises(DeviceUnavailable, match="there is no device"):
        backend.load(None, DeviceId.parse(device), backend.Options())


def test_a_provider_that_chooses_its_unit_itself_is_unknown_and_no_accelerator() -> None:
    assert onnx_providers.unit_names()["CoreMLExecutionProvider"] == UNKNOWN
    openvino = BY_UNIT["openvino"]
    assert openvino.options(0, "") == {"device_type": "CPU"} and openvino.kind == "cpu"
    assert not fell_back("onnx:openvino", onnx_providers.unit_names()[openvino.name])
