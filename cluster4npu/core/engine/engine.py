"""The engine's handle: what the app, the command line and a notebook use. It never computes and never blocks long."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from cluster4npu.core.engine.messages import Event, PreviewFrame, Result, RunOptions, Segment, SegmentFinished
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig


class Engine:
    """A pipeline ready to be run on devices.

    >>> with Engine(PipelineConfig.open("digits.json"), RunOptions(frames=100)) as run:
    ...     summary = run.wait()
    """

    def __init__(self, pipeline: PipelineConfig, options: RunOptions | None = None) -> None:
        """Check the pipeline; raises PipelineInvalid with every problem, InputError for a wrong option or device."""

    def start(self) -> Run:
        """Start the manager process and return at once; loading goes on in the background."""
        raise NotImplementedError

    def __enter__(self) -> Run:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop the run if it still goes on, and wait until nothing of it is left."""


class Run:
    """A run that goes on in the manager process. Used by one thread."""

    finished: bool

    def poll(self) -> list[Event]:
        """Return the events that have come since the last call, without waiting. The last is Finished or Failed."""
        raise NotImplementedError

    def events(self) -> Iterator[Event]:
        """Wait for events and yield them until the run is over (also Finished or Failed itself)."""
        raise NotImplementedError

    def wait(self, timeout_s: float | None = None) -> RunSummary:
        """Wait for the end and return the summary; raises the run's error, TimeoutError after `timeout_s`."""
        raise NotImplementedError

    def results(self) -> Iterator[Result]:
        """Yield every delivered frame's results in order (needs RunOptions.results); raises the run's error."""
        raise NotImplementedError

    def measure(self, segment: Segment) -> SegmentFinished:
        """Run one segment on a held engine and wait for it; raises the run's error."""
        raise NotImplementedError

    def stop(self, *, now: bool = True) -> None:
        """Ask the run to end; returns at once. The end comes as an event, within a second."""

    def close(self, timeout_s: float = 5.0) -> None:
        """Stop and wait; kills the processes that have not left by then. Safe to call again."""

    def want_preview(self, max_width: int = 960, max_height: int = 720) -> None:
        """Ask for one frame; PreviewReady tells when it is there. Nothing is copied unless asked for."""

    def read_preview(self) -> PreviewFrame | None:
        """Return a copy of the frame that the last PreviewReady told of, or None."""
        raise NotImplementedError
