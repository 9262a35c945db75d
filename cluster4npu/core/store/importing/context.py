"""Which model, device, batch ... a figure belongs to: read from fields and from the names of enclosing keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.store.importing.labels import is_plain_name, pairs_in
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.model import Context
from cluster4npu.core.store.importing.names import (
    DEVICES,
    PRECISIONS,
    base_device,
    family_of,
    is_accelerator,
    is_chip,
)
from cluster4npu.core.store.importing.states import made_up, state
from cluster4npu.core.store.importing.values import whole
from cluster4npu.core.store.importing.words import MEASURE, meaning, plain_unit, words

_MODEL_FIELDS = ("model_name", "model", "model_id", "model_path", "test_model", "network", "checkpoint",
                 "model_key", "model_file", "model_filename", "model_repo", "base_model", "served_model_name",
                 "topology", "network_name", "net", "architecture", "arch", "graph", "model_type", "hef")  # fmt: skip
_DEVICE_FIELDS = ("actual_device", "device_used", "executed_on", "hardware", "hardware_type", "hardware_key",
                  "device", "device_type", "hardware_platform", "accelerator", "execution_provider", "provider",
                  "platform", "backend", "target_device", "device_name", "backend_type", "accelerator_type",
                  "hardware_name", "compute_device", "inference_device", "target", "ep", "provider_name",
                  "hw", "hw_name", "delegate", "compute_unit", "compute_units", "target_hardware",
                  "backends")  # fmt: skip
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
           "run_name", "fullname", "title")  # fmt: skip
_TIMES = ("timestamp", "datetime", "date", "created_at", "start_time", "recorded_at", "test_timestamp")
LENDERS = {
    "metadata", "meta", "config", "configuration", "parameters", "params", "settings", "info",
    "benchmark_config", "test_config", "platform_support", "model_info", "run_info", "benchmark_info",
    "args", "options", "context", "environment", "device_info", "hardware_config", "extra_info", "header",
}  # fmt: skip
NEUTRAL = {
    "results", "result", "summary", "benchmark", "benchmarks", "performance", "metrics", "data", "stats",
    "statistics", "benchmark_data", "benchmark_results", "batch_results", "batch_sizes", "raw",
    "detailed_results", "details", "performance_benchmarks", "performance_summary", "measurements",
    "output", "stdout", "stderr", "log", "timing", "runs", "entries", "rows", "items", "report",
    "json_result", "by_batch", "output_example", "performance_results", "model_results", "aggregated",
    "all_results", "tests", "test_results", "perf", "performance_metrics", "text", "benchmark_summary",
    "inference", "latest", "models", "by_model", "by_hardware", "by_device", "hardware", "hardware_results",
    "model_families", "devices", "platforms", "timings", "completed", "completed_benchmarks",
    "failed_benchmarks", "skipped_benchmarks", "model_benchmarks", "hardware_compatibility", "families",
}  # fmt: skip
_BROWSER_FIELDS = {
    "browser": ("browser", "browser_name"), "browser_version": ("browser_version",),
    "adapter": ("adapter", "gpu_adapter", "adapter_name"),
}  # fmt: skip
_MAYBE_MODELS = ("benchmark", "workload", "network", "weights", "pretrained_model_name_or_path", "task_name")
_OPTION = re.compile(r"(?:^|\s)--?([A-Za-z][\w-]*)[=\s]+(\"[^\"]*\"|'[^']*'|[^\s-][^\s]*)")
_SHORT = {"m": "model", "d": "device", "b": "batch_size", "bs": "batch_size"}
_CONFIG_KEY = re.compile(
    r"(?:^|[_\-\s])(batch|bs|b|seq|seq_len|sequence|sequence_length)(?:[_\-\s]?size)?[_\-\s=:]?(\d+)(?=$|[_\-\s])"
)
_OS = re.compile(r"linux|windows|darwin|macos|win32", re.IGNORECASE)
_VARIANTS = {"after", "async", "baseline", "before", "cold", "compiled", "default", "dynamic", "eager", "inference",
             "optimized", "original", "parallel", "pruned", "quantized", "single", "static", "sync", "train",
             "training", "warm", "precision", "precisions", "batch", "batches", "sizes"}  # fmt: skip
_CONTAINERS = {"all", "benchmark", "by", "data", "entries", "execution", "inference", "measurement", "measurements",
               "metrics", "output", "outputs", "perf", "performance", "profile", "profiling", "raw", "records",
               "report", "result", "results", "run", "runs", "stats", "summary", "test", "tests", "timing",
               "timings"}  # fmt: skip
_PROGRAMS = {"openvino", "tensorrt", "trt", "qnn", "snpe", "xnnpack", "nnapi", "onnx"}
_PROGRAM_RANK = 85  # what a device is called by the program that drives it, where nothing else says
_PROCESSORS = re.compile(
    r"x86(?:[_-]64)?|amd64|i[3-6]86|x64|arm64|aarch64|armv\d\w*|ppc64(?:le)?|riscv64|s390x", re.IGNORECASE
)
_NUMBERED = re.compile(r"\d{1,5}")


def by_key(outer: Context, key: str, parent: str, child: Any) -> Context:
    """Return the context below a key: batch, device, precision and model that its name tells."""
    parts = words(key)
    lowered = key.lower().strip()
    told = _CONFIG_KEY.findall(lowered)
    if family_of(key):  # the b0 of efficientnet_b0 is no batch
        told = [(name, count) for name, count in told if name != "b"]
    config = {name[0]: int(count) for name, count in told}
    changes: dict[str, Any] = {}
    if config:
        rest = _CONFIG_KEY.sub("", lowered).strip("_- ")
        changes = {"batch": config.get("b", outer.batch), "sequence": config.get("s", outer.sequence)}
        return outer.but(**changes, label=(*outer.label, rest) if rest else outer.label)
    if _NUMBERED.fullmatch(lowered):
        if "batch" in words(parent) or int(lowered) in outer.batches:
            return outer.but(batch=int(lowered))
        return outer.but(label=(*outer.label, lowered)) if not lowered.startswith("[") else outer
    if lowered in PRECISIONS:
        return outer.but(precision=PRECISIONS[lowered])
    first, slash, rest = key.partition("/")
    if slash and first.lower() in DEVICES and rest and isinstance(child, dict | list) and not outer.device:
        return by_key(outer.but(device=first, device_rank=50), rest, "models", child)
    precisions = [PRECISIONS[part] for part in parts if part in PRECISIONS]
    if len(parts) == 2 and len(precisions) == 1 and len(set(parts) & DEVICES) == 1:  # CPU_fp32
        device = next(part for part in re.split(r"[^A-Za-z0-9]+", key) if part.lower() in DEVICES)
        return outer.but(device=device, device_rank=50, precision=precisions[0])
    if lowered in DEVICES or (base_device(key) in DEVICES and (":" in key or set(parts) <= DEVICES)):
        return outer.but(device=key, device_rank=50)
    if is_chip(key) and isinstance(child, dict | list) and not outer.device:
        return outer.but(device=key, device_rank=50)
    if _names_devices(parent) and isinstance(child, dict | list) and lowered not in NEUTRAL:
        return outer.but(device=key, device_rank=50)
    if _names_model(key, parent, child):
        return outer.but(model=key, model_rank=50)
    if _is_above_variants(key, child) and not (outer.model and outer.device):
        return outer.but(device=key, device_rank=70) if outer.model else outer.but(model=key, model_rank=70)
    named = {part for part in parts if part in DEVICES}
    device = named.pop() if len(named) == 1 else ""
    label = outer.label if lowered in NEUTRAL or lowered in LENDERS else (*outer.label, lowered)
    if isinstance(child, dict | list) and device and not outer.device:
        changes = {"device": device, "device_rank": 60}
    summary = outer.summary or "summary" in parts or "aggregate" in parts or "aggregated" in parts
    return outer.but(**changes, label=label, summary=summary)


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
        program = lent and named_by in _WEAK_FIELDS and base_device(device) in _PROGRAMS
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
    moment = _first(lowered, _TIMES)
    if moment and not lent:
        changes["recorded_at"] = moment[:40]
    unit = next(
        (v for n, v in lowered.items() if n.rpartition("_")[2] in ("unit", "units") and isinstance(v, str)),
        "",
    )
    if unit and len(unit) < 30:
        changes["units"] = plain_unit(unit)
    called = _first(lowered, _TITLES)
    if called and not lent and re.search(r"[/\[|]", called):
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


def options_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a command line says, `--model x --batch-size 8`, and what short names of options stand for."""
    found: dict[str, Any] = {}
    for name in ("command", "cmd", "cmdline", "command_line", "argv", "invocation"):
        text = node.get(name)
        text = " ".join(map(str, text)) if isinstance(text, list) else text
        for option, value in _OPTION.findall(text) if isinstance(text, str) else ():
            key = "_".join(words(option))
            found.setdefault(_SHORT.get(key, key), value.strip("\"'"))
    for name, value in node.items():
        if isinstance(value, str):
            found |= {key: told for key, told in pairs_in(value).items() if key not in found and key != name}
    if isinstance(short := node.get("m"), str) and (family_of(short) or "." in short):
        found |= {long: node[key] for key, long in _SHORT.items() if key in node}
    return found


def by_name(name: str) -> dict[str, Any]:
    """Return what the parts of a test's name say: `BM_Infer/resnet50/cpu/batch:16`, `test_infer[resnet50-cpu-1]`."""
    told: dict[str, Any] = {}
    for part in re.split(r"[/\[\],|\s]+", name):
        config = {key[0]: int(count) for key, count in _CONFIG_KEY.findall(part.lower())}
        if "b" in config and not family_of(part):
            told.setdefault("batch", config["b"])
        elif part.lower() in DEVICES or (":" in part and base_device(part) in DEVICES):
            told.setdefault("device", part)
        elif part.lower() in PRECISIONS:
            told.setdefault("precision", PRECISIONS[part.lower()])
        elif family_of(part) and part != name:
            told.setdefault("model", part)
    return told


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


def _names_devices(parent: str) -> bool:
    parts = set(words(parent))
    return bool(parts & {"hardware", "devices", "platforms", "backends", "device", "accelerators"}) and not parts & {
        "info", "details", "types", "available"}  # fmt: skip


def _is_above_variants(key: str, child: Any) -> bool:
    """Tell whether a name stands above precisions or batch sizes only: it is the model's, then the device's."""
    return (
        isinstance(child, dict) and bool(child) and all(_tells_variant(str(k)) for k in child)
        and key.lower() not in NEUTRAL and key.lower() not in LENDERS and not set(words(key)) & _VARIANTS
        and meaning(key).kind != MEASURE and not _names_devices(key)
    )  # fmt: skip


def _tells_variant(key: str) -> bool:
    """Tell whether a key is a precision, or a batch size that says so."""
    return key.lower().strip() in PRECISIONS or (
        "b" in {name[0] for name, _ in _CONFIG_KEY.findall(key.lower())}
        and not _CONFIG_KEY.sub("", key.lower())
    )


def _names_model(key: str, parent: str, child: Any) -> bool:
    """Tell whether a key is a model's name: below `models`, of the form org/name, or above devices only."""
    if not isinstance(child, dict | list) or key.startswith("[") or meaning(key).kind == MEASURE:
        return False
    if family_of(key):
        return True
    if (
        isinstance(child, dict)
        and child
        and all(
            (base_device(str(k)) in DEVICES and len(words(str(k))) <= 2) or is_chip(str(k)) for k in child
        )
    ):
        is_container = key.lower() in NEUTRAL or key.lower() in LENDERS or set(words(key)) <= _CONTAINERS
        return not is_container and not _names_devices(key)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", key):
        return True
    parts = set(words(parent))
    return (
        bool(parts & {"models", "model"})
        and not parts & {"families", "family", "info"}
        and (key.lower() not in NEUTRAL and key.lower() not in LENDERS)
    )
