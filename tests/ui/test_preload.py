"""Pages are loaded beforehand on a thread: without a word on the terminal, and the window opens them as ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_CODE = """
import os
import sys
from cluster4npu.ui.app import make_application
app = make_application()
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.preload import Preload
window = MainWindow()
window.show()
assert "cluster4npu.ui.workspace" not in sys.modules
preload = Preload()
preload.start()
while preload.busy:
    app.processEvents()
before = set(sys.modules)
window.show_designer()
window.show_history()
window.show_wizard()
app.processEvents()
print(sorted(name for name in set(sys.modules) - before if name.startswith("cluster4npu.ui")), flush=True)
os._exit(0)  # threads that look for devices may still be at work
"""


def test_pages_that_were_loaded_beforehand_load_nothing_when_they_open(tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "CLUSTER4NPU_DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _CODE], env=environment, capture_output=True, text=True
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith("This plugin does not support")]
    assert said == []
    assert done.returncode == 0
    assert done.stdout.strip() == "[]"
