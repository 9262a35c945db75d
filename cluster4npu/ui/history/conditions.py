"""The conditions of a stored run in words: a title and a value with its unit for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster4npu.ui.text import told, tr

# by the names in the stored record, joined by dots; what is not named here keeps its own name
TITLES = {
    "host.name": "Machine",
    "host.os": "System",
    "host.machine": "Architecture",
    "host.cpu": "Processor",
    "host.cores": "Logical cores",
    "host.physical_cores": "Physical cores",
    "host.memory_bytes": "Memory",
    "power_source": "Power source",
    "load.cpu": "Load, all cores",
    "load.average_1min": "Load average of a minute",
    "load.memory_available_bytes": "Memory available",
    "clock_mhz": "Clock",
    "temperature_c": "Temperature",
}
_VERSIONS = "versions."
_LONGEST = 400


def conditions(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return each condition of a run, and again with its end what has changed while it went on."""
    before = dict(_flat("", {name: value for name, value in values.items() if name != "after"}))
    for name, text in before.items():
        yield _title(name), text
    after = values.get("after")
    for name, text in _flat("", after if isinstance(after, dict) else {}):
        if before.get(name) != text:
            yield tr("{0}, at the end").format(_title(name)), text


def _title(name: str) -> str:
    if name in TITLES:
        return tr(TITLES[name])
    if name.startswith(_VERSIONS):
        return tr("Version of {0}").format(name.removeprefix(_VERSIONS))
    return name.replace(".", " ").replace("_", " ")


def _flat(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", _text(f"{prefix}{name}", value)


def _text(name: str, value: object) -> str:
    if value is None:
        return tr("not reported")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(name, value)
    text = ", ".join(map(str, value)) if isinstance(value, list) else told(str(value))
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _number(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return f"{value / 2**30:,.1f} GiB"
    if name == "load.cpu":
        return f"{value:.0%}"
    unit = " MHz" if name.endswith("_mhz") else " °C" if name.endswith("_c") else ""
    return (f"{value:,}" if isinstance(value, int) else f"{value:,.4g}") + unit
