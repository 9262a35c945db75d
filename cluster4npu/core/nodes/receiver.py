"""What outputs share that send results over the network: the message, which frames are sent, and secrets."""

from __future__ import annotations

import json
import os
import time
from abc import abstractmethod
from typing import Any

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import RESULTS, Delivery, Port, PortType, SinkNode, param
from cluster4npu.core.nodes.demand import DemandParams
from cluster4npu.core.nodes.jsonl import line_of


class ReceiverParams(DemandParams):
    """Which results are sent, and how often."""

    only_found: bool = param(
        False, title="Only when found", description="Send nothing for frames in which nothing was found."
    )
    least_ms: float = param(
        0.0,
        title="Pause",
        description="Send nothing for so long after a message; 0: every frame.",
        unit="ms",
        ge=0,
        le=86_400_000,
    )


class Receiver(SinkNode):
    """Sends each frame's results as one JSON object. A slow or missing receiver never holds the run back."""

    category = "Outputs"
    inputs = (
        Port("result", RESULTS),
        Port("count", (PortType.NUMBER, PortType.FLAG), required=False),
    )
    lossy = True
    most_waiting = 64
    _sent_at = float("-inf")

    @abstractmethod
    def connect(self) -> None:
        """Get ready to send; need not reach the receiver. Raises InputError."""

    @abstractmethod
    def send(self, message: bytes) -> None:
        """Send one message; raises NotDelivered."""

    def setup(self) -> None:
        for problem in self.problems():
            raise InputError(problem)
        self.connect()

    def append(self, delivery: Delivery) -> None:
        """Send one frame's results, if it is one to be sent; raises NotDelivered."""
        line = line_of(delivery)
        now = time.monotonic()
        if (self.params.only_found and not line.get("results")) or now < self._sent_at:
            return
        self._sent_at = now + self.params.least_ms / 1e3
        self.send(json.dumps(line, ensure_ascii=False, allow_nan=False).encode())

    def secret(self, field: str) -> str:
        """Return what the environment variable holds that a parameter names; "" where it names none."""
        name = getattr(self.params, field)
        return os.environ.get(name, "") if name else ""

    def secret_problems(self, field: str) -> list[Problem]:
        """Return what is wrong with a secret; its value is in no message."""
        name = getattr(self.params, field)
        if not name or os.environ.get(name):
            return []
        return [
            Problem(
                "the environment variable that holds the secret is not set",
                node=self.id,
                field=field,
                found=name,
                allowed="the name of a variable that was set before the program was started",
                hint=f"Set {name} and start again. Secrets are never written into pipeline files.",
            )
        ]


def secret_param(title: str, what: str) -> Any:
    """Return a parameter that names the environment variable in which a secret is.

    Only variables that are meant for this can be named: a pipeline of somebody else's must not send any other.
    """
    return param(
        "",
        title=title,
        description=f"Name of the environment variable that holds {what}, CLUSTER4NPU_...; empty: none. "
        "The secret itself is never kept.",
        pattern=r"^(CLUSTER4NPU_[A-Z0-9_]{1,80})?$",
        advanced=True,
    )
