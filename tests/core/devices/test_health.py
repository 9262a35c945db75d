"""Health: the system's own figures, judged by the sensor's own limits; what is not reported is None."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from cluster4npu.core.devices import health, history, sysfs_gpu
from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.health import cpu_health, health_of, hottest
from cluster4npu.core.devices.history import Sample
from cluster4npu.core.devices.limits import Temperature, judge


def sensor(current: float, high: float | None = None, critical: float | None = None) -> SimpleNamespace:
    return SimpleNamespace(label="", current=current, high=high, critical=critical)


def test_the_load_is_there_at_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_last", None)
    found = cpu_health()
    assert found.utilization is not None and 0 <= found.utilization <= 1
    assert found.status in {"ok", "warn", "fail"}
    assert found.power_w is None
    used = psutil.virtual_memory().total - psutil.virtual_memory().available
    assert found.memory_used_bytes == pytest.approx(used, rel=0.5)


def test_a_busy_processor_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    burn = "import time; t = time.time()\nwhile time.time() < t + 20: pass"
    busy = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(psutil.cpu_count() or 1)]
    try:
        monkeypatch.setattr(health, "_SAMPLE_S", 0.5)
        monkeypatch.setattr(health, "_last", None)
        assert (cpu_health().utilization or 0) > 0.7
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_sensors_that_are_not_the_processors_or_are_broken_are_not_reported() -> None:
    assert hottest({}) == Temperature()
    assert hottest({"acpitz": [sensor(27.8)], "nvme": [sensor(60)], "amdgpu": [sensor(70)]}) == Temperature()
    assert (
        hottest({"coretemp": [sensor(0), sensor(-1), sensor(float("nan")), sensor(65261.0)]}) == Temperature()
    )
    cores = {"acpitz": [sensor(99)], "coretemp": [sensor(50, 80, 100), sensor(61, 80, 100)]}
    assert hottest(cores) == Temperature(61, 80, 100)
    assert hottest({"cpu-thermal": [sensor(48.2)]}) == Temperature(48.2)


@pytest.mark.parametrize(
    ("temperature", "memory", "status", "word"),
    [
        (Temperature(50, 80, 100), 0.2, "ok", ""),
        (Temperature(), 0.2, "ok", "not reported"),
        (Temperature(80, 80, 100), 0.2, "warn", "80 deg C"),
        (Temperature(100, 80, 100), 0.2, "fail", "critical from 100"),
        (Temperature(96), None, "warn", "hot from 95"),
        (Temperature(94), None, "ok", ""),
        (Temperature(50, 80, 100), 0.97, "warn", "97% of its memory"),
    ],
)
def test_the_verdict_has_its_reason(
    temperature: Temperature, memory: float | None, status: str, word: str
) -> None:
    found, reason = judge(temperature, memory)
    assert found == status
    assert word in reason


def test_what_a_backend_tells_is_taken_and_the_rest_is_unknown() -> None:
    own = DeviceHealth(status="warn", reason="hot", temperature_c=88.0)
    assert health_of(DeviceInfo("stick:0", "Stick", "npu", "stick", health=own)) == own
    silent = health_of(DeviceInfo("stick:0", "Stick", "npu", "stick"))
    assert silent.status == "unknown" and silent.reason
    gone = health_of(DeviceInfo("stick:0", "Stick", "npu", "stick", available=False, reason="unplugged"))
    assert (gone.status, gone.reason) == ("unknown", "unplugged")


_PYNVML = """
class NVMLError(Exception):
    pass
NVML_TEMPERATURE_GPU, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN, NVML_TEMPERATURE_THRESHOLD_SHUTDOWN = 0, 1, 0
class Pair:
    def __init__(self, **values):
        self.__dict__.update(values)
def nvmlInit(): pass
def nvmlShutdown(): pass
def nvmlDeviceGetHandleByUUID(uuid):
    if uuid != "GPU-1":
        raise NVMLError("Not Found")
    return 1
def nvmlDeviceGetTemperature(handle, sensor): return 71
def nvmlDeviceGetTemperatureThreshold(handle, which): return [95, 90][which]
def nvmlDeviceGetUtilizationRates(handle): return Pair(gpu=40, memory=7)
def nvmlDeviceGetPowerUsage(handle): raise NVMLError("Not Supported")
def nvmlDeviceGetMemoryInfo(handle): return Pair(total=100, used=25, free=75)
"""


def test_nvml_is_asked_where_it_is_and_missing_where_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = DeviceInfo("torch:cuda:0", "GPU", "gpu", "torch", hardware_id="GPU-1")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert health_of(gpu) == DeviceHealth(reason="not reported; install nvidia-ml-py")
    monkeypatch.delitem(sys.modules, "pynvml")
    (tmp_path / "pynvml.py").write_text(_PYNVML, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = health_of(gpu)
    assert (found.status, found.temperature_c, found.utilization) == ("ok", 71.0, 0.4)
    assert (found.power_w, found.memory_used_bytes) == (None, 25)
    other = health_of(DeviceInfo("torch:cuda:1", "GPU", "gpu", "torch", hardware_id="GPU-2"))
    assert other.status == "unknown" and "Not Found" in other.reason
    sys.modules.pop("pynvml", None)


def test_history_survives_damage_and_keeps_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path))
    monkeypatch.setattr(history, "LONGEST", 3)
    for at in range(5):
        history.append("onnx:cpu", Sample(float(at), "ok"))
    assert [s.at for s in history.load("onnx:cpu")] == [2, 3, 4]
    assert history.load("onnx:gpu") == ()
    (file,) = (tmp_path / "devices").iterdir()
    file.write_bytes(file.read_bytes() + b'{"at": 5, "status"\xff\n{"other": 1}\n[1]\n')
    assert [s.at for s in history.load("onnx:cpu")] == [2, 3, 4]


def amd_card(devices: Path, **files: str) -> DeviceInfo:
    """Lay out a card as the kernel's driver amdgpu does; return the device that stands for it."""
    name = sysfs_gpu.hardware_id(0, 3, 0)
    card = devices / name.removeprefix(sysfs_gpu.PREFIX)
    (card / "hwmon/hwmon4").mkdir(parents=True)
    for file, text in files.items():
        folder = card / "hwmon/hwmon4" if file.startswith(("temp", "power")) else card
        (folder / file).write_text(text + "\n", encoding="ascii")
    return DeviceInfo("torch:cuda:0", "Instinct (ROCm)", "gpu", "torch", hardware_id=name)


def test_an_amd_card_is_read_from_sysfs(tmp_path: Path) -> None:
    told = {
        "gpu_busy_percent": "37",
        "mem_info_vram_used": str(6 << 30),
        "mem_info_vram_total": str(16 << 30),
        "temp1_input": "64000",
        "temp1_crit": "100000",
        "temp2_input": "81000",
        "temp2_crit": "110000",
        "power1_average": "215000000",
    }
    card = amd_card(tmp_path, **told)
    found = sysfs_gpu.health(card.hardware_id, tmp_path)
    assert (found.status, found.temperature_c, found.utilization, found.power_w) == ("ok", 81.0, 0.37, 215.0)
    assert found.memory_used_bytes == 6 << 30
    (tmp_path / "0000:03:00.0/hwmon/hwmon4/temp2_input").write_text("111000", encoding="ascii")
    assert sysfs_gpu.health(card.hardware_id, tmp_path).status == "fail"


def test_what_an_amd_card_does_not_tell_is_not_reported(tmp_path: Path) -> None:
    card = amd_card(tmp_path, temp1_input="0", gpu_busy_percent="busy")
    assert sysfs_gpu.health(card.hardware_id, tmp_path) == DeviceHealth(
        reason="its driver does not report on it"
    )
    assert health_of(card).status == "unknown"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("CPU_Scheduler_Limit \t= 100\nCPU_Speed_Limit \t= 62\n", "warn"),
        ("CPU_Speed_Limit \t= 100\n", "ok"),
        ("Note: No thermal warning level has been recorded\n", "ok"),
    ],
)
def test_a_mac_that_slows_down_for_its_heat_says_so(
    said: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_last", None)
    monkeypatch.setattr(health.sys, "platform", "darwin")
    monkeypatch.setattr(health, "judge", lambda *_: ("ok", ""))
    monkeypatch.setattr(health.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=said))
    found = cpu_health()
    assert found.status == status and ("62%" in found.reason) is (status == "warn")
    monkeypatch.setattr(health, "_last", None)
