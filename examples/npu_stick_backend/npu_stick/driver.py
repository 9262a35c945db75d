"""Stands for a vendor's SDK: the stick is imaginary, the results are real, computed on one thread of the processor.

The calls are those that SDKs of such sticks have: count, open (one process at a time), load, submit, wait, close.
`NPU_STICKS` in the environment says how many sticks are plugged in, 1 by default.
"""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO

import numpy as np
import onnxruntime


class StickError(Exception):
    """What the driver raises: no such stick, one in use, a model that it cannot load, a tensor that does not fit."""


def stick_count() -> int:
    """Return how many sticks are plugged in."""
    text = os.environ.get("NPU_STICKS", "1")
    if not text.isdecimal():
        raise StickError(f"NPU_STICKS is {text!r}, not a number")
    return int(text)


class Stick:
    """One stick, open in this process and in no other until `close` or the process's end."""

    def __init__(self, index: int) -> None:
        if index >= stick_count():
            raise StickError(f"there is no stick {index}")
        self._lock = _lock(Path(tempfile.gettempdir()) / f"npu-stick-{index}.lock", index)
        self._session: onnxruntime.InferenceSession | None = None
        self._work: queue.Queue[tuple[int, np.ndarray] | None] = queue.Queue()
        self._done: dict[int, list[np.ndarray] | Exception] = {}
        self._changed = threading.Condition()
        self._tickets = 0
        self._thread = threading.Thread(target=self._serve, name=f"npu-stick-{index}", daemon=True)
        self._thread.start()

    def load(self, model: Path) -> onnxruntime.InferenceSession:
        """Load an ONNX file; returns what describes its inputs and outputs."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise StickError(str(error)) from error
        return self._session

    def submit(self, tensor: np.ndarray) -> int:
        """Hand a tensor to the stick and return the ticket to wait with; the tensor is borrowed until then."""
        self._tickets += 1
        self._work.put((self._tickets, tensor))
        return self._tickets

    def wait(self, ticket: int) -> list[np.ndarray]:
        """Return the outputs of a ticket, once; raises StickError where they could not be computed."""
        with self._changed:
            self._changed.wait_for(lambda: ticket in self._done)
            outputs = self._done.pop(ticket)
        if isinstance(outputs, Exception):
            raise StickError(str(outputs)) from outputs
        return outputs

    def close(self) -> None:
        """Give the stick back; may be called twice."""
        self._work.put(None)
        self._thread.join()
        self._session = None
        self._lock.close()  # and with it the lock

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            ticket, tensor = item
            outputs: list[np.ndarray] | Exception
            try:
                if self._session is None:
                    raise StickError("no model is loaded")
                outputs = self._session.run(None, {self._session.get_inputs()[0].name: tensor})
            except Exception as error:  # whatever it is, it belongs to whoever waits for this ticket
                outputs = error
            with self._changed:
                self._done[ticket] = outputs
                self._changed.notify_all()


def _lock(path: Path, index: int) -> IO[bytes]:
    """Take the stick for this process. The system lets go of it when the process ends, however that happens."""
    file = path.open("a+b")
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StickError(f"stick {index} is in use by another process") from error
    return file
