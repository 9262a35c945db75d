"""Where a command's words go: the result to stdout (one object with --json), everything else to stderr."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.reasons import reason_of


class Console:
    """The two streams of one command.

    With `json` stdout belongs to the one object: whatever else writes there, be it a vendor's runtime in a
    worker process, comes out on stderr.
    """

    def __init__(self, *, json: bool = False, debug: bool = False) -> None:
        self.json = json
        self.debug = debug
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="replace")
        self._stdout = _reserve_stdout() if json else sys.stdout

    @property
    def interactive(self) -> bool:
        """Tell whether somebody watches stderr on a terminal."""
        return sys.stderr.isatty()

    def out(self, text: str = "") -> None:
        """Print a line of the result for people; nothing with --json."""
        if not self.json:
            self._write(visible(text))

    def object(self, value: Any) -> None:
        """Print the result for programs; nothing without --json. Called once per command."""
        if self.json:
            self._write(json.dumps(_plain(value), allow_nan=False))

    def _write(self, text: str) -> None:
        try:
            print(text, file=self._stdout)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _unwritable(error) from error

    def note(self, text: str) -> None:
        """Print a line about how it is going on stderr."""
        print(visible(text), file=sys.stderr, flush=True)

    def problem(self, problem: Problem) -> None:
        """Print one problem on stderr: what and where, then what was found, is allowed, and to do."""
        self.note(problem_text(problem))

    def error(self, error: Cluster4NPUError, result: Mapping[str, Any] | None = None) -> None:
        """Print an error; `result` is what the command's object holds in spite of it."""
        for problem in error.problems:
            self.problem(problem)
        if self.debug:
            traceback.print_exception(error, file=sys.stderr)
        self.object({**(result or {}), "ok": False, "error": [p.as_dict() for p in error.problems]})

    def flush(self) -> None:
        """Send everything off now, so that a closed pipe is noticed here and not at the interpreter's end."""
        try:
            self._stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.abandon()
            raise _unwritable(error) from error
        sys.stderr.flush()

    def close(self) -> bool:
        """Send off what is still to be printed; False when nobody could take it."""
        try:
            self.flush()
        except (BrokenPipeError, RunFailed):
            self.abandon()
            return False
        return True

    def abandon(self) -> None:
        """Drop what is left to print: its reader has gone, and Python must not complain of it at its end."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stdout.fileno())
        os.close(nowhere)


def visible(text: str) -> str:
    """Return the text with control characters written out: a name in a file must not steer the terminal."""
    return "\n".join(map(escaped, text.split("\n")))


def escaped(text: str) -> str:
    """Return a text as one line, with its control characters written out."""
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def _unwritable(error: OSError) -> RunFailed:
    return RunFailed(
        Problem(
            "the output cannot be written",
            found=f"standard output: {reason_of(error)}",
            hint="Free some space, or send the output elsewhere.",
        )
    )


def problem_text(problem: Problem) -> str:
    """Return a problem as a short block of text."""
    where = ".".join(part for part in (problem.node, problem.field) if part)
    lines = [f"{problem.severity}: {where + ': ' if where else ''}{problem.message}"]
    for label, text in (("found", problem.found), ("allowed", problem.allowed), ("to do", problem.advice())):
        if text:
            lines.append(f"  {label + ':':<9}{text}")
    return "\n".join(lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, left: int = 1) -> list[str]:
    """Return lines of a table; the first `left` columns are words, the others figures set to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(headings), *cells]) for i in range(len(headings))]
    return [
        "  ".join(
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [list(headings), *cells]
    ]


def figure(value: float | None, digits: int = 1, unit: str = "") -> str:
    """Return a number as text; "-" where it was not reported."""
    return "-" if value is None else f"{value:.{digits}f}{unit}"


def _plain(value: Any) -> Any:
    """Return the value in JSON's own types; what is not a number there becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        return _plain(value.item())
    return str(value)


def _reserve_stdout() -> Any:
    """Keep the real stdout for the caller; what others write there (child processes too) goes to stderr."""
    try:
        out, err = sys.stdout.fileno(), sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # replaced by something without a file behind it
        return sys.stdout
    sys.stdout.flush()
    own = os.fdopen(os.dup(out), "w", encoding="utf-8", newline="\n")
    os.dup2(err, out)
    return own
