"""What was measured, under which conditions: what makes two runs comparable, and what differs between them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from cluster4npu.core.pipeline.work import work_digest
from cluster4npu.core.store.records import RunRecord


@dataclass(frozen=True, slots=True)
class Identity:
    """A run's question and its conditions. `work` is a digest of the pipeline without devices and file names."""

    kind: str
    scenario: str
    load: str
    work: str
    model: str
    simulated: bool
    devices: tuple[str, ...]
    host: str
    versions: str

    @classmethod
    def of(cls, record: RunRecord) -> Identity:
        """Return the identity of a stored run."""
        detail = record.detail
        return cls(
            record.kind,
            str(detail.get("scenario") or ""),
            _load(detail.get("load")),
            work_digest(record.pipeline.text),
            record.model.sha256 if record.model else "",
            record.simulated,
            tuple(sorted(device.settled_id or device.id for device in record.devices)),
            _host(record.conditions.get("host") or {}),
            _versions(record.conditions.get("versions") or {}),
        )


_QUESTION = {
    "kind": "they are of different kinds",
    "scenario": "the scenarios differ",
    "load": "the loads differ",
    "work": "the pipelines compute different things",
    "model": "the model files differ",
    "simulated": "one is simulated, the other is not",
}
_CONDITIONS = {"devices": "devices", "host": "machine", "versions": "versions"}


def refusals(base: RunRecord, other: RunRecord) -> tuple[str, ...]:
    """Return why two runs must not be compared, nothing when they may."""
    ours, theirs = asdict(Identity.of(base)), asdict(Identity.of(other))
    reasons = [
        f"{reason} ({_told(name, ours[name])} and {_told(name, theirs[name])})"
        for name, reason in _QUESTION.items()
        if ours[name] != theirs[name]
    ]
    reasons += [f"run {r.id} is INVALID: {r.invalid_reason}" for r in (base, other) if not r.valid]
    return tuple(reasons)


def differences(base: RunRecord, other: RunRecord) -> tuple[tuple[str, str, str], ...]:
    """Return what differs in the conditions of two comparable runs: name, value there, value here."""
    ours, theirs = asdict(Identity.of(base)), asdict(Identity.of(other))
    found = [
        (title, _told(name, ours[name]), _told(name, theirs[name]))
        for name, title in _CONDITIONS.items()
        if ours[name] != theirs[name]
    ]
    return tuple(found)


def _load(load: Any) -> str:
    """Return the load that was asked for; what was searched is the answer, not the question."""
    if not isinstance(load, dict):
        return ""
    amounts = [] if load.get("searched") else [side.get("amount") for side in load["sides"].values()][:1]
    return json.dumps([load.get("unit"), load.get("limit_ms"), load.get("rate"), amounts])


def _host(host: dict[str, Any]) -> str:
    """Return what the machine is, whatever it is called today: runners of one kind have a name each."""
    return ", ".join(
        str(host[name]) for name in ("cpu", "cores", "memory_bytes", "machine") if host.get(name)
    )


def _versions(versions: dict[str, Any]) -> str:
    return ", ".join(f"{name} {versions[name]}" for name in sorted(versions))


def _told(name: str, value: Any) -> str:
    if name in ("work", "model"):
        return str(value)[:12] or "none"
    if name == "simulated":
        return "SIMULATED" if value else "measured"
    return ", ".join(value) if isinstance(value, tuple | list) else str(value) or "none"
