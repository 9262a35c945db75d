"""Whether a frame or a device is at fault where a model fails: others try the frame, one by one.

A device is at fault when others compute what it could not, frame after frame. Its process is ended then and started
again, as after any other death, since a driver that has lost its device answers nothing any more; one that does not
come right is given up after some deaths (`WorkerPool`). Where nobody else is there, a new process is tried once.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster4npu.core.engine.pool import WorkerPool

MOST_PROVEN = 3  # frames in a row that a worker could not compute, and others could
MOST_IN_A_ROW = 32  # frames that a worker could not compute, where nobody else could either


@dataclass(slots=True)
class _Suspect:
    reason: str
    in_a_row: int = 0
    proven: int = 0
    renewed: bool = False  # a new process has been tried


class Suspects:
    """The workers whose model has failed and has not computed a frame since; false while there are none."""

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._found: dict[int, _Suspect] = {}
        self._last: dict[int, str] = {}  # why its model failed last
        self._saved: dict[
            int, tuple[int, str]
        ] = {}  # frames that others computed, and why the first was given to them

    def words(self) -> list[str]:
        """Return what the user should know of frames that one device could not compute, and others could."""
        found = []
        for worker, (frames, reason) in self._saved.items():
            device = self._pool.workers[worker].member.id
            what = f"its model failed on {frames} frames, which other devices computed"
            found.append(f"{device}: {what}: {reason.rstrip('.')}")
        return found

    def __bool__(self) -> bool:
        return bool(self._found)

    def failed(self, worker: int, error: bytes, *, able: bool) -> int:
        """Note that a worker's model failed on a frame; return on how many in a row. `able`: it has computed some."""
        suspect = self._found.setdefault(worker, _Suspect(""))
        suspect.reason = self._last[worker] = error.decode(errors="replace")
        suspect.in_a_row += 1
        if able and suspect.in_a_row >= MOST_IN_A_ROW and not suspect.renewed:
            suspect.renewed = True
            self.renew(worker)
        return suspect.in_a_row

    def computed(self, worker: int, tried: tuple[int, ...]) -> None:
        """Note that a worker has computed a frame on which the models of `tried` had failed."""
        self._found.pop(worker, None)
        for other in tried:
            suspect = self._found.get(other)
            frames, reason = self._saved.get(other, (0, self._last.get(other, "")))
            self._saved[other] = frames + 1, reason
            if suspect is not None:
                suspect.proven += 1
                if suspect.proven >= MOST_PROVEN:
                    self.renew(other)

    def renew(self, worker: int) -> None:
        """End the process of a worker, and let another follow it."""
        suspect = self._found[worker]
        failed = max(suspect.proven, suspect.in_a_row)
        self._pool.renew(worker, f"its model failed on {failed} frames in a row: {suspect.reason}")
        suspect.proven = suspect.in_a_row = 0
