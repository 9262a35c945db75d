"""Draws every panel and dialog to be looked at: light and dark, 1x and 2x, in English and in the pseudo-translation.

Use: `python dev.py screenshots`, or `python -m cluster4npu.ui.gallery FOLDER [PART OF A SCENE'S NAME]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from cluster4npu.core.leaving import end_process
from cluster4npu.ui.gallery.draw import LANGUAGES, SCALES, main

_LIMIT_S = 900.0


def draw_everything(folder: str, only: str = "") -> int:
    """Draw each language and scale in a process of its own, some at a time; return the exit code."""
    kinds = [(language, scale) for scale in SCALES for language in LANGUAGES]
    started = time.monotonic()

    def one(kind: tuple[str, int]) -> int:
        words = [sys.executable, "-m", "cluster4npu.ui.gallery", folder, only, kind[0], str(kind[1])]
        return subprocess.run(words, timeout=_LIMIT_S, check=False).returncode

    with ThreadPoolExecutor(max_workers=min(len(kinds), os.cpu_count() or 1)) as several:
        codes = list(several.map(one, kinds))
    print(f"in {folder}, after {time.monotonic() - started:.0f} s")
    return max(codes)


def _asked(arguments: list[str]) -> int:
    match arguments:
        case [folder] | [folder, ""]:
            return draw_everything(folder)
        case [folder, only]:
            return draw_everything(folder, only)
        case [folder, only, language, scale]:
            return main(folder, language, int(scale), only)
    print("use: python -m cluster4npu.ui.gallery FOLDER [PART OF A SCENE'S NAME]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    code = _asked(sys.argv[1:])
    end_process(code)
