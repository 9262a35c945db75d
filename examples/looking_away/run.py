"""Is the viewer looking away? The worked example of compute on demand: what pull computes, and what push does.

python examples/looking_away/run.py --mode pull --seconds 10
"""

from __future__ import annotations

import argparse
import sys

try:
    import cv2
    import skimage.data  # noqa: F401
except ModuleNotFoundError as missing:
    sys.exit(f"This example needs {missing.name}: pip install -e '.[vision]'")

from measure import compare, run, show
from viewer import Spec

from cluster4npu.core.demand import Sampling


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--mode", choices=["pull", "push", "both"], default="both", help="default: both, compared"
    )
    parser.add_argument(
        "--seconds", type=float, default=10, help="of being idle, and of being active; default: 10"
    )
    parser.add_argument("--fast", action="store_true", help="by a virtual clock: exact counts, no waiting")
    parser.add_argument(
        "--head-every", type=float, default=100, metavar="MS", help="head detection; default: 100"
    )
    parser.add_argument("--head-on-demand", action="store_true", help="head detection only when asked")
    parser.add_argument(
        "--on-off",
        type=float,
        nargs=2,
        metavar=("ON", "OFF"),
        help="sample the eyes for ON ms, pause for OFF ms",
    )
    given = parser.parse_args(arguments)
    if not given.seconds >= 1:
        parser.error("--seconds must be 1 or more")
    if not given.head_every >= 1 or not all(ms >= 1 for ms in given.on_off or ()):
        parser.error("times must be 1 ms or more")
    return given


def main(arguments: list[str] | None = None) -> int:
    """Run the example."""
    given = parse(arguments)
    cv2.setNumThreads(1)  # the cost of a node is the CPU time of the thread that computes it
    sampling = Sampling.on_off(*given.on_off, apart_ms=100) if given.on_off else Spec().distance
    spec = Spec(head_every_ms=None if given.head_on_demand else given.head_every, distance=sampling)
    styles = ["push", "pull"] if given.mode == "both" else [given.mode]
    sides = run(styles, given.seconds, spec, given.fast)
    for side in sides:
        show(side, print)
    if len(sides) == 2:
        compare(*sides, print)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
