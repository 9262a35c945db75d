"""A device of another machine (this one, over TCP): the same results in the same order, and who is not let in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import numpy as np
import pytest

from benchmarks.common import null_pipeline
from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.core.devices import registry, remote
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.engine.messages import ResultsReady, WorkerFailed
from cluster4npu.core.errors import DeviceUnavailable, InputError, RunFailed
from tests.backends import models

KNOWN = "a secret of two machines"
Lend = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def lend(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[Lend]:
    """Return a starter of `cluster4npu worker`: its process, and its address, which is named here."""
    started = []
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))
    monkeypatch.setenv(remote.SECRET, KNOWN)

    def start(secret: str = KNOWN) -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "cluster4npu", "worker", "--listen", "127.0.0.1:0"]
        path = os.pathsep.join(part for part in sys.path if part)
        env = {**os.environ, "PYTHONPATH": path, remote.SECRET: secret}
        process = subprocess.Popen(
            [*command, "--device", "onnx:cpu?threads=1"], stderr=subprocess.PIPE, text=True, env=env
        )
        started.append(process)
        line = process.stderr.readline()
        assert line.startswith("Lending onnx:cpu"), line + process.stderr.read()
        address = line.split()[3]
        monkeypatch.setenv(remote.WORKERS, address)
        return process, address

    yield start
    for process in started:
        process.kill()
        process.communicate()
    registry._kept.clear()


@pytest.fixture
def config(tmp_path) -> PipelineConfig:
    """Return a pipeline whose results depend on the pixels of their frame."""
    return null_pipeline(model=str(models.conv(tmp_path / "model.onnx")), width=24, height=16)


def run(config: PipelineConfig, *devices: str, frames: int = 60, on_result=None, **options):
    """Return the results by frame id (device and values), what failed, and the summary."""
    found, failed, order = {}, [], []
    options = RunOptions(frames=frames, calibration="never", policy="smooth", results=True, **options)
    with Engine(config, options, devices=devices) as going:
        for event in going.events():
            if isinstance(event, WorkerFailed):
                failed.append(event)
            elif isinstance(event, ResultsReady):
                for result in event.results:
                    order.append(result.frame_id)
                    found[result.frame_id] = result.device, result.values["inference.outputs"].arrays[0]
                if on_result is not None:
                    on_result()
        summary = going.wait()
    assert order == list(range(frames))
    return found, failed, summary


def test_frames_come_in_order_with_the_same_answers_and_a_worker_that_goes_away_costs_none(
    lend: Lend, config: PipelineConfig
) -> None:
    process, address = lend()
    (info,) = registry.backend("remote").devices()
    assert (info.id, info.available, info.kind) == (f"remote:{address}", True, "cpu")
    devices = ("onnx:cpu?threads=1", f"remote:{address}")
    found, failed, summary = run(config, *devices)
    assert not failed and summary.out_of_order == 0
    here, there = summary.devices
    assert here.frames == there.frames == 30 and there.unit == f"cpu at {address}" and not there.fell_back
    again, failed, summary = run(config, *devices, frames=200, target_fps=200, on_result=process.kill)
    assert summary.frames_out == 200 and summary.frames_failed == 0
    assert failed and all(event.device == f"remote:{address}" for event in failed)
    mine = [frame for frame in found if again[frame][0] == devices[0] != found[frame][0]]
    assert mine  # computed there at first, and here after it was gone
    for frame in found:
        np.testing.assert_allclose(found[frame][1], again[frame][1], rtol=1e-5, atol=1e-6)


def test_who_has_another_secret_is_not_let_in(lend: Lend, monkeypatch) -> None:
    process, address = lend()
    monkeypatch.setenv(remote.SECRET, "a secret of nobody else")
    (info,) = registry.backend("remote").devices()
    assert not info.available and "another secret" in info.reason
    with pytest.raises(DeviceUnavailable, match="another secret"):
        remote.Link.to(address)
    assert "another secret was refused" in process.stderr.readline()
    monkeypatch.setenv(remote.SECRET, "short")
    with pytest.raises(InputError, match="need a secret"):
        remote.Link.to(address)


def test_the_secret_is_never_sent_and_who_does_not_know_it_is_not_believed(monkeypatch) -> None:
    """A stranger in the worker's place asks for the proof, is content with any, and has to give his own."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv(remote.SECRET, KNOWN)

        def pose() -> None:
            server.accept()[0].close()  # who only looks whether somebody is there
            with Connection(server.accept()[0].detach()) as stranger:
                stranger.send_bytes(b"#CHALLENGE#" + os.urandom(20))
                heard.append(stranger.recv_bytes())
                stranger.send_bytes(b"#WELCOME#")
                heard.append(stranger.recv_bytes())
                stranger.send_bytes(heard[0])
                heard.append(stranger.recv_bytes())

        posing = threading.Thread(target=pose)
        posing.start()
        with pytest.raises(DeviceUnavailable, match="another secret"):
            remote.Link.to("{}:{}".format(*server.getsockname()))
        posing.join()
    assert len(heard) == 3 and heard[-1] == b"#FAILURE#"
    assert not any(KNOWN.encode() in message for message in heard)


def test_noise_does_not_keep_others_out(lend: Lend) -> None:
    _, address = lend()
    for noise in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 1000):
        with socket.create_connection(remote.parse_address(address), 5) as stranger:
            stranger.sendall(noise)
            link = remote.Link.to(address)
            for head in (
                {"do": "infer"},
                {"do": "load", "sha256": "../../etc/passwd", "suffix": ".onnx"},
                {"do": 1},
            ):
                with pytest.raises((InputError, RunFailed)):
                    link.ask(head)
            assert link.ask({"do": "hello"})[0]["device"] == "onnx:cpu?threads=1"
            link.close()


def test_only_named_machines_are_connected_to(monkeypatch) -> None:
    monkeypatch.delenv(remote.WORKERS, raising=False)
    (info,) = registry.backend("remote").devices()
    assert not info.available and remote.WORKERS in info.remedy
    with pytest.raises(DeviceUnavailable, match="is not named here"):
        registry.backend("remote").load(None, DeviceId.parse("remote:127.0.0.1:9"), None)


@pytest.mark.parametrize("text", ["", "nowhere", "host:port", "host:99999", "a:b:1"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="no address"):
        remote.parse_address(text)
