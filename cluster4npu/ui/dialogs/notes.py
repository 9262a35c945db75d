"""What stands under a comparison's figures, in the user's language."""

from __future__ import annotations

from cluster4npu.ui.dialogs.comparison import Comparison
from cluster4npu.ui.text import told, tr


def note_text(result: Comparison) -> str:
    """Return what to know beside the figures, then the warnings, a line each; "" where there is nothing."""
    lines = [told(note) for note in result.notes]
    return "\n".join([*lines, *(tr("Note: {0}").format(told(warning)) for warning in result.warnings)])
