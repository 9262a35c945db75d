"""Settings that must stand before the first test module is imported."""

import os

# Qt reads this when it is first imported; whoever wants real windows sets it to "xcb".
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
