"""The alerts of the dashboard: the thresholds, which of them are broken now, and the log of what happened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QHeaderView,
    QListWidget,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.metrics.alerts import (
    ABOVE,
    BELOW,
    METRICS,
    AlertEvent,
    AlertMonitor,
    AlertRule,
    rules_of,
)
from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.elided import ElidedLabel
from cluster4npu.ui.dashboard.export import ExportButton, Table
from cluster4npu.ui.text import tr

_MOST_LOGGED = 500
_MOST_RULES = 50
_Mode = QHeaderView.ResizeMode
_log = logging.getLogger("cluster4npu.alerts")


class AlertsPanel(QWidget):
    """Watches a run for what the user and the pipeline's targets ask for.

    `changed` carries how many alerts are active; `rules_edited` the user's own rules, to be kept.
    """

    changed = Signal(int)
    rules_edited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.monitor = AlertMonitor()
        self.user_rules: list[AlertRule] = []
        self._targets: list[AlertRule] = []
        self._events: list[tuple[str, AlertEvent]] = []
        self.table = QTreeWidget()
        self.table.setHeaderLabels([tr("Alert when"), tr("From"), tr("State")])
        self.table.setRootIsDecorated(False)
        header = self.table.header()
        header.setStretchLastSection(False)
        for column, mode in enumerate((_Mode.Stretch, _Mode.ResizeToContents, _Mode.ResizeToContents)):
            header.setSectionResizeMode(column, mode)
        self.table.setAccessibleName(tr("Alerts"))
        self.log = QListWidget()
        self.log.setAccessibleName(tr("What happened in this run"))
        self.log.setWordWrap(True)
        self.watched, self.side, self.threshold = self._fields()
        self.add_button, self.remove_button = QPushButton(tr("Add alert")), QPushButton(tr("Remove"))
        self.add_button.clicked.connect(self.add_rule)
        self.remove_button.clicked.connect(self.remove_rule)
        self.table.itemSelectionChanged.connect(self._selection_changed)
        self._lay_out()
        self._show_rules()

    # --- a run ---

    def begin(self, targets: Targets) -> None:
        """Start anew, for a run with these targets."""
        self._targets = rules_of(targets)
        self.monitor = AlertMonitor([*self._targets, *self.user_rules])
        self._events.clear()
        self.log.clear()
        self._show_rules()
        self.changed.emit(0)

    def update_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Judge the newest figures."""
        for event in self.monitor.update(snapshot):
            self._tell(event)

    def end(self) -> None:
        """The run is over: nothing is active any more, the log stays."""
        self.monitor.active.clear()
        self._show_states()
        self.changed.emit(0)

    # --- the user's rules ---

    def set_user_rules(self, rules: Sequence[AlertRule]) -> None:
        """Take over the rules that were kept."""
        self.user_rules = list(rules)
        self._rules_changed()

    def add_rule(self) -> None:
        """Add what the fields say; a rule that is there already is not added again."""
        rule = AlertRule(
            str(self.watched.currentData()), str(self.side.currentData()), self.threshold.value()
        )
        if rule not in self.user_rules and len(self.user_rules) < _MOST_RULES:
            self.user_rules.append(rule)
            self._rules_changed()
            self.rules_edited.emit(list(self.user_rules))

    def remove_rule(self) -> None:
        """Remove the selected rule, if it is one of the user's."""
        rule = self._selected()
        if rule in self.user_rules:
            self.user_rules.remove(rule)
            self._rules_changed()
            self.rules_edited.emit(list(self.user_rules))

    # --- inside ---

    def _tell(self, event: AlertEvent) -> None:
        clock = datetime.now().strftime("%H:%M:%S")
        (_log.warning if event.fired else _log.info)("alert %s", event.text())
        self._events = [*self._events, (clock, event)][-_MOST_LOGGED:]
        mark = "▲" if event.fired else "✓"
        self.log.insertItem(0, f"{mark} {clock}  {event.time_s:.1f} s  {event_text(event)}")
        if self.log.count() > _MOST_LOGGED:
            self.log.takeItem(self.log.count() - 1)
        self._show_states()
        self.changed.emit(len(self.monitor.active))

    def _rules_changed(self) -> None:
        before = len(self.monitor.active)
        self.monitor.set_rules([*self._targets, *self.user_rules])
        self._show_rules()
        if len(self.monitor.active) != before:
            self.changed.emit(len(self.monitor.active))

    def _show_rules(self) -> None:
        self.table.clear()
        for rule in [*self._targets, *self.user_rules]:
            item = QTreeWidgetItem(
                [rule_text(rule), tr("target") if rule.origin == "target" else tr("you"), ""]
            )
            item.setData(0, Qt.ItemDataRole.UserRole, rule)
            item.setToolTip(0, rule_text(rule))
            self.table.addTopLevelItem(item)
        self._show_states()
        self._selection_changed()

    def _show_states(self) -> None:
        for row in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(row)
            if item is not None:
                active = item.data(0, Qt.ItemDataRole.UserRole) in self.monitor.active
                item.setText(2, tr("▲ ALERT") if active else tr("✓ quiet"))

    def _selected(self) -> AlertRule | None:
        items = self.table.selectedItems()
        rule = items[0].data(0, Qt.ItemDataRole.UserRole) if items else None
        return rule if isinstance(rule, AlertRule) else None

    def _selection_changed(self) -> None:
        self.remove_button.setEnabled(self._selected() in self.user_rules)

    def _log_table(self) -> Table:
        rows = [
            (clock, event.time_s, "fired" if event.fired else "cleared", event.rule.text(), event.value)
            for clock, event in self._events
        ]
        return ["clock", "time (s)", "what", "alert", "value"], rows

    def _fields(self) -> tuple[QComboBox, QComboBox, QDoubleSpinBox]:
        metric, side, threshold = QComboBox(), QComboBox(), QDoubleSpinBox()
        for key, about in METRICS.items():
            metric.addItem(tr(about.title), key)
        for word in (BELOW, ABOVE):
            side.addItem(tr(word), word)
        threshold.setRange(0.0, 1e9)
        threshold.setDecimals(1)
        threshold.setValue(30.0)

        def show_unit() -> None:
            threshold.setSuffix(f" {tr(METRICS[metric.currentData()].unit)}")
            wanted = BELOW if metric.currentData() in ("fps", "throughput_mb_s") else ABOVE
            side.setCurrentIndex(side.findData(wanted))

        metric.currentIndexChanged.connect(show_unit)
        show_unit()
        for widget, name in ((metric, "Metric"), (side, "Below or above"), (threshold, "Threshold")):
            widget.setAccessibleName(tr(name))
        return metric, side, threshold

    def _lay_out(self) -> None:
        new = QHBoxLayout()
        for widget in (self.watched, self.side, self.threshold, self.add_button, self.remove_button):
            new.addWidget(widget)
        new.addStretch(1)
        left = QVBoxLayout()
        left.addWidget(self.table, 1)
        left.addLayout(new)
        title = ElidedLabel(tr("Log of this run"))
        theme.give_role(title, "subheading")
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(ExportButton(self.log, tr("Alert log"), self._log_table))
        right = QVBoxLayout()
        right.addLayout(head)
        right.addWidget(self.log, 1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 2)
        layout.addLayout(left, 3)
        layout.addLayout(right, 2)


def rule_text(rule: AlertRule) -> str:
    """Return a rule in words, like `AlertRule.text`, in the user's language."""
    about = METRICS[rule.metric]
    return tr("{0} {1} {2:g} {3}").format(tr(about.title), tr(rule.side), rule.threshold, tr(about.unit))


def event_text(event: AlertEvent) -> str:
    """Return what happened in words, like `AlertEvent.text`, in the user's language."""
    words = tr("{0} (it is {1:.4g} {2})") if event.fired else tr("over: {0} (it is {1:.4g} {2})")
    return words.format(rule_text(event.rule), event.value, tr(METRICS[event.rule.metric].unit))
