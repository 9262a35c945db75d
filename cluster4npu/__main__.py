"""Starts the program: `python -m cluster4npu` is the same as `cluster4npu`."""

import sys

from cluster4npu.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
