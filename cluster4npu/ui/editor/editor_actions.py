"""The editor's actions: names, keys and what they call. The context menu and the command palette show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence

from cluster4npu.ui.text import tr

if TYPE_CHECKING:
    from cluster4npu.ui.editor.editor import EnhancedPipelineEditor

_STEP = 12.0  # pixels that an arrow key moves a node
Key = QKeySequence | QKeySequence.StandardKey | str
Spec = tuple[str, str, Sequence[Key], Callable[[], object]]

MENU = (
    "edit",
    "cut",
    "copy",
    "duplicate",
    "bypass",
    "group",
    "connect",
    "disconnect",
    "insert",
    "delete",
)  # of a selection
CANVAS_MENU = ("paste", "comment", "find", "select_all", "fit", "arrange")
ALIGN = (
    ("align_left", "Align left edges", "Ctrl+Shift+Left", "left"),
    ("align_right", "Align right edges", "Ctrl+Shift+Right", "right"),
    ("align_top", "Align upper edges", "Ctrl+Shift+Up", "top"),
    ("align_bottom", "Align lower edges", "Ctrl+Shift+Down", "bottom"),
    ("align_center", "Align centers in a column", "Ctrl+Alt+C", "center"),
    ("align_middle", "Align middles in a row", "Ctrl+Alt+M", "middle"),
    ("spread_columns", "Spread evenly from left to right", "Ctrl+Alt+H", "columns"),
    ("spread_rows", "Spread evenly from top to bottom", "Ctrl+Alt+V", "rows"),
)


def make_actions(editor: EnhancedPipelineEditor) -> dict[str, QAction]:
    """Make every action of the editor, by name; their keys work while the editor has the focus."""
    actions = {}
    for name, text, shortcuts, slot in _specs(editor):
        action = QAction(tr(text), editor)
        action.setShortcuts([QKeySequence(key) for key in shortcuts])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(lambda _=False, slot=slot: slot())
        editor.addAction(action)
        actions[name] = action
    actions["minimap"].setCheckable(True)
    actions["minimap"].setChecked(True)
    return actions


def _specs(editor: EnhancedPipelineEditor) -> list[Spec]:
    keys = QKeySequence.StandardKey
    canvas = editor.canvas
    return [
        ("add", "Add a node…", ["Ins"], editor.search_node),
        ("delete", "Remove", ["Del", "Backspace"], editor.remove_selection),
        ("copy", "Copy", [keys.Copy], editor.copy_selection),
        ("cut", "Cut", [keys.Cut], editor.cut_selection),
        ("paste", "Paste", [keys.Paste], editor.paste),
        ("duplicate", "Duplicate", ["Ctrl+D"], editor.duplicate),
        ("bypass", "Bypass or use again", ["Ctrl+B"], editor.bypass_selection),
        ("group", "Group in a box", ["Ctrl+G"], editor.group_selection),
        ("comment", "Add comment", ["C"], editor.add_comment),
        ("edit", "Edit text", ["F2"], editor.edit_selection),
        ("properties", "Properties of the node", ["Return"], editor.edit_selection),
        ("connect", "Connect…", ["W"], editor.keyboard.connect_selected),
        ("disconnect", "Disconnect…", ["Shift+W"], editor.keyboard.disconnect_selected),
        ("insert", "Insert into a wire…", ["I"], editor.keyboard.insert_at_selected),
        ("find", "Find on the canvas…", [keys.Find], editor.finding.open),
        ("go_left", "Go to the node on the left", ["Ctrl+Left"], lambda: editor.keyboard.go(-1, 0)),
        ("go_right", "Go to the node on the right", ["Ctrl+Right"], lambda: editor.keyboard.go(1, 0)),
        ("go_up", "Go to the node above", ["Ctrl+Up"], lambda: editor.keyboard.go(0, -1)),
        ("go_down", "Go to the node below", ["Ctrl+Down"], lambda: editor.keyboard.go(0, 1)),
        ("select_all", "Select all", [keys.SelectAll], editor.select_all),
        ("fit", "Show all", ["F"], editor.fit),
        ("fit_selection", "Show the selection", ["Shift+F"], editor.fit_selection),
        ("actual_size", "Actual size", ["Ctrl+0"], lambda: canvas.zoom_by(1 / canvas.transform().m11())),
        ("minimap", "Overview in the corner", ["M"], editor.toggle_minimap),
        ("arrange", "Arrange nodes", ["Ctrl+L"], editor.arrange),
        *((name, text, [key], lambda kind=kind: editor.align(kind)) for name, text, key, kind in ALIGN),
        ("zoom_in", "Zoom in", [keys.ZoomIn, "Ctrl+="], lambda: canvas.zoom_by(1.2)),
        ("zoom_out", "Zoom out", [keys.ZoomOut], lambda: canvas.zoom_by(1 / 1.2)),
        ("left", "Move left", ["Left"], lambda: editor.nudge(-_STEP, 0)),
        ("right", "Move right", ["Right"], lambda: editor.nudge(_STEP, 0)),
        ("up", "Move up", ["Up"], lambda: editor.nudge(0, -_STEP)),
        ("down", "Move down", ["Down"], lambda: editor.nudge(0, _STEP)),
    ]
