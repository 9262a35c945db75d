"""The pseudo-translation is longer, keeps what is no word, and leaves nothing in English."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication

from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.pseudo import PseudoTranslator, pseudo
from cluster4npu.ui.text import drop_translator, use_translator


@pytest.mark.parametrize("text", ["Open file", "Frames per second are counted at the end of each period."])
def test_words_become_longer(text: str) -> None:
    assert len(pseudo(text)) >= 1.35 * len(text)
    assert pseudo(pseudo(text)) == pseudo(text)


@pytest.mark.parametrize("text", ["", "⋯", "12.5", "—", "50%"])
def test_what_is_no_word_stays(text: str) -> None:
    assert pseudo(text) == text


def test_markup_stays_whole() -> None:
    assert "<b>" in pseudo("<b>Bold words</b>&nbsp;here") and "&nbsp;" in pseudo("<b>Bold</b>&nbsp;here")


def test_a_window_in_a_longer_language_fits(
    qapp: QApplication, make_window: Callable[[], MainWindow]
) -> None:
    translator = PseudoTranslator(qapp)
    use_translator(qapp, translator)
    window = make_window()
    drop_translator(qapp, translator)
    assert window.start_page.wizard.text().startswith("[")
    assert window.minimumSizeHint().width() <= 1280
