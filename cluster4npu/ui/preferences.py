"""What the window remembers from one start to the next, in an ini file in the user's data folder."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.alerts import AlertRule
from cluster4npu.core.settings import data_dir

MAX_RECENT = 12
_LAYOUT_VERSION = 1


class Preferences:
    """Recent files, theme, alerts, and the places of window and panels."""

    def __init__(self) -> None:
        self._settings = QSettings(str(data_dir() / "window.ini"), QSettings.Format.IniFormat)

    @property
    def recent(self) -> list[Path]:
        """Return the files that were opened or saved, newest first; some may be gone."""
        return [Path(entry) for entry in self._list("recent") if isinstance(entry, str)]

    def remember(self, path: Path) -> None:
        """Put a file at the top of the recent ones."""
        self._set_recent([path, *(other for other in self.recent if other != path)][:MAX_RECENT])

    def forget(self, path: Path) -> None:
        """Take a file out of the recent ones."""
        self._set_recent([other for other in self.recent if other != path])

    @property
    def theme(self) -> str:
        return str(self._settings.value("theme", "system"))

    @theme.setter
    def theme(self, mode: str) -> None:
        self._settings.setValue("theme", mode)

    @property
    def alert_rules(self) -> list[AlertRule]:
        """Return the user's alerts; entries that are none are left out."""
        rules = []
        for entry in self._list("alerts"):
            with contextlib.suppress(InputError):  # a file that was edited by hand must not stop the window
                rules.append(AlertRule.of(entry))
        return rules

    @alert_rules.setter
    def alert_rules(self, rules: list[AlertRule]) -> None:
        self._settings.setValue("alerts", json.dumps([rule.as_dict() for rule in rules]))

    @property
    def layout_name(self) -> str:
        """Return the name of the arrangement of panels that was in use, "" at first."""
        return str(self._settings.value("layout_name", ""))

    @layout_name.setter
    def layout_name(self, name: str) -> None:
        self._settings.setValue("layout_name", name)

    @property
    def tour_seen(self) -> bool:
        """Tell whether the tour of the first start was read or skipped."""
        return str(self._settings.value("tour_seen", "no")) == "yes"

    @tour_seen.setter
    def tour_seen(self, seen: bool) -> None:
        self._settings.setValue("tour_seen", "yes" if seen else "no")

    @property
    def advanced(self) -> bool:
        """Tell whether the property panel shows every setting."""
        return str(self._settings.value("advanced", "no")) == "yes"

    @advanced.setter
    def advanced(self, on: bool) -> None:
        self._settings.setValue("advanced", "yes" if on else "no")

    def layout(self, name: str) -> QByteArray:
        """Return what was kept of a window's layout under this name; empty when nothing fits this version."""
        value = self._settings.value(f"layout{_LAYOUT_VERSION}/{name}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep_layout(self, name: str, value: QByteArray) -> None:
        """Keep a window's layout."""
        self._settings.setValue(f"layout{_LAYOUT_VERSION}/{name}", value)

    def sync(self) -> None:
        """Write the file now."""
        self._settings.sync()

    def _list(self, name: str) -> list[object]:
        try:
            entries = json.loads(str(self._settings.value(name, "[]")))
        except ValueError:
            return []
        return entries if isinstance(entries, list) else []

    def _set_recent(self, paths: list[Path]) -> None:
        self._settings.setValue("recent", json.dumps([str(path) for path in paths]))
