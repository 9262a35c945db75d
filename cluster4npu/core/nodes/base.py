"""What a node type is: its ports, its parameter model, and where it runs. One file per type lies beside this one."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.fields import FieldInfo

from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.errors import Problem


class PortType(Enum):
    """What flows along a wire."""

    FRAME = "frame"  # H x W x 3 uint8, BGR, borrowed from a shared-memory slot
    CROPS = "crops"  # values.Crops: pictures cut out of one frame
    TENSOR = "tensor"  # values.Tensor
    OUTPUTS = "outputs"  # values.Outputs
    DETECTIONS = "detections"  # values.Detections
    TRACKS = "tracks"  # values.Tracks
    CLASSES = "classes"  # values.Classes
    POINTS = "points"  # values.Points
    NUMBER = "number"  # values.Number
    FLAG = "flag"  # values.Flag

    @property
    def kept(self) -> bool:
        """Tell whether values of this type can be laid beside the frame, for later stages and for sinks."""
        return self in RESULTS


RESULTS = (
    PortType.DETECTIONS,
    PortType.TRACKS,
    PortType.CLASSES,
    PortType.OUTPUTS,
    PortType.POINTS,
    PortType.NUMBER,
    PortType.FLAG,
)  # whatever an output node can keep


@dataclass(frozen=True, slots=True)
class Port:
    """One port. An output has exactly one type; an input lists all that it takes.

    An input with a `depth` above 1 looks at so many different values at once: `process` gets a tuple, oldest first.
    """

    name: str
    types: tuple[PortType, ...]
    required: bool = True
    depth: int = 1

    def accepts(self, other: Port) -> bool:
        """Tell whether the output port `other` may be wired to this input."""
        return other.types[0] in self.types


class NodeParams(BaseModel):
    """Base of a node type's parameters: immutable, strict. Make each field with `param`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def param(
    default: Any = ...,
    *,
    title: str,
    description: str,
    unit: str = "",
    widget: str = "",
    file_filter: str = "",
    advanced: bool = False,
    **bounds: Any,
) -> Any:
    """Return a pydantic field that also tells the property panel how to show it.

    `unit` stands behind the value ("px", "ms", "frames/s"); `widget` is "" (chosen by type), "file", "folder",
    "devices", "text" or "address" (of a receiver: left out of templates); `file_filter` is a Qt file filter; `bounds`
    are pydantic's (ge, le, gt, lt, min_length ...).
    """
    extra: dict[str, JsonValue] = {
        "unit": unit,
        "widget": widget,
        "file_filter": file_filter,
        "advanced": advanced,
    }
    return Field(
        default,
        title=title,
        description=description,
        json_schema_extra={name: value for name, value in extra.items() if value},
        **bounds,
    )


class SourceParams(NodeParams):
    """Parameters of every source: how fast it is read, and what happens when that is too fast for the devices."""

    target_fps: float | None = param(
        None,
        title="Pace",
        description="At most so many frames a second are taken; empty: as many as come.",
        unit="frames/s",
        advanced=True,
        ge=0.001,
        le=100_000,
    )
    overload: Literal["auto", "block", "drop_oldest", "latest"] = param(
        "auto",
        title="When too fast",
        description="What happens to frames that nobody is free for: block makes the source wait, drop_oldest lets the "
        "frame go that waits longest, latest keeps only the newest. auto: live sources drop_oldest, others block.",
        advanced=True,
    )


def ui_hint(info: FieldInfo, name: str) -> Any:
    """Return what `param` was told under this name ("unit", "widget" ...), or None."""
    extra = info.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


class Place(Enum):
    """Where a node runs."""

    SOURCE = "source"  # manager process: fills slots
    MUX = "mux"  # nowhere: the frames of several sources go the same way from here on
    WORKER = "worker"  # worker process, around the model
    INFERENCE = "inference"  # worker process: the model itself
    SINK = "sink"  # manager process, in order of frame id


class Node(ABC):
    """Base of every node type. A class is the type (ports, parameters); an object is one node of a pipeline.

    `params` is an object of the class's own `Params`; `base` is the folder of the pipeline file.
    """

    type: ClassVar[str]
    title: ClassVar[str]
    category: ClassVar[
        str
    ]  # heading in the palette: "Sources", "Preprocessing", "Inference", "Postprocessing", "Vision", "Logic", "Outputs"
    description: ClassVar[str]
    place: ClassVar[Place]
    inputs: ClassVar[tuple[Port, ...]] = ()
    outputs: ClassVar[tuple[Port, ...]] = ()
    Params: ClassVar[builtins.type[NodeParams]] = NodeParams

    def __init__(self, node_id: str, params: NodeParams, base: Path | None = None) -> None:
        self.id = node_id
        self.params: Any = params
        self.base = base

    def problems(self) -> list[Problem]:
        """Return what is wrong on this machine beyond the parameters' own bounds (a missing file ...).

        Cheap (under 50 ms), runs no model and touches no network.
        """
        return []


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """What a source will deliver: the largest frame, and what it knows of rate and length (None: unknown)."""

    height: int
    width: int
    fps: float | None = None
    frames: int | None = None

    @property
    def nbytes(self) -> int:
        """Return the size of the largest frame in bytes (3 channels of uint8)."""
        return self.height * self.width * 3


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """What was put into a slot: the frame's real size, and its own time in the stream (ms; None: unknown)."""

    height: int
    width: int
    stream_ms: float | None = None


class Source(Protocol):
    """An opened source. Used by one thread only."""

    spec: FrameSpec

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Decode or generate the next frame straight into `slot`; None at the end of the stream.

        `slot` is a flat uint8 array of `spec.nbytes` bytes, borrowed for the call: fill the first height*width*3
        of them (rows, BGR). Raises RunFailed (with the node's id) when the stream breaks.
        """
        ...

    def rewind(self) -> None:
        """Start again at the first frame; a live source does nothing."""
        ...

    def close(self) -> None:
        """Let go of files and devices; may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class SourceNotice:
    """What happened to a live source.

    `state`: "lost", "back" (connected again), "resized", "still" (the picture does not change) or "moving" (again).
    """

    state: str
    detail: str = ""


@runtime_checkable
class LiveNews(Protocol):
    """What a source has that can be lost and come back: read by the manager while another thread fills it."""

    reconnects: int
    notices: deque[SourceNotice]


@runtime_checkable
class Skips(Protocol):
    """A source that can leave a frame out for less than it costs to make it."""

    def skip(self) -> bool:
        """Go past the next frame without making it; False at the end of the stream. Raises as `read_into` does."""
        ...


class SourceNode(Node):
    """A node that opens a source. `live` sources cannot wait: unless told to block, what nobody is free for is dropped.

    `may_block`: reading can take long (disk, camera, network), so that it gets a thread of its own.
    """

    place = Place.SOURCE
    live: ClassVar[bool] = False
    may_block: ClassVar[bool] = True
    Params = SourceParams

    @abstractmethod
    def open(self) -> Source:
        """Open the source; raises InputError naming this node when it cannot be read."""


class WorkerNode(Node):
    """A cheap node that runs beside the model, once a frame, in the worker process."""

    place = Place.WORKER

    def bind(self, model: ModelInfo) -> None:
        """Settle what depends on the model (input size, labels), once, before the first frame.

        Raises InputError naming this node when the model does not fit. Called in the worker after the model is loaded.
        """

    @abstractmethod
    def process(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Compute the outputs (by port name) of one frame from its inputs (by port name)."""


class FanOutNode(WorkerNode):
    """A worker node whose one output is a `Crops`: what is behind it runs once for each of them."""


class FanInNode(WorkerNode):
    """A worker node that ends what a fan-out began: at `each_port` it takes an `Each`, one value for every crop.

    `rows_port` must have the same wire as the input of that name of the fan-out node: both count its rows.
    """

    each_port: ClassVar[str]
    rows_port: ClassVar[str]


class JoinNode(WorkerNode):
    """A worker node that may take results of models which do not depend on each other; it never needs a model.

    Runs in the manager process where only sinks want it, else in the worker of the stage that does.
    """


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """Which frame a node that remembers is looking at. `source` is "" where there is one only."""

    source: str
    height: int
    width: int
    stream_ms: float | None


class InOrderNode(WorkerNode):
    """A worker node that remembers earlier frames: it sees every frame that did not fail, in the order of its source.

    Runs in the manager process, so only such nodes and sinks can stand behind it. `frame` is set before `process`.
    """

    frame: FrameFacts

    @abstractmethod
    def reset(self) -> None:
        """Forget every frame: another run, or another segment of one, begins."""


class NotDelivered(Exception):
    """One frame's results did not reach their receiver; why, in words without secrets. The run goes on."""


@dataclass(slots=True)
class Delivery:
    """One frame's results as a sink gets them, in order of frame id.

    `inputs` holds, by input port, the values, and of sinks that take pixels a copy of the frame that is theirs
    (H x W x 3 uint8, BGR); `latency_ms` is end to end; `labels` are
    the class names behind class indices (empty where the model names none), `crop_labels` those behind what was found
    in the crops. `error` says why a frame failed. `source` is the node that the frame is from where there are
    several: each of them has an order and frame ids of its own.
    """

    frame_id: int
    stream_ms: float | None
    device: str
    latency_ms: float
    height: int
    width: int
    inputs: dict[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    error: str = ""
    source: str = ""
    crop_labels: tuple[str, ...] = ()


class SinkNode(Node):
    """A node at the end: gets every delivered frame's results in order, on a thread of its own.

    At most `most_waiting` frames wait for it. Then it holds the run back, or, where it is `lossy`, the oldest of them
    is dropped and counted. Only a sink that `takes_pixels` gets the frame at a port for frames.
    """

    place = Place.SINK
    most_waiting: ClassVar[int] = 256
    lossy: ClassVar[bool] = False
    takes_pixels: ClassVar[bool] = False

    def setup(self) -> None:
        """Open files or connections; raises InputError naming this node."""

    def append(self, delivery: Delivery) -> None:
        """Take one frame's results; raises RunFailed (naming this node) when they cannot be kept.

        NotDelivered says that only this frame was lost.
        """

    def close(self) -> None:
        """Flush and close; called once, also after an error."""
