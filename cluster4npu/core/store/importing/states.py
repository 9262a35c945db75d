"""What an object says of itself: how it ended, and whether its figures were measured at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.model import FAILED, INCOMPATIBLE, OK, SKIPPED, Context
from cluster4npu.core.store.importing.names import DEVICES
from cluster4npu.core.store.importing.values import whole
from cluster4npu.core.store.importing.words import words

_FALSE = {"", "false", "no", "none", "off", "0", "null", "n/a", "real", "disabled"}
_MADE_UP = re.compile(r"simulat|emulat|mock|synthetic|fake|dummy|placeholder|stub", re.IGNORECASE)
_COMPUTED = re.compile(
    r"formula|estimat|predict|theoretical|extrapolat|projected|hard.?coded|calculated", re.IGNORECASE
)
_TELLS_KIND = {"implementation", "implementation_type", "type", "mode", "source", "handler", "init", "status", "kind",
               "provenance", "data_source", "method", "backend", "result_type", "data_type", "origin"}  # fmt: skip
_OF_ALL = {"a", "all", "benchmark", "cuda", "data", "device", "execution", "figures", "hardware", "inference", "is",
           "measurement", "metric", "metrics", "model", "performance", "platform", "result", "results", "run",
           "test"}  # fmt: skip
_STATES = {
    "completed": OK, "complete": OK, "success": OK, "ok": OK, "passed": OK, "pass": OK, "done": OK, "true": OK,
    "failed": FAILED, "fail": FAILED, "failure": FAILED, "error": FAILED, "timeout": FAILED, "crashed": FAILED,
    "invalid": FAILED, "valid": OK, "\u2705": OK, "\u274c": FAILED, "\u274e": FAILED,
    "oom": FAILED, "exception": FAILED, "aborted": FAILED, "skipped": SKIPPED, "skip": SKIPPED, "not_run": SKIPPED,
    "unavailable": SKIPPED, "not_supported": INCOMPATIBLE, "unsupported": INCOMPATIBLE, "incompatible": INCOMPATIBLE,
}  # fmt: skip


def made_up(outer: Context, node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an object says of figures that were simulated or computed, by itself or of devices that it names."""
    changes: dict[str, Any] = {}
    devices = list(outer.simulated_devices)
    for name, value in node.items():
        parts = words(name)
        about = _MADE_UP.search(name) is not None
        if about and isinstance(value, list):
            devices += [item.lower() for item in value if isinstance(item, str)]
        elif about and isinstance(value, bool | str) and str(value).strip().lower() not in _FALSE:
            changes["simulated"] = True
        elif (isinstance(value, str) and len(value) < 100 and parts and _tells_kind(parts)) or (
            isinstance(value, str) and len(value) < 100 and "(MOCK)" in value
        ):
            if _MADE_UP.search(value) and not re.search(r"\b(no|not|non)\W", value, re.IGNORECASE):
                own = parts[0] if parts[0] in DEVICES else ""
                devices += [own] if own else []
                changes |= {} if own else {"simulated": True}
            elif _COMPUTED.search(value):
                changes["formula"] = True
        elif _COMPUTED.search(name) and value is True:
            changes["formula"] = True
    if len(devices) > len(outer.simulated_devices):
        changes["simulated_devices"] = tuple(dict.fromkeys(devices))
    return changes


def _tells_kind(parts: tuple[str, ...]) -> bool:
    """Tell whether a name says how figures came to be, and not what one thing is: `parity_source` is of the parity."""
    return bool(set(parts) & _TELLS_KIND) and set(parts) - _TELLS_KIND <= _OF_ALL | DEVICES


def state(outer: Context, node: Mapping[str, Any]) -> dict[str, Any]:
    """Return status and error that an object tells of itself."""
    said = ""
    for name, value in node.items():
        if name.rpartition("_")[2] in (
            "status",
            "state",
            "result",
            "outcome",
            "validity",
            "verdict",
        ) and isinstance(value, str):
            said = said or _STATES.get(value.strip().lower().replace(" ", "_"), "")
    for name, value in node.items():
        if isinstance(value, bool) and (
            words(name)[-1:] in (("success",), ("successful",), ("succeeded",), ("passed",))
        ):
            said = FAILED if not value else said or OK
        if value is False and name in ("compatible", "supported", "is_compatible"):
            said = said or INCOMPATIBLE
    error = next((str(value) for name, value in node.items() if _is_error(name, value)), "")
    code = whole(node.get("return_code", node.get("exit_code")))
    if not said and (error or code):
        said = FAILED
    if said == FAILED and not error:
        told = ("stderr", "reason", "message", "detail", "validity", "result_validity")
        error = next((str(node[n]) for n in told if isinstance(node.get(n), str)), "")
        error = error or (f"exit code {code}" if code else "")
    if not said:
        return {}
    return {"status": said, "error": masked(error.strip())[:1000] if said != OK else ""}


def _is_error(name: str, value: Any) -> bool:
    named = words(name)[-1:] in (("error",), ("err",), ("exception",), ("traceback",)) or name in (
        "error_message", "failure_reason", "skip_reason",
    )  # fmt: skip
    return named and isinstance(value, str) and value.lower() not in _FALSE
