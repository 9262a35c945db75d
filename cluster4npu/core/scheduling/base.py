"""What a scheduling policy is: it says which worker gets the next frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(slots=True)
class WorkerView:
    """What a policy may know of one worker: `waiting` frames are assigned but not finished, `capacity` may be sent."""

    waiting: int
    capacity: int


class Policy(ABC):
    """Base of every policy. `weights` are measured rates in frames/s by worker; only their ratio matters."""

    name: ClassVar[str]
    title: ClassVar[str]
    steals: ClassVar[bool] = (
        False  # an idle worker may take what another has waiting, if it finishes it earlier
    )

    corrects: ClassVar[bool] = False  # shares follow what workers take now, not what was calibrated

    def __init__(self, weights: Mapping[str, float], seed: int = 0) -> None:
        self.seed = seed
        self.set_weights(weights)

    @abstractmethod
    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Start afresh with these workers: called at the start, and when a worker is lost or comes back."""

    @abstractmethod
    def assign(self, workers: Mapping[str, WorkerView]) -> str | None:
        """Return the worker that gets the next frame, or None when the frame shall wait for now.

        `workers` holds every worker that is alive and in the weights.
        """

    def assign_all(self, workers: Mapping[str, WorkerView], frames: int) -> list[str]:
        """Return the workers that get the next frames, in order, and count these as `waiting` with them.

        Fewer than `frames` where the rest shall wait for now.
        """
        found: list[str] = []
        while len(found) < frames and (name := self.assign(workers)) is not None:
            workers[name].waiting += 1
            found.append(name)
        return found

    def finished(self, worker: str, service_s: float, frames: int = 1) -> None:  # noqa: B027 - most do not look
        """Learn that a worker has finished frames in `service_s` seconds each."""
