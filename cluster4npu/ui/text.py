"""Texts in the user's language: English stands in the code, a Qt translation file may stand beside it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from cluster4npu.core.errors import Problem
from cluster4npu.core.settings import data_dir
from cluster4npu.ui import told as catalogue

CONTEXT = "cluster4npu"


def tr(text: str) -> str:
    """Return a text in the user's language, or as it is where nobody has translated it.

    Gaps are named by number and filled afterwards, since another language may need them in another order:
    `tr("{0} of {1}").format(done, wanted)`.
    """
    return QCoreApplication.translate(CONTEXT, text)


_in_use: list[QTranslator] = []  # without one, texts of the core are shown as they are and not even read


def told(text: str) -> str:
    """Return what was put together elsewhere (a reason, a verdict, a warning of the core) in the user's language.

    Use this where the text is not known, and `tr` for one that stands here. One word alone may be a name: it stays.
    """
    return catalogue.translated(text, tr) if _in_use else text


def told_problem(problem: Problem) -> str:
    """Return a problem as one line, like `Problem.text`, in the user's language; what was found stays as it is."""
    if not _in_use:
        return problem.text()
    where = ".".join(part for part in (problem.node, problem.field) if part)
    message = told(problem.message)
    pieces = [f"{where}: {message}" if where else message]
    if problem.found:
        pieces.append(tr("found {0}").format(told(problem.found)))
    if problem.allowed:
        pieces.append(tr("allowed: {0}").format(told(problem.allowed)))
    line = "; ".join(pieces)
    return f"{line}. {told(problem.hint)}" if problem.hint else line


def use_translator(app: QCoreApplication, translator: QTranslator) -> None:
    """Let this translator answer from now on."""
    app.installTranslator(translator)
    _in_use.append(translator)


def drop_translator(app: QCoreApplication, translator: QTranslator) -> None:
    """Let this translator answer no more."""
    app.removeTranslator(translator)
    _in_use.remove(translator)


def install_translation(app: QCoreApplication, locale: QLocale | None = None) -> QTranslator | None:
    """Take `cluster4npu_LANGUAGE.qm` from the folder `translations` of the data folder; None: there is none.

    With it comes Qt's own catalogue of that language, for the buttons that Qt names ("Cancel", "Next").
    """
    translator = QTranslator(app)
    folder: Path = data_dir() / "translations"
    locale = locale or QLocale()
    if not translator.load(locale, "cluster4npu", "_", str(folder)):
        return None
    of_qt = QTranslator(app)
    if of_qt.load(locale, "qtbase", "_", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        app.installTranslator(of_qt)
    use_translator(app, translator)
    return translator
