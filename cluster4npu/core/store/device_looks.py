"""How a device was in the stored runs of this machine: load, temperature, power and memory, look by look."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from cluster4npu.core.devices.history import Sample

if TYPE_CHECKING:
    import duckdb

_MOST = 2000

# Runs that went on side by side keep the same looks.
_SQL = """
    SELECT DISTINCT l.looked_at, l.status, l.utilization, l.temperature_c, l.power_w, l.memory_used_bytes
    FROM device_looks l JOIN runs r ON r.id = l.run_id JOIN hosts h ON h.id = r.host_id
    WHERE l.device = ? AND h.name = ? ORDER BY l.looked_at DESC LIMIT ?
"""


def device_looks(opened: duckdb.DuckDBPyConnection, device: str, host: str) -> tuple[Sample, ...]:
    """Return the newest looks at a device (its id without options) of the machine of this name, oldest first."""
    rows = opened.execute(_SQL, [device, host, _MOST]).fetchall()
    return tuple(Sample(at.replace(tzinfo=UTC).timestamp(), *readings) for at, *readings in reversed(rows))
