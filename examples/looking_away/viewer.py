"""The graph of "is the viewer looking away": what is computed, how often, and in which mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import vision
from clip import FRAME_MS, Clip

from cluster4npu.core.demand import (
    Answer,
    Clock,
    DemandGraph,
    Execution,
    InARow,
    Input,
    Node,
    Sampling,
    Source,
)

NODES = ("contrast", "movement", "head", "clip", "eyes", "distance")
YES_IN_A_ROW = 5
TWICE_A_SECOND = Sampling(frames=2, apart_ms=100, every_ms=1000)


@dataclass(frozen=True)
class Spec:
    """How often what is wanted. Everything else follows from it; `head_every_ms` None means: when asked."""

    movement_every_ms: float = 500
    head_every_ms: float | None = 100
    distance: Sampling = TWICE_A_SECOND


def make_graph(clip: Clip, spec: Spec, flag: InARow) -> DemandGraph:
    """Return the graph. Nobody there: "idle", only movement is watched. Somebody there: "active"."""
    idle, active = ("idle",), ("active",)
    return DemandGraph(
        [
            Source("camera", clip.frame, every_ms=FRAME_MS),
            Node("contrast", vision.contrast, "camera"),
            Node(
                "movement", vision.movement, Input("contrast", 2), every_ms=spec.movement_every_ms, modes=idle
            ),
            Node("head", vision.HeadDetector(), "contrast", every_ms=spec.head_every_ms, modes=active),
            Node("presence", vision.presence, "head", every_ms=spec.distance.every_ms, modes=active),
            Node("clip", vision.clip, "head"),
            Node("eyes", vision.eyes, "clip"),
            Node(
                "distance",
                vision.distance,
                spec.distance.of("eyes"),
                every_ms=spec.distance.every_ms,
                modes=active,
            ),
            Node("away", lambda apart: apart < vision.AWAY, "distance", push=True),
            Node("flag", flag, "away", push=True),
        ]
    )


class Viewer:
    """What follows from the answers: the mode is switched, and it is said when the flag goes up or down."""

    def __init__(self, clip: Clip, spec: Spec, style: str, clock: Clock, say: Callable[[str], None]) -> None:
        self._flag = InARow(YES_IN_A_ROW)
        self.execution = Execution(make_graph(clip, spec, self._flag), clock, style, mode="idle")
        self.away = False
        self._say = say
        self._clock = clock
        self._start_ns = clock.now_ns()
        self.execution.watch("movement", self._on_movement)
        self.execution.watch("presence", self._on_presence)
        self.execution.watch("flag", self._on_flag)

    def _on_movement(self, answer: Answer) -> None:
        if answer.value:
            self._tell("something moves: active")
            self.execution.switch("active")

    def _on_presence(self, answer: Answer) -> None:
        if not answer.value:
            self._tell("nobody there: idle")
            self._flag.reset()
            self.away = False
            self.execution.switch("idle")

    def _on_flag(self, answer: Answer) -> None:
        if answer.value != self.away:
            self._tell("the viewer looks away" if answer.value else "the viewer looks here again")
        self.away = answer.value

    def _tell(self, what: str) -> None:
        self._say(f"{(self._clock.now_ns() - self._start_ns) / 1e9:6.2f} s  {what}")
