"""Whatever the window says can be translated: no text of its own goes past `tr`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import PySide6
import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel

import cluster4npu.ui
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.pseudo import PseudoTranslator, pseudo
from cluster4npu.ui.text import drop_translator, install_translation, tr, use_translator
from devtools.texts import write

FOLDER = Path(cluster4npu.ui.__file__).parent
TOOLS = {
    "screenshots.py",
    "pseudo.py",
    "render.py",
    "animation.py",
}  # seen by no user of the window
SHOWN = {
    "setText", "setToolTip", "setWindowTitle", "setPlaceholderText", "setAccessibleName", "setAccessibleDescription",
    "setTitle", "setInformativeText", "setStatusTip", "setLabelText", "setSubTitle", "setTabText", "setButtonText",
    "addAction", "addMenu", "addTab", "addRow", "show_text", "tell", "showMessage", "question", "information",
    "warning", "critical", "getOpenFileName", "getSaveFileName", "getExistingDirectory", "getText",
    "QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "QAction", "QMenu", "QToolBar", "QDockWidget",
    "plain_label", "words", "CardGroup", "ElidedLabel",
}  # fmt: skip
FIRST_ONLY = {"show_text", "tell", "words", "setTabText"}  # the others are names of roles
LOGGERS = {"_log", "log"}


def bare_texts(path: Path) -> Iterator[str]:
    """Return the texts in calls that show something, where they do not go through `tr`."""
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        of_log = isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") in LOGGERS
        if name not in SHOWN or of_log:
            continue
        for argument in call.args[:1] if name in FIRST_ONLY else call.args:
            for text in _texts(argument):
                if re.search("[A-Za-z]{2}", re.sub("<[^>]*>", "", text)):
                    yield f"{path.name}:{call.lineno}: {name}({text!r})"


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            yield "".join(v.value for v in values if isinstance(v, ast.Constant))
        case ast.IfExp(body=body, orelse=other):
            yield from _texts(body)
            yield from _texts(other)
        case _:
            return


def test_every_text_in_the_sources_goes_through_tr() -> None:
    paths = [
        path
        for path in sorted(FOLDER.rglob("*.py"))
        if path.name not in TOOLS and "gallery" not in path.parts
    ]
    assert len(paths) > 80
    assert [found for path in paths for found in bare_texts(path)] == []


def test_the_scan_finds_what_goes_past_tr(tmp_path: Path) -> None:
    path = tmp_path / "wrong.py"
    path.write_text('label.setText("Words")\nQLabel(f"{n} words")\nQLabel(tr("Words"))\nQLabel("<p>")\n')
    assert len(list(bare_texts(path))) == 2


@pytest.fixture
def translated(qapp: QApplication) -> Iterator[None]:
    """Let every text be answered by the pseudo-translation."""
    translator = PseudoTranslator(qapp)
    use_translator(qapp, translator)
    yield
    drop_translator(qapp, translator)


@pytest.mark.usefixtures("translated")
def test_a_window_in_another_language_speaks_it(window: MainWindow) -> None:
    assert tr("Run") == pseudo("Run")
    assert tr("{0} of {1}").format(1, 2).startswith("[1")
    window.show_designer()
    english = re.compile(r"^[A-Za-z][a-z]{2,}[ a-zA-Z,.']*$")
    shown = [w for w in window.findChildren(QLabel) if english.match(w.text())]
    shown += [b for b in window.start_page.findChildren(QAbstractButton) if english.match(b.text())]
    names = {"Cluster4NPU"}
    assert {w.text() for w in shown} - names == set()
    actions = window.actions_by_name.by_name.values()
    assert [a.text() for a in actions if a.text() and not a.text().startswith(("[", "~"))] == []


def test_without_a_file_of_the_language_it_stays_english(qapp: QApplication) -> None:
    assert install_translation(qapp, QLocale("sv")) is None
    assert tr("Run") == "Run"


def test_a_translation_file_is_made_and_taken(qapp: QApplication, data_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "cluster4npu_sv.ts"
    count = write(source)
    assert count > 500
    text = source.read_text(encoding="utf-8")
    for known in ("&amp;Run", "Track boxes", "Object detection", "{0:,} of {1:,} runs{2}"):
        assert f"<source>{known}</source>" in text
    release = Path(PySide6.__file__).parent / ("lrelease.exe" if sys.platform == "win32" else "lrelease")
    if not release.exists():
        pytest.skip("this PySide6 brings no lrelease")
    empty = '<source>Track boxes</source>\n      <translation type="unfinished" />'
    assert empty in text
    done = text.replace(empty, "<source>Track boxes</source><translation>F\u00f6lj rutor</translation>")
    source.write_text(done, encoding="utf-8")
    target = data_folder / "translations" / "cluster4npu_sv.qm"
    target.parent.mkdir(parents=True)
    subprocess.run([release, source, "-qm", target], check=True, capture_output=True)
    translator = install_translation(qapp, QLocale("sv"))
    assert translator is not None
    assert (tr("Track boxes"), tr("Preview")) == ("F\u00f6lj rutor", "Preview")
    drop_translator(qapp, translator)
