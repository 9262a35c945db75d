"""How much memory this process has taken at its highest, as the system itself counts: nothing is missed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_PEAK_AGAIN = "5"  # what makes the kernel begin its count of the highest anew


class PeakMemory:
    """Resident bytes at their highest since this object was made. `baseline_bytes` is what was resident then."""

    def __init__(self) -> None:
        with contextlib.suppress(
            OSError
        ):  # not Linux, or a kernel without it: the count is the process's whole life
            _CLEAR.write_text(_PEAK_AGAIN)
        self.baseline_bytes = int(psutil.Process().memory_info().rss)
        self._before = _highest()

    def bytes(self) -> int | None:
        """Return the highest; None where the system does not tell, or had seen more before this object was made."""
        highest, now = _highest(), int(psutil.Process().memory_info().rss)
        if highest is None or self._before is None:
            return None
        if highest == self._before and self._before > self.baseline_bytes * 1.02:
            return None
        return max(highest, now)

    def above_baseline(self) -> int | None:
        """Return by how much it was exceeded; None as `bytes`."""
        found = self.bytes()
        return None if found is None else max(0, found - self.baseline_bytes)


def _highest() -> int | None:
    """Return the most resident bytes that the system has seen of this process."""
    system: str = sys.platform  # a plain text for the type checker, which takes the rest for unreachable
    if system == "win32":
        return int(getattr(psutil.Process().memory_info(), "peak_wset", 0)) or None
    if system == "linux":
        lines = _STATUS.read_text("ascii", errors="replace").splitlines()
        told = next((line.split() for line in lines if line.startswith("VmHWM:")), None)
        return int(told[1]) * 1024 if told else None
    import resource

    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if system == "darwin" else highest * 1024
