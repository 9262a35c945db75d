"""A progress bar on stderr, drawn on a terminal only."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

from cluster4npu.cli.console import Console

_WIDTH = 28
_PERIOD_S = 0.1


class Progress:
    """One line that is redrawn in place, at most ten times a second, and wiped at the end."""

    def __init__(self, console: Console) -> None:
        self._shown = console.interactive
        self._drawn_at = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.wipe()

    def update(self, fraction: float | None, text: str) -> None:
        """Show how far it is (0..1; None: the end is not known) and what goes on."""
        now = time.monotonic()
        if not self._shown or now - self._drawn_at < _PERIOD_S:
            return
        self._drawn_at = now
        bar = ""
        if fraction is not None:
            done = round(_WIDTH * min(max(fraction, 0.0), 1.0))
            bar = f"[{'#' * done}{'.' * (_WIDTH - done)}] {fraction:4.0%}  "
        columns = shutil.get_terminal_size().columns
        sys.stderr.write("\r" + (bar + text)[: columns - 1].ljust(columns - 1))
        sys.stderr.flush()

    def wipe(self) -> None:
        """Take the line away, so that other text can follow."""
        if self._shown and self._drawn_at:
            sys.stderr.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            sys.stderr.flush()
            self._drawn_at = 0.0
