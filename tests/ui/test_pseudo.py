"""The pseudo-translation is longer, keeps what is no word, and leaves nothing in English."""

from __future__ import annotations

import pytest

from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.pseudo import pseudo, translate


@pytest.mark.parametrize("text", ["Open file", "Frames per second are counted at the end of each period."])
def test_words_become_longer(text: str) -> None:
    assert len(pseudo(text)) >= 1.35 * len(text)
    assert pseudo(pseudo(text)) == pseudo(text)


@pytest.mark.parametrize("text", ["", "⋯", "12.5", "—", "50%"])
def test_what_is_no_word_stays(text: str) -> None:
    assert pseudo(text) == text


def test_markup_stays_whole() -> None:
    assert "<b>" in pseudo("<b>Bold words</b>&nbsp;here") and "&nbsp;" in pseudo("<b>Bold</b>&nbsp;here")


def test_a_window_is_translated_and_fits(window: MainWindow) -> None:
    translate(window)
    assert window.start_page.wizard.text().startswith("[")
    assert window.actions_by_name["run"].text().startswith("[")
    assert window.minimumSizeHint().width() <= 1280
