"""Drift: a device that now takes longer for a frame than it did when it was calibrated."""

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
