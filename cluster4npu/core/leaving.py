"""The end of a process that has drawn windows."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Do all that is to be done at the end, and end the process without taking Python's objects apart.

    Qt and DuckDB hold each other's objects in cycles that Python finds too late: DuckDB would print pages of them.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
