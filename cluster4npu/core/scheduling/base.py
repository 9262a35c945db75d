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

    def finished(self, worker: str, service_s: float) -> None:  # noqa: B027 - most policies do not look
        """Learn that a worker has finished a frame in `service_s` seconds."""
