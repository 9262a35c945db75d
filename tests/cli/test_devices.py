"""`cluster4npu devices` and `calibrate` against their contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster4npu.core.devices.exclusive import hold

FIELDS = {
    "id", "name", "kind", "backend", "available", "reason", "simulated", "memory_bytes", "precisions", "health",
}  # fmt: skip
HEALTH = {"status", "temperature_c", "utilization", "power_w"}


def test_devices_as_json(cli) -> None:
    done = cli("devices", "--json")
    assert done.code == 0
    devices = {device["id"]: device for device in done.json}
    assert {"onnx:cpu", "sim:ane", "sim:gpu", "sim:cpu"} <= devices.keys()
    for device in devices.values():
        assert device.keys() >= FIELDS and device["health"].keys() >= HEALTH
        assert device["available"] or device["reason"]
        assert device["simulated"] == device["id"].startswith("sim:")


def test_devices_for_people(cli) -> None:
    done = cli("devices")
    assert done.code == 0
    assert "onnx:cpu" in done.out
    assert all("SIMULATED" in line for line in done.out.splitlines() if line.startswith("sim:"))


def test_calibrate_measures_the_rates(cli, quick: Path) -> None:
    done = cli("calibrate", quick, "--devices", "sim:a?ms=5,sim:b?ms=20", "--json")
    assert done.code == 0, done.err
    devices = done.json["devices"]
    assert [d["id"] for d in devices] == ["sim:a?ms=5", "sim:b?ms=20"]
    assert all(d.keys() == {"id", "fps_alone", "fps_together", "weight", "batch", "stage"} for d in devices)
    assert sum(d["weight"] for d in devices) == pytest.approx(1)
    assert devices[0]["fps_alone"] > 2 * devices[1]["fps_alone"]


def test_what_a_failed_device_does_is_not_measured(
    cli, quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = "sim:a?ms=5&unplug_at=2&count_measuring=1,sim:b?ms=20"
    found = cli("calibrate", quick, "--devices", devices, "--json").json["devices"]
    assert [device["fps_alone"] is None for device in found] == [True, False]
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))
    with hold("sim:taken"):  # as another run would have it
        told = cli("calibrate", quick, "--devices", "sim:taken?ms=5&exclusive=1,sim:b?ms=20").out
    (row,) = [line for line in told.splitlines() if "sim:taken" in line]
    assert "not measured" in row


def test_calibrate_for_people(cli, quick: Path) -> None:
    done = cli("calibrate", quick)
    assert done.code == 0
    assert "sim:fast?ms=2" in done.out and "%" in done.out
