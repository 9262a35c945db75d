"""One process of a worker, from its start to its certain end, and the pipe that is thrown away with it."""

from __future__ import annotations

import contextlib
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cluster4npu.core.engine.channel import Channel, Handed, Record
from cluster4npu.core.engine.launch import Child, start_child
from cluster4npu.core.engine.template import Template
from cluster4npu.core.engine.worker import WorkerSpec, standby_main, worker_main

_FROM_OUTSIDE = (-9, -15)  # SIGKILL and SIGTERM; on Windows it cannot be told
_MOST_SPEC = 32_000  # bytes
KILL_TIMEOUT_S = 5.0  # a process that a driver holds for longer is given up


@dataclass(slots=True)
class Generation:
    """A worker's process: the one at work, or a loaded one that waits as its spare.

    `state`: starting, loaded, ready. `due_s`: when it must be loaded, or gone (monotonic). `ending`: why it was killed.
    """

    number: int
    process: Child
    channel: Channel
    due_s: float | None
    state: str = "starting"
    ending: str = ""
    finished: int = 0  # frames
    report: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def start(cls, number: int, spec: WorkerSpec, name: str, load_timeout_s: float) -> Generation:
        """Start the process, which must be loaded in time, and return at once.

        Raises OSError when the system has no room for one.
        """
        process, ends = start_child(worker_main, spec, name)
        return cls(number, process, Channel(ends), time.monotonic() + load_timeout_s)

    @classmethod
    def standby(cls, number: int, backends: Sequence[str], template: Template | None = None) -> Generation:
        """Start a process that has everything imported and waits to become a worker. Raises OSError as `start`.

        It is a copy of the template where there is one.
        """
        process: Child
        if template is not None:
            process, ends = template.copy(standby_main, tuple(backends))
        else:
            process, ends = start_child(standby_main, tuple(backends), "cluster4npu-worker-standby")
        return cls(number, process, Channel(ends), None)

    def become(self, spec: WorkerSpec, load_timeout_s: float) -> bool:
        """Let a process that stands by be this worker; False when it cannot, since it has just died."""
        data = pickle.dumps(spec)
        if len(data) > _MOST_SPEC:  # more than the empty pipe takes at once: nobody here waits for a reader
            return False
        try:
            self.channel.writer.send_bytes(data)
        except OSError:
            return False
        self.due_s = time.monotonic() + load_timeout_s
        return True

    def tell(self, records: Sequence[Record]) -> None:
        """Send records, to nobody if the process has just died."""
        with contextlib.suppress(OSError):  # its sentinel tells it in a moment
            self.channel.send(records)

    def hand(self, works: Sequence[Handed]) -> None:
        """Hand slots over, to nobody if the process has just died."""
        try:
            self.channel.hand(works)
        except OSError:
            return  # its sentinel tells it in a moment

    def end(self, reason: str) -> None:
        """Kill the process and return at once: its sentinel tells when nothing of it writes any more."""
        if not self.ending:
            self.ending = reason
            self.due_s = time.monotonic() + KILL_TIMEOUT_S
            self.process.kill()

    @property
    def was_killed(self) -> bool:
        """Tell whether somebody else has ended the process; what crashes does not end by these signals."""
        return not self.ending and self.process.exitcode in _FROM_OUTSIDE

    @property
    def exit_reason(self) -> str:
        """Return why the process is gone."""
        code = self.process.exitcode
        if self.ending or code is None:
            return self.ending or "its process is gone"
        if code < 0:
            return f"its process was ended by signal {-code}"
        return f"its process ended with code {code}"

    def close(self, timeout_s: float) -> None:
        """Throw the pipe away, and make sure that the process is gone."""
        self.channel.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join(timeout_s)
