"""The thread that owns a run for the window: starts it, gathers its events, passes on wishes, cleans up."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from cluster4npu.core.engine.messages import (
    Event,
    Failed,
    Finished,
    PreviewFrame,
    PreviewReady,
    RunOptions,
    Started,
)
from cluster4npu.core.errors import Cancelled, Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.pace import SPARING

if TYPE_CHECKING:
    from cluster4npu.core.engine.engine import Run

_LISTEN_S = 0.05  # for events; a wish waits so long at most
STOP_PATIENCE_S = 3.0  # for the figures of what was computed
START_PATIENCE_S = 1.0  # while there is nothing yet that could be kept
_ASK_AGAIN_S = 1.0

_log = logging.getLogger(__name__)


class RunWatch(threading.Thread):
    """Runs one pipeline to its end. No method waits; `Run` itself is touched by this thread only.

    `news` fills with events and preview frames; the last of them is Finished or Failed, and when it is there
    nothing of the run is left. One that is stopped before it could tell its figures ends as Failed with Cancelled.
    `preview_size` (width, height; None: nobody looks) and `preview_s`, the time between two of its frames, may be set
    at any time.
    """

    def __init__(self, config: PipelineConfig, options: RunOptions) -> None:
        super().__init__(name="engine-watch", daemon=True)
        self.news: deque[Event | PreviewFrame] = deque()
        self.preview_size: tuple[int, int] | None = None
        self.preview_s = SPARING.preview_ms / 1000
        self._config, self._options = config, options
        self._stop_asked = False
        self._begun = False  # there are processes, or will be in a moment
        self._order = threading.Lock()  # of stopping and beginning
        self._asked_at: float | None = None
        self._due_at = 0.0

    @property
    def begun(self) -> bool:
        """Tell whether there is something that has to come to its end."""
        return self._begun

    def stop(self) -> None:
        """Ask the run to end; returns at once. What does not leave in time is killed."""
        with self._order:
            if (
                not self._begun and not self._stop_asked
            ):  # what is looked up meanwhile is waited for by nobody
                self.news.append(Failed(Cancelled("the run was stopped before it began")))
            self._stop_asked = True

    def run(self) -> None:
        end: Finished | Failed
        try:
            from cluster4npu.core.engine.engine import Engine  # with its runtimes, not before it is needed

            engine = Engine(self._config, self._options)
            if not self._may_begin():
                return
            with engine as run:
                end = self._watch(run)
        except Exception as error:  # the border of the thread: every error goes to the window
            if not self._may_begin():
                return
            end = Failed(_as_error(error))
        self.news.append(end)

    def _may_begin(self) -> bool:
        """Begin, unless the end has been told already."""
        with self._order:
            self._begun |= not self._stop_asked
            return self._begun

    def _watch(self, run: Run) -> Finished | Failed:
        stopped_at: float | None = None
        patience_s = START_PATIENCE_S
        while True:
            for event in run.poll(self._quiet_s()):
                if isinstance(event, Finished | Failed):
                    return event
                if isinstance(event, Started):
                    patience_s = STOP_PATIENCE_S
                self._gather(run, event)
            now = time.monotonic()
            if self._stop_asked and stopped_at is None:
                stopped_at = now
                run.stop(now=True)
            if stopped_at is not None and now - stopped_at > patience_s:
                run.close(0.0)
                return Failed(Cancelled(_killed(run.started)))
            self._ask_for_preview(run, now)

    def _gather(self, run: Run, event: Event) -> None:
        if not isinstance(event, PreviewReady):
            self.news.append(event)
            return
        self._asked_at = None
        if (frame := run.read_preview()) is not None:
            self.news.append(frame)

    def _quiet_s(self) -> float:
        """Return how long nothing but events is to be seen to."""
        if self.preview_size is None or self._asked_at is not None or self._stop_asked:
            return _LISTEN_S
        return min(max(self._due_at - time.monotonic(), 0.0), _LISTEN_S)

    def _ask_for_preview(self, run: Run, now: float) -> None:
        """Ask for the next frame once the last one came; again after a second, should it have been lost."""
        size = self.preview_size
        if self._asked_at is not None and now - self._asked_at < _ASK_AGAIN_S:
            return
        if size is not None and now >= self._due_at and not self._stop_asked:
            self._asked_at, self._due_at = now, now + self.preview_s
            run.want_preview(*size)


def _killed(started: Started | None) -> Problem:
    """Say what is lost with a run whose processes had to be ended; before it has started that is nothing."""
    if started is None:
        return Problem("the run was stopped while it was starting")
    return Problem("the run did not stop in time, so its processes were ended; its figures are lost")


def _as_error(error: Exception) -> Cluster4NPUError:
    if isinstance(error, Cluster4NPUError):
        return error
    _log.error("the run broke off", exc_info=error)
    return RunFailed(
        Problem(
            "the run broke off",
            found=f"{type(error).__name__}: {error}",
            hint="Please report this with the log; the pipeline itself is unchanged.",
        )
    )
