"""What the store tells of one device: its parts in runs, in order, and its profile by model and precision."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster4npu.core.store.device_runs import profile
from cluster4npu.core.store.records import DeviceRecord, ModelRecord, ResultRecord
from cluster4npu.core.store.store import Store
from tests.core.store.records import record

MODEL = ModelRecord("a" * 64, "net.onnx", 1000)


def test_parts_and_profile_of_a_device(tmp_path: Path) -> None:
    with Store(tmp_path / "runs.duckdb") as store:
        for day, (fps, precision) in enumerate([(10.0, ""), (30.0, "int8"), (14.0, ""), (12.0, "")], 1):
            option = f"precision={precision}&" if precision else ""
            store.save(
                record(
                    created_at=datetime(2026, 1, day, tzinfo=UTC),
                    model=MODEL,
                    devices=(
                        DeviceRecord("onnx:cpu", f"onnx:cpu?{option}threads=1", unit="cpu"),
                        DeviceRecord("onnx:cpu#2", f"onnx:cpu?{option}threads=1#2", unit="cpu"),
                        DeviceRecord("sim:cpu", "sim:cpu?ms=100", simulated=True),
                    ),
                    results=(
                        ResultRecord("run", fps=3 * fps),
                        ResultRecord("run", "onnx:cpu", fps=fps, share=0.5),
                        ResultRecord("run", "onnx:cpu#2", fps=fps + 1, share=0.5),
                        ResultRecord("single", "onnx:cpu", fps=2 * fps),
                        ResultRecord("run", "sim:cpu", fps=5.0, simulated=True),
                    ),
                )
            )
        runs = store.device_runs("onnx:cpu")
        assert [run.fps for run in runs if run.device == "onnx:cpu" and not run.alone] == [10, 30, 14, 12]
        assert len(runs) == 12 and {run.model for run in runs} == {"net.onnx"}
        told = {(p.precision, p.alone): p for p in profile(runs)}
        assert set(told) == {("", False), ("", True), ("int8", False), ("int8", True)}
        assert told["", True].fps == pytest.approx(24.0) and told["", True].fps_best == 28.0
        assert told["", False].runs == 3 and told["int8", False].runs == 1
        assert profile(runs)[0].last == datetime(2026, 1, 4, tzinfo=UTC)
        assert {run.simulated for run in store.device_runs("sim:cpu")} == {True}
        assert store.device_runs("onnx:cuda:0") == () == profile(())
