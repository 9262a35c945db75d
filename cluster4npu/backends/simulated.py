"""Simulated devices of any speed: they compute nothing and take an exact time for it."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from cluster4npu.core.devices.backend import Backend, DeviceHealth, DeviceInfo, DeviceOptions, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.null import NULL_MODEL
from cluster4npu.core.errors import DeviceUnavailable, Problem, RunFailed, nearest

# The reference calibration: milliseconds a frame of the bare trio (80 frames/s together).
REFERENCE_MS = {"ane": 20.0, "gpu": 50.0, "cpu": 100.0}

# A frame that comes this soon after the last one was done counts as having waited for it: part of the
# service time, and seconds at most.
_QUEUED_SHARE = 0.1
_QUEUED_MOST_S = 0.002

_STAMP = struct.Struct("=Q")


class SimulatedOptions(DeviceOptions):
    """What may stand behind the `?` of a simulated device."""

    ms: float | None = Field(default=None, ge=0, le=60_000, description="Service time of a frame, in ms.")
    jitter: float = Field(
        default=0.0, ge=0, le=1, description="Service times vary evenly by this part of ms."
    )
    seed: int = Field(default=0, ge=0, description="Seed of the jitter.")
    drift: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="From `drift_after` frames on, service takes so many times as long.",
    )
    drift_after: int = Field(
        default=0, ge=0, description="Frames of the run that it computes before it drifts."
    )
    fail_at: int | None = Field(
        default=None, ge=1, description="Which of its frames in the run (from 1) it cannot compute."
    )
    die_at: int | None = Field(
        default=None, ge=1, description="At which of its frames in the run (from 1) its process dies."
    )
    hang_at: int | None = Field(
        default=None, ge=1, description="Which of its frames in the run (from 1) it never finishes."
    )
    unplug_at: int | None = Field(
        default=None,
        ge=1,
        description="At which of its frames in the run (from 1) the device is pulled out, for good.",
    )
    count_measuring: bool = Field(
        default=False,
        description="Frames on which it is measured before the run count, too: to see it fail there.",
    )
    load_ms: float = Field(
        default=0.0,
        ge=0,
        le=86_400_000,
        description="Time that loading takes, in ms; long, to see a driver hang.",
    )
    exclusive: bool = Field(default=False, description="Serves one pipeline at a time.")
    runs_on: str | None = Field(
        default=None, max_length=40, description="The unit that it says it runs on: cpu, to see a fallback."
    )
    check: bool = Field(
        default=False,
        description="Compare the numbers at both ends of a frame, as the synthetic source's stamps.",
    )


class SimulatedBackend(Backend):
    """Pretends to be devices: `sim:ane`, `sim:gpu`, `sim:cpu`, and any `sim:NAME?ms=20&jitter=0.1`."""

    key = "sim"
    title = "Simulated devices"
    simulated = True
    Options: ClassVar[type[DeviceOptions]] = SimulatedOptions

    def devices(self) -> list[DeviceInfo]:
        return [
            DeviceInfo(
                id=f"sim:{unit}",
                name=f"Simulated {unit.upper()} ({ms:g} ms a frame, or as its id says)",
                kind=unit,
                backend=self.key,
                simulated=True,
                health=DeviceHealth(status="unknown", reason="simulated"),
            )
            for unit, ms in REFERENCE_MS.items()
        ]

    def settle(self, device: DeviceId, pool: tuple[DeviceId, ...]) -> DeviceId:
        """Write the service time out; raises DeviceUnavailable for a name that says none."""
        if "ms" in dict(device.options):
            return device
        return device.with_option("ms", f"{_reference_ms(device):g}")

    def exclusive(self, device: DeviceId) -> bool:
        return dict(device.options).get("exclusive", "").lower() in ("1", "true", "yes", "on")

    def load(self, model: Path | None, device: DeviceId, options: SimulatedOptions) -> SimulatedSession:
        """Start the device. `model` is only named, never read: a simulated device has no outputs."""
        ms = _reference_ms(device) if options.ms is None else options.ms
        time.sleep(options.load_ms / 1e3)
        return SimulatedSession(model, device, options, ms / 1e3)


def _reference_ms(device: DeviceId) -> float:
    if device.unit in REFERENCE_MS:
        return REFERENCE_MS[device.unit]
    raise DeviceUnavailable(
        Problem(
            "this simulated device does not say how fast it is",
            field="devices",
            found=str(device),
            allowed=", ".join(f"sim:{unit}" for unit in REFERENCE_MS) + ", or sim:NAME?ms=20",
            hint=nearest(device.unit, REFERENCE_MS) or f"Write sim:{device.unit}?ms=20 for 20 ms a frame.",
        )
    )


class SimulatedSession(Session):
    """A server with one place: each frame is done at an absolute deadline, whatever the timer overshoots."""

    needs_input = False

    def __init__(
        self, model: Path | None, device: DeviceId, options: SimulatedOptions, service_s: float
    ) -> None:
        self.info = replace(NULL_MODEL, path="" if model is None else str(model))
        self.unit = f"simulated {options.runs_on or device.unit}"
        self._options = options
        self._service_s = service_s
        self._random = random.Random(f"{options.seed}/{device.unit}/{device.replica}")
        self._may_misbehave = {None} != {
            options.fail_at,
            options.die_at,
            options.hang_at,
            options.unplug_at,
        }
        self._frame = 0
        self._finish = float("-inf")

    def infer(self, batch: np.ndarray) -> list[np.ndarray]:
        """Take the service time and return []; `batch` is the frame, at which only `check` looks."""
        if not self.measuring or self._options.count_measuring:
            self._frame += 1
            if self._may_misbehave:
                self._misbehave()
        if self._options.check:
            _compare_stamps(batch)
        if self._service_s > 0:
            self._finish = self._start() + self._next_service_s()
            while (left := self._finish - time.monotonic()) > 0:
                time.sleep(left)
        return []

    def _start(self) -> float:
        """Return when this frame's service began.

        A real device takes the next queued frame the moment it is done with the last. Our process wakes up a
        little late and needs a moment to fetch the next frame; counting from the nominal finish keeps that
        from adding up.
        """
        now = time.monotonic()
        queued = now - self._finish <= min(_QUEUED_MOST_S, _QUEUED_SHARE * self._service_s)
        return self._finish if queued else now

    def _next_service_s(self) -> float:
        after = self._options.drift_after
        base = self._service_s * (self._options.drift if self._frame > after or not after else 1.0)
        if not self._options.jitter:
            return base
        return base * (1 + self._options.jitter * self._random.uniform(-1, 1))

    def _misbehave(self) -> None:
        if self._frame == self._options.fail_at:
            raise RunFailed(
                Problem(
                    f"the simulated device failed on its frame {self._frame}, as it was told to",
                    hint="Remove fail_at from the device id.",
                )
            )
        if self._frame == self._options.unplug_at:
            raise DeviceUnavailable(
                Problem(
                    f"the simulated device was unplugged at its frame {self._frame}, as it was told to",
                    field="devices",
                    hint="Remove unplug_at from the device id.",
                )
            )
        if self._frame == self._options.die_at:
            os._exit(1)
        if self._frame == self._options.hang_at:
            threading.Event().wait()


def _compare_stamps(frame: np.ndarray) -> None:
    """Read the numbers at both ends of a frame; raises RunFailed when another frame has been written over it."""
    pixels = frame.data
    first, last = _STAMP.unpack_from(pixels), _STAMP.unpack_from(pixels, -_STAMP.size)
    if first != last:
        raise RunFailed(
            Problem("the frame is torn", found=f"{first[0]:#x} at its begin, {last[0]:#x} at its end")
        )
