"""Starts the program: `python -m cluster4npu` is the same as `cluster4npu`; Ctrl-C is heard from here on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from cluster4npu.cli.main import main as run

        return run()
    except KeyboardInterrupt:  # before the command line could see to it, or after it was done
        sys.stderr.write("Stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
