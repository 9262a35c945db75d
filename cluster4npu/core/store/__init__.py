"""The result store: one DuckDB file with runs, their figures, conditions and raw samples. All SQL is here."""

from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.recording import record_of_run
from cluster4npu.core.store.records import (
    SAMPLE,
    DeviceRecord,
    ModelRecord,
    PipelineRecord,
    ResultRecord,
    RunRecord,
    RunRow,
    SegmentRecord,
    StageRecord,
    Table,
)
from cluster4npu.core.store.store import Store

__all__ = [
    "SAMPLE",
    "DeviceRecord",
    "ModelRecord",
    "PipelineRecord",
    "ResultRecord",
    "RunRecord",
    "RunRow",
    "SegmentRecord",
    "StageRecord",
    "Store",
    "Table",
    "conditions",
    "record_of_run",
]
