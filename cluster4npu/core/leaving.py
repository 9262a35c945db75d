"""The end of a process whose objects are not worth taking apart."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Do all that is to be done at the end, and end the process without taking Python's objects apart.

    That takes 0.2 s where many packages are imported, for which somebody may have to wait who pressed Ctrl-C. Qt and
    DuckDB hold each other's objects in cycles that Python finds too late: DuckDB would print pages of them. And where
    Ctrl-C came within an exec() of a text, as dataclasses do when they are made, Python would end by that signal after
    all.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the end already
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
