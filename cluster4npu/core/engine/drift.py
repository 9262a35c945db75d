"""Drift: a device that now takes longer for a frame than it did when it was calibrated; and what it then weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SLOWER = 1.3  # times as long as calibrated: less than that, other programs explain
LEAST_FRAMES = 20  # of its process: the first ones are slow anyway
_LOOKS = 4  # in a row, each with new frames, four in a second


@dataclass(slots=True)
class DriftWatch:
    """Looks now and then whether devices are as fast as calibrated; each one is told once.

    `rates` are the calibrated ones in frames/s, by device.
    """

    rates: Mapping[str, float]
    told: dict[str, str] = field(default_factory=dict)
    _frames: dict[str, int] = field(default_factory=dict)
    _slow: dict[str, int] = field(default_factory=dict)

    def look(self, device: str, service_ns: float, frames: int) -> str:
        """Return in words that the device has drifted, or nothing.

        `service_ns` is what it needs for a frame, lately; `frames` are those that its process has finished.
        """
        rate = self.rates.get(device, 0.0)
        if not rate or device in self.told or frames < LEAST_FRAMES or frames == self._frames.get(device):
            return ""
        self._frames[device] = frames
        self._slow[device] = self._slow.get(device, 0) + 1 if service_ns > SLOWER * 1e9 / rate else 0
        if self._slow[device] < _LOOKS:
            return ""
        self.told[device] = (
            f"needs {service_ns / 1e6:.1f} ms for a frame, calibrated were {1e3 / rate:.1f} ms"
        )
        return self.told[device]


class MeanWeights:
    """What each device weighed in a segment: by the rates that frames were shared out by while they were computed.

    So it is the share that the device was meant to have, also where rates changed on the way.
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._frames = 0

    def note(self, rates: Mapping[str, float], frames: int) -> None:
        """Count frames: so many have been computed in all by now, those since the last time by these rates."""
        new, total = frames - self._frames, sum(rates.values())
        if new <= 0 or total <= 0:
            return
        self._frames = frames
        for device, rate in rates.items():
            self._sums[device] = self._sums.get(device, 0.0) + new * rate / total

    def of(self, device: str) -> float | None:
        """Return a device's weight, 0 to 1; None before any frame was counted."""
        return self._sums.get(device, 0.0) / self._frames if self._frames else None
