"""Draws every scene into a folder, light and dark, in one language and at one scale of the screen."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from pathlib import Path

from PySide6.QtWidgets import QWidget

from cluster4npu.core.errors import Cluster4NPUError, RunFailed
from cluster4npu.ui import theme
from cluster4npu.ui.app import make_application
from cluster4npu.ui.gallery.scenes import SCENES
from cluster4npu.ui.gallery.stage import Stage
from cluster4npu.ui.pseudo import PseudoTranslator
from cluster4npu.ui.render import hush_offscreen, settle
from cluster4npu.ui.text import use_translator

LANGUAGES = ("en", "pseudo")
SCALES = (1, 2)
MODES = ("light", "dark")
_SCREEN = (1920, 1200)
_DRESSED_MS = 60
_QUALITY = 70  # of a PNG this is only how hard it is pressed


def draw(folder: Path, language: str, scale: int, only: str = "") -> int:
    """Draw the scenes whose function's name holds `only`; return how many pictures, raises the error of a run.

    `scale` is that of the screen, so it has to be settled before there is an application: call this once in a process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        _set_screen(Path(data), scale)
        hush_offscreen()
        logging.disable(logging.WARNING)  # the scenes' own alerts
        app = make_application()
        if language != "en":
            use_translator(app, PseudoTranslator(app))
        drawn: list[Path] = []

        def visit(name: str, widget: QWidget) -> None:
            for mode in MODES:
                theme.apply_theme(app, mode)
                settle(_DRESSED_MS)
                drawn.append(_write(widget, folder / f"{name}-{language}-{mode}-{scale}x.png"))

        _play(Stage(app, Path(data), visit), only)
        return len(drawn)


def _play(stage: Stage, only: str) -> None:
    try:
        for scene in SCENES:
            if only in scene.__name__:
                scene(stage)
    finally:
        stage.close()


def _write(widget: QWidget, path: Path) -> Path:
    if not widget.grab().save(str(path), "PNG", _QUALITY):
        raise RunFailed(f"the picture {path} could not be written")
    return path


def _set_screen(data: Path, scale: int) -> None:
    """Give the process a screen of its own: large enough, and with so many pixels for one."""
    width, height = (side * scale for side in _SCREEN)
    screen = {"name": "gallery", "x": 0, "y": 0, "width": width, "height": height, "logicalDpi": 96, "dpr": 1}
    (data / "screen.json").write_text(json.dumps({"screens": [screen]}), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={data / 'screen.json'}"
    os.environ["QT_SCALE_FACTOR"] = str(scale)
    os.environ["CLUSTER4NPU_DATA"] = str(data)


def main(folder: str, language: str, scale: int, only: str = "") -> int:
    """Draw, tell how many, and return the exit code."""
    try:
        count = draw(Path(folder), language, scale, only)
    except Cluster4NPUError as error:
        print(f"error: {language}, {scale}x: {error}", file=sys.stderr)
        return 1
    print(f"{count} pictures, {language}, {scale}x", flush=True)
    return 0
