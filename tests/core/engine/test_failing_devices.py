"""A device whose driver raises on every frame, on some, or from some frame on: real sessions, in real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.devices import registry
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import RunOptions, WorkerFailed
from cluster4npu.core.engine.suspects import MOST_IN_A_ROW
from cluster4npu.core.errors import InputError, RunFailed
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.vision.capture import quiet_cv2
from tests.backends import models

# A backend that is ONNX Runtime's, but for a driver that raises what drivers do: no error of ours.
FLAKY = """
from pathlib import Path
from pydantic import Field
from cluster4npu.backends.onnx import OnnxBackend, OnnxOptions
from cluster4npu.core.devices.backend import DeviceInfo


class FlakyOptions(OnnxOptions):
    first: int = Field(default=1)  # the frame from which on it raises; the blank one is number 1
    once: str = ""  # only in the first process: it leaves this file behind
    most_batch: int = Field(default=64)  # at once
    refuses: bool = False  # any model


class Mine(OnnxBackend):
    key = "flaky"
    title = "A driver that raises"
    Options = FlakyOptions

    def devices(self):
        return [DeviceInfo(id="flaky:cpu", name="flaky", kind="cpu", backend=self.key, precisions=("fp32",))]

    def load(self, model, device, options):
        from cluster4npu.core.devices.ids import DeviceId
        from cluster4npu.core.devices import registry
        from cluster4npu.core.errors import InputError, Problem
        if options.refuses:
            raise InputError(Problem("flaky does not know the operator Warp", field="model", hint="Export it anew."))
        cpu = DeviceId.parse("onnx:cpu?threads=1")
        session = registry.backend("onnx").load(model, cpu, OnnxOptions(threads=1))
        told, compute, seen = Path(options.once or "none"), session.infer, 0
        broken = not (options.once and told.exists())

        def infer(batch):
            nonlocal seen
            seen += 1
            if broken and seen >= options.first:
                if options.once:
                    told.touch()
                raise SystemError("CUDA error 719: unspecified launch failure")
            if len(batch) > options.most_batch:
                raise MemoryError("out of memory")
            return compute(batch)

        session.infer = infer
        return session
"""


@pytest.fixture(autouse=True)
def flaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the backend for this test and the processes that it starts."""
    (tmp_path / "flaky_backend.py").write_text(FLAKY)
    info = tmp_path / "flaky_backend-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flaky-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cluster4npu.backends]\nflaky = flaky_backend:Mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._discover.cache_clear()
    yield
    registry._discover.cache_clear()


Make = Callable[..., PipelineConfig]


@pytest.fixture
def pipeline(make_pipeline: Make, tmp_path: Path) -> Make:
    def make(*devices: str, batch: int | str = 1) -> PipelineConfig:
        path = models.conv(tmp_path / "net.onnx", size=(32, 32), batch=batch)
        return make_pipeline(*devices, model=str(path), width=64, height=64)

    return make


def ran(
    config: PipelineConfig, lost: list[WorkerFailed] | None = None, **options: object
) -> tuple[RunSummary, list[WorkerFailed]]:
    with Engine(config, RunOptions(**{"calibration": "never", **options})) as run:
        lost = [] if lost is None else lost
        lost.extend(event for event in run.events() if isinstance(event, WorkerFailed))
        return run.wait(60), lost


def test_where_the_only_device_fails_on_the_blank_frame_the_run_ends_with_one_error(pipeline: Make) -> None:
    with pytest.raises(RunFailed, match="CUDA error 719") as caught:
        ran(pipeline("flaky:cpu"), frames=20)
    (problem,) = caught.value.problems
    assert (problem.node, problem.field) == ("inference", "devices")
    assert "flaky:cpu" in problem.message and problem.hint


def test_a_device_that_fails_on_the_blank_frame_is_left_out_and_the_others_go_on(pipeline: Make) -> None:
    summary, lost = ran(pipeline("flaky:cpu", "onnx:cpu"), frames=20)
    assert [(event.device, event.final) for event in lost] == [("flaky:cpu", True)]
    assert (summary.frames_out, summary.frames_failed) == (20, 0)
    assert any("flaky:cpu was left out" in text and "CUDA error 719" in text for text in summary.warnings)


def test_a_device_that_refuses_the_model_is_named_and_the_others_go_on(pipeline: Make) -> None:
    summary, lost = ran(pipeline("flaky:cpu?refuses=1", "onnx:cpu"), frames=20)
    assert [(event.device, event.final, event.node) for event in lost] == [
        ("flaky:cpu?refuses=1", True, "inference")
    ]
    assert (summary.frames_out, summary.frames_failed) == (20, 0)
    (warning,) = summary.warnings
    assert "flaky:cpu?refuses=1 was left out" in warning and "Warp" in warning and "Export" in warning


def test_where_all_devices_refuse_the_model_the_run_ends_with_the_first_reason(pipeline: Make) -> None:
    lost: list[WorkerFailed] = []
    with pytest.raises(InputError, match="Warp") as caught:
        ran(pipeline("flaky:cpu?refuses=1", "flaky:cpu?refuses=1#2"), lost, frames=20)
    assert [p.node for p in caught.value.problems] == ["inference"]
    assert not lost  # it is the model: that is told once, and not for each device


def test_where_the_only_device_fails_on_every_frame_the_run_ends_with_one_error(pipeline: Make) -> None:
    with pytest.raises(RunFailed, match=r"every frame failed \(8\)") as caught:
        ran(pipeline("flaky:cpu?first=2"), frames=8)
    (problem,) = caught.value.problems
    assert problem.node == "inference" and "CUDA error 719" in problem.found and problem.hint


@pytest.mark.parametrize(
    ("calibration", "until"),
    [
        ("never", 1),
        ("always", 1),
        *(pytest.param(c, 99, marks=pytest.mark.soak) for c in ("never", "always")),
    ],
)
def test_a_device_that_fails_on_every_frame_costs_none_and_is_given_up(
    pipeline: Make, calibration: str, until: int
) -> None:
    """As any process that dies: the short form waits for the first death, the soak until the device is given up."""
    config = pipeline("flaky:cpu?first=2", "onnx:cpu")
    with Engine(config, RunOptions(calibration=calibration, results=True)) as run:
        lost, ids = [], []
        for event in run.events():
            ids += [result.frame_id for result in getattr(event, "results", ())]
            lost += [event] if isinstance(event, WorkerFailed) else []
            if ids and lost and (lost[-1].final or len(lost) >= until):
                run.stop(now=False)
        summary = run.wait(60)
    assert {event.device for event in lost} == {"flaky:cpu?first=2"} and lost[-1].final is (until > 1)
    assert all("frames in a row" in event.reason and "CUDA error 719" in event.reason for event in lost)
    assert ids == list(range(summary.frames_out)) and summary.frames_failed == 0
    by_id = {device.id: device for device in summary.devices}
    assert by_id["flaky:cpu?first=2"].frames == 0
    assert by_id["onnx:cpu"].frames == summary.frames_out > 0


def test_a_driver_that_breaks_during_the_run_gets_a_new_process(pipeline: Make, tmp_path: Path) -> None:
    once = tmp_path / "broken"
    summary, lost = ran(pipeline(f"flaky:cpu?first=20&once={once}"), frames=200)
    assert [event.final for event in lost] == [False] and summary.restarts == 1
    assert "frames in a row" in lost[0].reason
    assert summary.frames_in == 200 == summary.frames_out + summary.frames_failed
    assert MOST_IN_A_ROW <= summary.frames_failed < 2 * MOST_IN_A_ROW  # and what had been sent ahead


def test_frames_that_no_device_can_compute_are_told_and_nobody_is_blamed(
    make_pipeline: Make, tmp_path: Path
) -> None:
    model = models.fails_on_light(tmp_path / "picky.onnx", size=32)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(60):
        image = np.full((32, 32, 3), 250 if number % 15 > 8 else 10, np.uint8)
        assert quiet_cv2().imwrite(str(folder / f"{number:03}.png"), image)
    config = make_pipeline("onnx:cpu", "onnx:cpu#2", model=str(model))
    source = config.node("source").model_copy(
        update={"type": "image_folder", "params": {"path": str(folder)}}
    )
    summary, lost = ran(config.replace(nodes=(source, *config.nodes[1:])))
    assert not lost and summary.restarts == 0
    assert (summary.frames_failed, summary.frames_out) == (24, 36)
    assert "frame 9: " in summary.failures[0] and "the model could not be computed" in summary.failures[0]


def test_a_frame_that_another_device_computes_is_told(make_pipeline: Make) -> None:
    config = make_pipeline("sim:a?fail_at=3&ms=5", "sim:b?ms=5")
    summary, lost = ran(config, frames=40)
    assert not lost and (summary.frames_out, summary.frames_failed) == (40, 0)
    (warning,) = summary.warnings
    assert "failed on 1 frames, which other devices computed" in warning and "fail_at" in warning


def test_a_device_that_cannot_have_several_frames_at_once_gets_them_one_by_one(pipeline: Make) -> None:
    summary, lost = ran(pipeline("flaky:cpu?first=999&most_batch=1&batch=4", batch="N"), frames=30)
    assert not lost and (summary.frames_out, summary.frames_failed) == (30, 0)
    (warning,) = summary.warnings
    assert "flaky:cpu" in warning and "one by one" in warning and "out of memory" in warning
