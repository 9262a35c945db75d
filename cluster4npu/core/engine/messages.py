"""What the app and the manager process tell each other: small frozen records, pickled over one pipe of our own making.

(Between manager and workers go binary records: see `channel`.)
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.nodes.values import Value


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a pipeline, beside what the file says.

    `devices` and `policy` replace those of every inference node. `calibration` is "auto" (measured once, then cached),
    "always" or "never" (equal weights). `window` bounds the frames in the whole engine at once (1: single-stream).
    `frames` are shared out evenly among several sources. `target_fps` paces each source; `overload` ("block",
    "drop_oldest" or "latest") says what happens to its frames when nobody is free for them; both replace what the
    source node says. `results` streams every frame's results to the handle; `traces` keeps every frame's stamps for
    the summary (of a long run, those of the newest 262,144 frames), and `live_traces` tells them during the run, too
    (`FramesTraced`). `hold` loads everything and then waits for `Run.measure`.
    """

    devices: tuple[str, ...] | None = None
    policy: str | None = None
    frames: int | None = None
    seconds: float | None = None
    target_fps: float | None = None
    overload: str | None = None  # None: as the source node says
    window: int | None = None
    loop: bool | None = None  # None: as the source node says
    calibration: str = "auto"
    results: bool = False
    results_file: str | None = None
    traces: bool = False
    live_traces: bool = False
    metrics: bool = True  # tell a MetricsSnapshot four times a second
    hold: bool = False
    ring_slots: int | None = None
    in_flight: int | None = None  # frames sent ahead to each worker; None: as many as keep it busy
    frame_timeout_s: float = 30.0  # a worker that holds one frame longer is replaced
    warm_spare: bool = (
        False  # a second, loaded process for each worker, which takes over at once; costs its memory
    )
    standby: bool = True  # one process for all workers, everything imported, which follows the one lost first
    load_timeout_s: float = 180.0  # a device that takes longer to load is left out, where others can go on
    late_after_s: float = (
        15.0  # so long others wait for it; then they begin, and it joins them when it is loaded
    )
    seed: int = 0
    unpaced: bool = (
        False  # a run in one process only: its time stands still while it computes, and it never waits
    )


@dataclass(frozen=True, slots=True)
class Result:
    """One delivered frame. `values` maps NODE.PORT to its value; arrays are the receiver's own.

    `frame_id` counts the frames of its `source` node. `device` names the worker of each stage that it went through.
    """

    frame_id: int
    device: str
    latency_ms: float
    stream_ms: float | None
    values: dict[str, Value] = field(default_factory=dict)
    error: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class DeviceCalibration:
    """What calibration measured for one worker, in frames/s. `weight` is its share (they sum to 1).

    `batch` frames go into its model at once, and with so many it was measured.
    """

    id: str
    fps_alone: float
    fps_together: float
    weight: float
    batch: int = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """One measured stretch of a held engine: on these devices (ids as given to it), from the first frame again.

    Ends after `seconds` or `frames`, whichever comes first, once what is in flight has drained.
    """

    devices: tuple[str, ...]
    seconds: float | None = None
    frames: int | None = None
    window: int | None = None
    arrivals: Arrivals | None = None  # None: as fast as it goes
    results: bool = False


# ---- what the manager tells ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The run went into another state: starting, calibrating, holding, running, draining, stopped.

    `notice`: the detail is worth a line that stays.
    """

    state: str
    detail: str = ""
    notice: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    """Workers are loaded. `labels` maps NODE.PORT to class names, `crop_labels` to those of what was found in crops;
    `units` maps device ids to what really runs them; a device that was left out meanwhile is not in it."""

    devices: tuple[str, ...]
    simulated: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    units: dict[str, str]
    model_sha256: str
    frame_height: int
    frame_width: int
    preview_area: str  # name of the shared memory that previews are put into
    processes: tuple[int, ...]  # pids of the manager and the workers, in the order of `devices`
    crop_labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stages: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # devices by the inference node they serve


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The weights of a stage (its inference node) are known; `cached`: they were measured by an earlier run.

    `harmful` is the device that is left out because of them, and why; what is left is measured anew.
    """

    devices: tuple[DeviceCalibration, ...]
    cached: bool
    stage: str = ""
    harmful: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class MetricsUpdated:
    snapshot: MetricsSnapshot


@dataclass(frozen=True, slots=True)
class FramesTraced:
    """Stamps of frames that have ended since the last time: FRAME_TRACE rows, the newest few thousand of them."""

    rows: np.ndarray


@dataclass(frozen=True, slots=True)
class ResultsReady:
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class PreviewReady:
    """A frame lies in the preview area. The receiver reads it with `Run.read_preview`, then asks for the next."""

    frame_id: int
    height: int
    width: int
    scale: float  # preview pixels per source pixel
    values: dict[str, Value]
    source: str = ""


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """A run in one process went over to another mode, so many seconds after its start."""

    mode: str
    at_s: float


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """A worker of the stage `node` died or hung; `final` means that it is not started again."""

    device: str
    reason: str
    final: bool
    node: str = ""


@dataclass(frozen=True, slots=True)
class WorkerBack:
    """A lost worker is there again, `down_s` after its loss was noticed, as process `pid`."""

    device: str
    down_s: float
    pid: int


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """Something happened to a live source; `state` is that of `SourceNotice` ("lost", "back", "still" ...)."""

    node: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SegmentFinished:
    summary: RunSummary
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over; everything in shared memory is gone."""

    summary: RunSummary


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended with an error; `summary` tells what was done until then (None: nothing had started)."""

    error: Cluster4NPUError
    summary: RunSummary | None = None


Event = (
    StateChanged
    | Started
    | Calibrated
    | MetricsUpdated
    | FramesTraced
    | ResultsReady
    | PreviewReady
    | ModeChanged
    | WorkerFailed
    | WorkerBack
    | SourceChanged
    | SegmentFinished
    | Finished
    | Failed
)


# ---- what the app tells -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run: `now` drops what is in flight (counted), else it is drained."""

    now: bool = True


@dataclass(frozen=True, slots=True)
class WantPreview:
    """Put the next delivered frame into the preview area, at most `max_width` x `max_height` pixels."""

    max_width: int = 960
    max_height: int = 720


Command = Stop | WantPreview | Segment


@dataclass(frozen=True, slots=True)
class PreviewFrame:
    """A copy of a previewed frame: `pixels` is H x W x 3 uint8 BGR, the receiver's own."""

    frame_id: int
    pixels: np.ndarray
    scale: float
    values: dict[str, Value]
    labels: dict[str, tuple[str, ...]]
    source: str = ""
    crop_labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
