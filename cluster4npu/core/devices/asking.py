"""Asking backends for their devices in a process of their own: a driver that hangs or crashes takes nobody with it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

LIMIT_S = 30.0  # for one backend; importing a large framework from a slow disk takes ten
TOLD_AFTER_S = 5.0
CHILD = "cluster4npu.core.devices.asked"
_START_S = 60.0  # for the process itself
_KNOWN = "CLUSTER4NPU_BACKENDS_ASKED"  # in the environment, so that each process of a run need not ask again

_log = logging.getLogger(__name__)

Answer = list[DeviceInfo] | str  # str: why there is none
Told = Callable[[str], None]


class _NoAnswerError(Exception):
    """Why there is none, and there will be no other of this process."""


def ask(names: Sequence[str], limit_s: float = LIMIT_S, told: Told | None = None) -> dict[str, Answer]:
    """Return what each backend lists ("own:KEY" or "entry:NAME"), or why it did not answer within `limit_s`.

    One process asks them in turn; where it hangs or ends, that backend has no answer, and another asks the rest.
    `told` gets a line when one takes long; without it the line is logged.
    """
    answers: dict[str, Answer] = {}
    while left := [name for name in names if name not in answers]:
        _ask_in_turn(left, limit_s, told or _log.warning, answers)
    return answers


def _ask_in_turn(names: Sequence[str], limit_s: float, told: Told, answers: dict[str, Answer]) -> None:
    """Ask until all have answered, or one has not; adds at least one answer."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", CHILD, *names]
    child = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(child, lines), name="asking", daemon=True)
    reader.start()
    name = names[0]
    try:
        _next(lines, child, _START_S, None)  # that it is there
        for name in names:
            waiting = f"waiting for '{name.partition(':')[2]}' to list its devices, {limit_s:g} s at most"
            answers[name] = _next(lines, child, limit_s, partial(told, waiting))
    except _NoAnswerError as error:
        answers[name] = str(error)
    finally:
        child.kill()
        child.wait(5.0)
        reader.join(5.0)


def _read(child: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert child.stdout is not None
    with child.stdout as stream, contextlib.suppress(ValueError):
        for line in stream:
            lines.put(line)
    lines.put("")


def _next(
    lines: queue.Queue[str], child: subprocess.Popen[str], limit_s: float, tell: Callable[[], None] | None
) -> Answer:
    """Return the next answer; raises _NoAnswerError."""
    line = None
    soon_s = min(TOLD_AFTER_S, limit_s)
    for wait_s, more in ((soon_s, True), (limit_s - soon_s, False)):
        with contextlib.suppress(queue.Empty):
            line = lines.get(timeout=wait_s)
            break
        if more and tell is not None:
            tell()
    if line is None:
        raise _NoAnswerError(f"it did not list its devices within {limit_s:g} s")
    if not line:
        code = child.wait(5.0)
        how = f"signal {-code}" if code < 0 else f"code {code}"
        raise _NoAnswerError(f"asking it for its devices ended the process ({how})")
    record = json.loads(line)
    return str(record["failed"]) if record["failed"] else [_device(item) for item in record["devices"]]


def _device(item: Mapping[str, Any]) -> DeviceInfo:
    plain = {**item, "precisions": tuple(item["precisions"]), "health": DeviceHealth(**item["health"])}
    return DeviceInfo(**plain)


def why_broken(entries: Sequence[EntryPoint]) -> dict[str, str]:
    """Return, by the name of each entry point, why its backend cannot be used, "" where it can.

    Kept in the environment for the processes that this one starts.
    """
    keys = {entry.name: f"{entry.name}={entry.value}" for entry in entries}
    known: dict[str, str] = json.loads(os.environ.get(_KNOWN, "{}"))
    unknown = [name for name, key in keys.items() if key not in known]
    for name, answer in ask([f"entry:{name}" for name in unknown]).items():
        known[keys[name.partition(":")[2]]] = answer if isinstance(answer, str) else ""
    if unknown:
        os.environ[_KNOWN] = json.dumps(known)
    return {name: known[key] for name, key in keys.items()}
