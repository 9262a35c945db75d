"""Starts the program: `python -m cluster4npu` is the same as `cluster4npu`; Ctrl-C is heard from here on."""

from __future__ import annotations

import sys
from typing import NoReturn

from cluster4npu.core.leaving import end_process


def main() -> NoReturn:
    """Run the command line and end with its exit code."""
    try:
        from cluster4npu.cli.main import main as run

        code = run()
    except KeyboardInterrupt:  # before the command line could see to it, or after it was done
        sys.stderr.write("Stopped.\n")
        code = 130
    end_process(code)


if __name__ == "__main__":
    main()
