"""How fast a source is read and what happens when that is too fast: from the run's options and the source node."""

from __future__ import annotations

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.feeder import FeedPlan
from cluster4npu.core.engine.messages import RunOptions, Segment
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.nodes.base import FrameSpec, SourceNode, SourceParams

BLOCK, DROP_OLDEST, LATEST = OVERLOADS = ("block", "drop_oldest", "latest")


def feed_plan(
    node: SourceNode, spec: FrameSpec, options: RunOptions, segment: Segment, *, loop: bool
) -> FeedPlan:
    """Return how the source is read in this segment; raises InputError where frames would be dropped at no rate.

    A file that may drop frames is read at its own rate, like a camera: unpaced, nearly all would be dropped. A held
    engine measures devices, so a source that can wait does.
    """
    params = node.params
    assert isinstance(params, SourceParams)
    overload = options.overload or params.overload
    if overload == "auto" or options.hold:
        overload = DROP_OLDEST if node.live else BLOCK
    arrivals = segment.arrivals
    if arrivals is None and params.target_fps and not options.hold:
        arrivals = Arrivals(params.target_fps)
    if overload != BLOCK and not node.live and arrivals is None:
        if spec.fps is None:
            raise InputError(
                Problem(
                    "frames can be dropped only where they come at a rate",
                    node=node.id,
                    field="target_fps",
                    found=f"overload {overload}, and a source without a rate of its own",
                    allowed=f"a number of frames a second, or overload {BLOCK}",
                    hint=f"Say how many in the target rate of '{node.id}'.",
                    option=f"--target-fps 30, or --set {node.id}.target_fps=30",
                )
            )
        arrivals = Arrivals(spec.fps)
    return FeedPlan(segment.frames, arrivals, loop, overload)
