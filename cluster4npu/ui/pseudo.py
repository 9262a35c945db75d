"""A pseudo-translation: every text 40% longer and with accents, to see what longer words would break, and what is not
translated at all.
"""

from __future__ import annotations

import re

from PySide6.QtCore import QTranslator

GROWTH = 0.4
_WORD_LENGTH = 6  # of what is added: lines break between words
_ACCENTS = str.maketrans("aeiouyAEIOUYcnsz", "åéîöüýÅÉÎÖÜÝçñšž")
_LEFT_ALONE = re.compile(r"<[^>]*>|&\w+;|\{[^}]*\}")  # markup, entities, gaps to be filled
_KEYS = {"QShortcut", "QKeySequence"}
_WORD = re.compile(r"[A-Za-z]{2}")


def pseudo(text: str) -> str:
    """Return a text as a longer language would have it; what has no words (figures, icons) stays."""
    if not _WORD.search(_LEFT_ALONE.sub("", text)) or text.startswith("["):
        return text
    parts = _LEFT_ALONE.split(text)
    kept = _LEFT_ALONE.findall(text)
    changed = [part.translate(_ACCENTS) for part in parts]
    grown = "".join(part + mark for part, mark in zip(changed, [*kept, ""], strict=True))
    longer = max(1, round(len(_LEFT_ALONE.sub("", text)) * GROWTH) - 2)
    filler = ("~" * _WORD_LENGTH + " ") * (longer // (_WORD_LENGTH + 1)) + "~" * (longer % (_WORD_LENGTH + 1))
    filler = filler.strip()
    return f"[{grown} {filler}]" if " " in text else f"[{grown}{filler}]"


class PseudoTranslator(QTranslator):
    """Answers every text with `pseudo`: what is still in English then goes past `tr`."""

    def isEmpty(self) -> bool:  # noqa: N802 (Qt's name)
        return False

    def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str:
        # Qt's own texts, too ("Cancel", "Next"); the names of keys are those on the keyboard.
        return pseudo(text) if context not in _KEYS else None  # type: ignore[return-value]  # None: not translated
