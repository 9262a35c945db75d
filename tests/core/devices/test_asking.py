"""Backends are asked for their devices in a process of their own: what hangs or crashes there takes nobody with it."""

from __future__ import annotations

from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from cluster4npu.core.bench.pool import make_benchmark_pool
from cluster4npu.core.devices import asking, registry
from cluster4npu.core.devices.backend import Absence, DeviceInfo
from cluster4npu.core.devices.detect import cpu_name
from cluster4npu.core.errors import DeviceUnavailable
from cluster4npu.core.pipeline.plan import default_devices, make_pool
from cluster4npu.templates import PipelineTemplates

SOURCE = """
import os, time
from cluster4npu.core.devices.backend import Backend, DeviceInfo


class Mine(Backend):
    key = "{key}"
    title = "Mine"

    def devices(self):
        print("a driver that talks")
        {does}
        return [DeviceInfo(id="{key}:0", name="mine", kind="npu", backend="{key}", precisions=("int8",))]

    def load(self, model, device, options):
        raise NotImplementedError
"""
DOES = {"hangs": "time.sleep(600)", "aborts": "os.abort()", "leaves": "os._exit(3)", "fine": "pass"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four packages, of which one is sound."""
    for key, does in DOES.items():
        (tmp_path / f"{key}_backend.py").write_text(SOURCE.format(key=key, does=does))
        info = tmp_path / f"{key}_backend-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {key}-backend\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{key} = {key}_backend:Mine\n")
    monkeypatch.syspath_prepend(tmp_path)


def test_a_driver_that_hangs_or_crashes_is_told_and_the_others_answer(installed: None) -> None:
    lines: list[str] = []
    names = ["entry:aborts", "entry:hangs", "entry:fine", "entry:leaves", "own:sim"]
    answers = asking.ask(names, limit_s=1.0, told=lines.append)
    assert list(answers) == names
    assert "ended the process" in str(answers["entry:aborts"])
    assert "code 3" in str(answers["entry:leaves"])
    assert answers["entry:hangs"] == "it did not list its devices within 1 s"
    assert [line for line in lines if "'hangs'" in line] == [
        "waiting for 'hangs' to list its devices, 1 s at most"
    ]
    (fine,) = answers["entry:fine"]
    assert (fine.id, fine.precisions) == ("fine:0", ("int8",))
    assert answers["own:sim"] == registry.own()["sim"].devices()


def test_what_was_asked_once_is_known_to_the_processes_of_a_run(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(asking._KNOWN, "{}")
    entries = [e for e in entry_points(group=registry.GROUP) if e.name in ("fine", "leaves")]
    first = asking.why_broken(entries)
    assert first["fine"] == "" and "ended the process" in first["leaves"]
    monkeypatch.setattr(asking, "ask", lambda names: {} if not names else pytest.fail("asked again"))
    assert asking.why_broken(entries) == first


def test_all_backends_answer_apart_as_they_do_here() -> None:
    here = {key: registry.devices_of(backend) for key, backend in registry.backends().items()}
    assert {d.id for d in registry.detect(age_s=0.0)} == {d.id for listed in here.values() for d in listed}
    assert {key: registry.listed(key) for key in here} == here  # as they have answered just now


@pytest.mark.parametrize(
    ("does", "told"), [("time.sleep(600)", "within 1 s"), ("os.abort()", "ended the process")]
)
def test_a_driver_of_our_own_backends_that_hangs_or_crashes_costs_a_run_only_its_device(
    does: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openvino.py").write_text(f"import os, time\n{does}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_kept", {})
    monkeypatch.setattr(registry, "ask", partial(asking.ask, limit_s=1.0))
    assert default_devices(Path("model.onnx"))[-1] == "onnx:cpu"
    with pytest.raises(DeviceUnavailable, match="openvino") as caught:
        make_pool(("onnx:cpu", "openvino:cpu"), "inference")
    (problem,) = caught.value.problems
    assert problem.node == "inference" and told in problem.found and problem.hint
    left_out: list[str] = []
    (member,) = make_pool(("openvino:cpu", "onnx:cpu"), "inference", None, left_out)
    assert (member.id, member.name) == ("onnx:cpu", cpu_name())
    assert "openvino:cpu was left out" in left_out[0] and told in left_out[0]
    with pytest.raises(DeviceUnavailable, match="does not answer"):
        make_pool(("openvino:cpu",), "inference", None, left_out)
    example = PipelineTemplates.get("simulated", devices=["openvino:cpu", "sim:ane"])
    pool = make_benchmark_pool(example)
    assert pool.union == ("sim:ane?ms=20",) and told in pool.left_out[0]


def test_a_device_that_is_not_here_is_told_with_the_remedy_and_with_what_runs_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Absence("no driver", "install the driver").of(DeviceInfo("onnx:cuda:0", "Card", "gpu", "onnx"))
    cpus = [DeviceInfo(f"{key}:cpu", "CPU", "cpu", key) for key in ("onnx", "openvino", "torch")]
    kept = {key: [info for info in (card, *cpus) if info.backend == key] for key in registry.backends()}
    monkeypatch.setattr(registry, "_ask", lambda keys, *_: {key: kept[key] for key in keys})
    with pytest.raises(DeviceUnavailable) as caught:
        make_pool(("onnx:cuda:0",), "inference", Path("model.onnx"))
    (problem,) = caught.value.problems
    assert (problem.found, problem.allowed) == ("no driver", "onnx:cpu, openvino:cpu")
    assert problem.hint == "Install the driver, or choose another device."
    assert card.reason == "no driver; install the driver"
