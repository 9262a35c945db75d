"""Starts the program: `python -m cluster4npu` is the same as `cluster4npu`; Ctrl-C is heard from here on."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from cluster4npu.cli.main import main as run

        code = run()
    except KeyboardInterrupt:  # before the command line could see to it, or after it was done
        sys.stderr.write("Stopped.\n")
        code = 130
    if code == 130:
        # Where Ctrl-C came within an exec() of a text, as dataclasses do when they are made, CPython remembers it as
        # not handled and ends by that signal after all. Another exec() makes it forget.
        exec("")
    if "PySide6.QtWidgets" in sys.modules:
        from cluster4npu.core.leaving import end_process

        end_process(code)
    return code


if __name__ == "__main__":
    sys.exit(main())
