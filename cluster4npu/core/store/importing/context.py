"""Which model, device, batch ... a figure belongs to: read from fields and from the names of enclosing keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.store.importing.keys import LENDERS
from cluster4npu.core.store.importing.labels import dimensions, is_plain_name
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.metrics import MEASURE, meaning
from cluster4npu.core.store.importing.model import Context
from cluster4npu.core.store.importing.names import (
    DEVICES,
    PRECISIONS,
    PROGRAMS,
    base_device,
    family_of,
    is_accelerator,
)
from cluster4npu.core.store.importing.states import made_up, state
from cluster4npu.core.store.importing.texts import by_name, by_values, options_of, units_of
from cluster4npu.core.store.importing.values import whole
from cluster4npu.core.store.importing.words import words

_MODEL_FIELDS = ("model_name", "model", "model_id", "model_path", "test_model", "network", "checkpoint",
                 "model_key", "model_file", "model_filename", "model_repo", "base_model", "served_model_name",
                 "topology", "network_name", "net", "architecture", "arch", "graph", "model_type", "hef",
                 "neural_network", "nn", "net_name", "model_variant", "model_slug", "onnx_model", "onnx")  # fmt: skip
_DEVICE_FIELDS = ("actual_device", "device_used", "executed_on", "hardware", "hardware_type", "hardware_key",
                  "device", "device_type", "hardware_platform", "accelerator", "execution_provider", "provider",
                  "platform", "backend", "target_device", "device_name", "backend_type", "accelerator_type",
                  "hardware_name", "compute_device", "inference_device", "target", "ep", "provider_name",
                  "hw", "hw_name", "delegate", "compute_unit", "compute_units", "target_hardware",
                  "backends", "dev", "accel", "ran_on", "runs_on", "board", "hardware_id", "device_id",
                  "target_hw", "inference_backend", "accelerator_kind", "device_kind")  # fmt: skip
_CHIP_FIELDS = (
    "accelerator_model_name",
    "accelerator_name",
    "gpu_name",
    "npu_name",
    "gpu_info",
    "gpu",
    "chip",
    "soc",
)
_CHIP_RANK = 80  # what is in the machine, where nothing says what ran
_WEAK_FIELDS = (
    "backend",
    "backend_type",
    "target",
    "ep",
    "provider_name",
    "provider",
    "backends",
    "delegate",
    "npu",
    "compute_units",
)  # also name programs
_MACHINE = {
    "system",
    "machine",
    "hardware",
    "device",
    "host",
}  # what is described there may name an accelerator
_LENDING = {"config", "configuration", "settings", "params", "parameters", "args", "arguments", "options", "meta",
            "metadata", "cmd", "cli", "setup", "info", "context", "header", "tags", "labels", "attributes"}  # fmt: skip
_DEEPEST_LOAN = 3
_TITLES = ("name", "test_name", "test", "test_case", "benchmark_name", "case", "scenario", "function_id", "full_name",
           "run_name", "fullname", "title", "nodeid", "test_id")  # fmt: skip
_TIMES = ("timestamp", "datetime", "date", "created_at", "start_time", "recorded_at", "test_timestamp")
_BROWSER_FIELDS = {
    "browser": ("browser", "browser_name"), "browser_version": ("browser_version",),
    "adapter": ("adapter", "gpu_adapter", "adapter_name"),
}  # fmt: skip
_MAYBE_MODELS = ("benchmark", "workload", "network", "weights", "pretrained_model_name_or_path", "task_name")
_OS = re.compile(r"linux|windows|darwin|macos|win32", re.IGNORECASE)
_PROGRAM_RANK = 85  # what a device is called by the program that drives it, where nothing else says
_PROCESSORS = re.compile(
    r"x86(?:[_-]64)?|amd64|i[3-6]86|x64|arm64|aarch64|armv\d\w*|ppc64(?:le)?|riscv64|s390x", re.IGNORECASE
)


def by_fields(outer: Context, node: Mapping[str, Any]) -> Context:
    """Return the context inside an object: what its own fields say, and those of its `metadata` and the like."""
    inner = outer
    describing = [
        name for name, value in node.items() if name.lower() not in LENDERS and _describes_all(value)
    ]
    for name, value in node.items():
        if words(name)[:1] == ("model",) and lends(name) and isinstance(value, dict) and not inner.model:
            inner = _said(inner, {"model": value}, lent=True)
        if lends(name) or describing == [name]:
            inner = _borrowed(inner, value, 0)
        elif (
            name.lower() in _MACHINE
            and isinstance(value, dict)
            and (not inner.device or inner.device_rank == _PROGRAM_RANK)
        ):
            named = {
                key: text
                for key, text in value.items()
                if set(words(str(key))) & {"accelerator", "gpu", "npu"}
            }
            card = value.get("name")
            if not named and isinstance(card, str) and is_accelerator(card):
                inner = inner.but(device=masked(card)[:300], device_rank=_CHIP_RANK)
            inner = _said(inner, named, lent=True).but(label=inner.label, units=inner.units)
    inner = _said(inner, node, lent=False)
    names = {inner.model.lower(), inner.device.lower()}
    return inner.but(label=tuple(part for part in inner.label if part.lower() not in names))


def lends(name: str) -> bool:
    """Tell whether what stands under this name describes what is beside it: `run_config`, `metadata`, `cmd_options`."""
    parts = words(name) or ("",)
    return (
        name.lower() in LENDERS
        or parts[-1] in _LENDING
        or parts[0] in ("config", "configuration", "setup", "cmd")
    )


def _borrowed(outer: Context, value: Any, depth: int) -> Context:
    """Return the context with what a description says, also in the objects inside it, the outer ones first."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, dict) and {"key", "value"} <= set(item) for item in value)
    ):
        value = {str(item["key"]): item["value"] for item in value}
    if not isinstance(value, dict):
        return outer
    inner = _said(outer, value, lent=True)
    for name, item in value.items():
        if isinstance(item, dict) and depth < _DEEPEST_LOAN and meaning(str(name)).kind != MEASURE:
            inner = _borrowed(inner, item, depth + 1).but(label=inner.label)
        elif isinstance(item, list) and lends(str(name)):
            inner = _borrowed(inner, item, depth + 1)
    return inner


def _describes_all(value: Any) -> bool:
    """Tell whether an object only says which model or device was used, so that it speaks for what stands beside it."""
    if not isinstance(value, dict) or not value:
        return False
    inner = [(str(name), item) for name, item in value.items() if isinstance(item, dict | list)]
    if any(not lends(name) or _holds_figures(item) for name, item in inner):
        return False
    told = [value, *(item for _, item in inner if isinstance(item, dict))]
    names = {"_".join(words(str(name))) for node in told for name in node}
    is_measured = any(
        meaning(str(name)).kind == MEASURE and isinstance(item, int | float) and not isinstance(item, bool)
        for name, item in value.items()
    )
    return bool(names & {*_MODEL_FIELDS, "device", "device_id", "hardware"}) and not is_measured


def _holds_figures(value: Any) -> bool:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return any(
        _holds_figures(item) or (meaning(str(name)).kind == MEASURE and isinstance(item, int | float))
        for name, item in items
    )


def _said(outer: Context, node: Mapping[str, Any], *, lent: bool) -> Context:
    lowered = {"_".join(words(str(name))): value for name, value in node.items() if is_plain_name(str(name))}
    lowered = {**options_of(lowered), **lowered}
    changes: dict[str, Any] = {}
    model = _first({k: v for k, v in lowered.items() if not _is_processor(k, v)}, _MODEL_FIELDS)
    if not model and not outer.model and (url := _first(lowered, ("url", "endpoint"))):
        served = re.search(r"/(?:models?|predict(?:ions?)?|infer)/([\w.-]+)", url)
        model = served[1] if served else ""
    if not model and not outer.model:
        model = next((text for name in _MAYBE_MODELS if family_of(text := _first(lowered, (name,)))), "")
    if model and not (lent and outer.model and outer.model_rank < 99):
        changes |= {"model": masked(model), "model_rank": 1}
    named = {
        name: value for name, value in lowered.items()
        if name not in _WEAK_FIELDS or (isinstance(value, str) and base_device(value) in DEVICES)
    }  # fmt: skip
    device = _first(named, _DEVICE_FIELDS)
    if device and not _OS.search(device) and not (lent and outer.device and outer.device_rank < _CHIP_RANK):
        named_by = next((n for n in _DEVICE_FIELDS if _first(named, (n,))), "")
        program = lent and named_by in _WEAK_FIELDS and base_device(device) in PROGRAMS
        if not (program and outer.device):
            changes |= {"device": masked(device), "device_rank": _PROGRAM_RANK if program else 1}
    elif not outer.device and (chip := _first(lowered, _CHIP_FIELDS)) and not chip.isdecimal():
        changes |= {"device": masked(chip), "device_rank": _CHIP_RANK}
    for names, field in ((("batch_size", "batch", "bs", "batchsize", "n_batch_size"), "batch"),
                         (("sequence_length", "seq_length", "seq_len", "seq"), "sequence")):  # fmt: skip
        count = next((c for name in names if (c := whole(lowered.get(name))) is not None), None)
        if count is None and field == "batch":  # infer_batch_size, eval_batch_size
            ending = (
                c for name, value in lowered.items() if name.endswith("_batch_size") and (c := whole(value))
            )
            count = next(ending, None)
        if count is not None:
            changes[field] = count
    precision = _first(lowered, ("precision", "dtype", "data_type", "quantization", "torch_dtype"))
    if precision and len(precision) < 40:
        changes["precision"] = PRECISIONS.get(precision.lower().removeprefix("torch."), precision)
    changes |= by_values(outer, lowered, changes)
    moment = _first(lowered, _TIMES)
    if moment and not lent:
        changes["recorded_at"] = moment[:40]
    changes |= units_of(outer, lowered)
    called = _first(lowered, _TITLES)
    if called and not lent and (re.search(r"[/\[|]", called) or dimensions(called)[0]):
        for field, value in by_name(called).items():
            if (
                not changes.get(field)
                and not (field == "model" and outer.model)
                and not (field == "device" and outer.device)
            ):
                changes |= {field: value} | ({f"{field}_rank": 60} if field in ("model", "device") else {})
    if called and not lent and meaning(called).kind != MEASURE:
        if "model" not in changes and not outer.model and family_of(called) and len(called) < 100:
            changes |= {"model": masked(called), "model_rank": 60}
        elif called.lower() not in (changes.get("model", outer.model).lower(), outer.label[-1:]):
            changes["label"] = (*outer.label, masked(called)[:80])
    for field, known_as in _BROWSER_FIELDS.items():
        if text := _first(lowered, known_as):
            changes[field] = masked(text)[:80]
    changes |= {"batches": batches} if (batches := _batches(lowered)) else {}
    changes |= made_up(outer, lowered)
    return outer.but(**changes | ({} if lent else state(outer, lowered)))


def _is_processor(name: str, value: Any) -> bool:
    """Tell whether an architecture is the processor's and not the model's."""
    return (
        name in ("arch", "architecture")
        and isinstance(value, str)
        and bool(_PROCESSORS.fullmatch(value.strip()))
    )


def _first(node: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        value = node.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()[:300]
        if name in ("model", "device", "hardware") and isinstance(value, dict):
            told = {str(key).lower(): item for key, item in value.items()}
            inner = told.get("name") or told.get("id")
            if isinstance(inner, str) and inner.strip():
                return inner.strip()[:300]
    return ""


def _batches(node: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the batch sizes that an object lists."""
    for name, value in node.items():
        if "batch" in words(str(name)) and isinstance(value, list | str):
            items = value if isinstance(value, list) else value.split(",")[:100]
            return tuple(count for item in items if (count := whole(item)) is not None)
    return ()
