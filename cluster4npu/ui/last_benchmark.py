"""Looks up the newest benchmark of a pipeline in the store, on a thread of its own."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.dialogs.comparison import Comparison


class LastBenchmark(QObject):
    """`found` carries a Comparison; nothing comes where there is none, or where the store cannot be read now."""

    found = Signal(object)

    def __init__(self, store: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._looking: Background | None = None

    def look(self, pipeline: PipelineConfig) -> None:
        """Begin to look for this pipeline's; an earlier search is forgotten."""
        if self._looking is not None:
            self._looking.abandon()
        if not self._store.exists():
            return  # reading makes no store
        path, digest = self._store, pipeline.digest()

        def ask(_report: object) -> Comparison | None:
            from cluster4npu.core.store import Store  # DuckDB: not before the window is seen

            with Store(path) as store:
                record = store.latest("benchmark", digest)
            return Comparison.of(record.detail) if record is not None else None

        self._looking = Background(ask, "last-benchmark")
        self._looking.succeeded.connect(self._tell)
        self._looking.start()  # a store that cannot be read is told by the history, which shows all of it

    def _tell(self, comparison: Comparison | None) -> None:
        if comparison is not None and comparison.sides:
            self.found.emit(comparison)
