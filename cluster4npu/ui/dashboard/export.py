"""Any chart as a file: PNG and SVG of what is seen, CSV of the numbers behind it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QToolButton, QWidget

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.files import write_whole
from cluster4npu.core.reasons import reason_of
from cluster4npu.ui import theme
from cluster4npu.ui.text import told_problem, tr

Table = tuple[Sequence[str], Iterable[Sequence[object]]]

FORMATS = {".png": "PNG picture (*.png)", ".svg": "SVG drawing (*.svg)", ".csv": "CSV table (*.csv)"}
_ZOOM = 2  # a picture is for print and for slides: twice the pixels of the screen


def save(widget: QWidget, table: Callable[[], Table], path: Path) -> None:
    """Write a chart into a file in the format of its suffix; raises InputError when that is not possible."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise InputError(
            Problem(
                "this is no format for a chart",
                field="file",
                found=path.name,
                allowed=", ".join(FORMATS),
                hint="Choose one of these endings.",
            )
        )
    try:
        if suffix == ".csv":
            write_whole(path, csv_text(*table()))
        elif suffix == ".svg":
            write_whole(path, svg_text(widget))
        elif not picture(widget).save(str(path)):
            raise OSError(0, "the folder does not exist or cannot be written to")
    except OSError as error:
        problem = Problem("the chart cannot be written", field="file", found=f"{path}: {reason_of(error)}")
        raise InputError(problem) from error


def picture(widget: QWidget) -> QImage:
    """Return what a widget shows, at twice its resolution and on the colour of the window."""
    image = QImage(widget.size() * _ZOOM, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_ZOOM)
    image.fill(theme.colors().window)
    widget.render(image)
    return image


def svg_text(widget: QWidget) -> str:
    """Return what a widget shows as an SVG drawing."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(widget.size()))
    generator.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    generator.setTitle(widget.accessibleName())
    painter = QPainter(generator)
    painter.fillRect(widget.rect(), theme.colors().window)
    widget.render(painter, QPoint())
    painter.end()
    return bytes(data.data()).decode("utf-8")


def csv_text(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV; None is an empty cell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headers)
    writer.writerows(rows)
    return out.getvalue()


class ExportButton(QToolButton):
    """A small button with a menu: the chart's own actions, then saving it."""

    def __init__(self, chart: QWidget, name: str, table: Callable[[], Table]) -> None:
        super().__init__(chart)
        self._chart, self._name, self._table = chart, name, table
        self.setText("⋯")
        self.setAutoRaise(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setToolTip(tr("{0}: view, and save as PNG, SVG or CSV").format(name))
        self.setAccessibleName(tr("Menu of the chart {0}").format(name))
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        menu = QMenu(self)
        for suffix, title in FORMATS.items():
            action = menu.addAction(tr("Save as {0}…").format(title.split()[0]))
            action.triggered.connect(lambda _=False, suffix=suffix: self.ask(suffix))
        self.setMenu(menu)

    def ask(self, suffix: str) -> None:
        """Let the user choose where to write the chart, and write it there."""
        place = Path.home() / f"{self._name.lower().replace(' ', '-')}{suffix}"
        name, _ = QFileDialog.getSaveFileName(
            self.window(), tr("Save {0}").format(self._name), str(place), FORMATS[suffix]
        )
        if name:
            path = Path(name)
            self.write(path if path.suffix else path.with_suffix(suffix))

    def write(self, path: Path) -> bool:
        """Write the chart; says so where it cannot be written, and returns False then."""
        try:
            save(self._chart, self._table, path)
        except InputError as error:
            box = QMessageBox(QMessageBox.Icon.Warning, "Not saved", "", parent=self.window())
            box.setTextFormat(Qt.TextFormat.PlainText)
            box.setText(told_problem(error.problems[0]))
            box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            box.open()
            return False
        return True
