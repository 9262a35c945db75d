"""Texts in the user's language: English stands in the code, a Qt translation file may stand beside it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, QTranslator

from cluster4npu.core.settings import data_dir

CONTEXT = "cluster4npu"


def tr(text: str) -> str:
    """Return a text in the user's language, or as it is where nobody has translated it.

    Gaps are named by number and filled afterwards, since another language may need them in another order:
    `tr("{0} of {1}").format(done, wanted)`.
    """
    return QCoreApplication.translate(CONTEXT, text)


def install_translation(app: QCoreApplication, locale: QLocale | None = None) -> QTranslator | None:
    """Take `cluster4npu_LANGUAGE.qm` from the folder `translations` of the data folder; None: there is none."""
    translator = QTranslator(app)
    folder: Path = data_dir() / "translations"
    if not translator.load(locale or QLocale(), "cluster4npu", "_", str(folder)):
        return None
    app.installTranslator(translator)
    return translator
