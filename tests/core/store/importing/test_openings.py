"""Forms in which figures and what they belong to are written in short: joined names, pairs, described columns, text."""

from __future__ import annotations

from typing import Any

import pytest

from cluster4npu.core.store.importing.recognise import recognise

_MADE = {"model": "m", "device": "npu"}
_FORMS: dict[str, tuple[Any, list[tuple[Any, ...]]]] = {
    "a name that joins all": (
        {"zoo-net@npu:int8#b4": {"avg_ms": 3.2}, "resnet50_cuda_fp16_bs8": {"p99": 4.5, "qps": 2400.5}},
        [
            ("zoo-net", "npu", 4, "int8", "latency", "mean", 3.2, "ms"),
            ("resnet50", "cuda", 8, "fp16", "latency", "p99", 4.5, "ms"),
            ("resnet50", "cuda", 8, "fp16", "throughput", "value", 2400.5, "queries/s"),
        ],
    ),
    "names that hold paths": (
        {
            "resnet50.cuda.latency.p50_ms": 3.2,
            "resnet50.cuda.throughput": 310.5,
            "resnet50.cpu.latency.p50_ms": 30.2,
        },
        [
            ("resnet50", "cuda", None, "", "latency", "p50", 3.2, "ms"),
            ("resnet50", "cuda", None, "", "throughput", "value", 310.5, "items/s"),
            ("resnet50", "cpu", None, "", "latency", "p50", 30.2, "ms"),
        ],
    ),
    "levels of names": (
        {
            "mynet": {
                "npu0": {
                    "fp16": {"8": {"latency_ms": 12.5, "fps": 640.5}, "1": {"latency_ms": 2.0, "fps": 500.5}}
                }
            }
        },
        [
            ("mynet", "npu0", 8, "fp16", "latency", "value", 12.5, "ms"),
            ("mynet", "npu0", 8, "fp16", "throughput", "value", 640.5, "frames/s"),
            ("mynet", "npu0", 1, "fp16", "latency", "value", 2.0, "ms"),
            ("mynet", "npu0", 1, "fp16", "throughput", "value", 500.5, "frames/s"),
        ],
    ),
    "a number and its unit in a pair": (
        {**_MADE, "latency": [12500.5, "us"], "startup": {"value": 2.5, "unit": "s"}},
        [
            ("m", "npu", None, "", "latency", "value", 12.5005, "ms"),
            ("m", "npu", None, "", "startup_time", "value", 2500.0, "ms"),
        ],
    ),
    "columns that are described": (
        {
            "columns": [
                {"name": "model"},
                {"name": "latency", "unit": "us"},
                {"name": "power", "unit": "mW"},
            ],
            "rows": [["a", 1250, 4500]],
        },
        [
            ("a", "unknown", None, "", "latency", "value", 1.25, "ms"),
            ("a", "unknown", None, "", "power", "value", 4.5, "W"),
        ],
    ),
    "units in one place": (
        {"units": {"latency": "us", "mem": "GiB"}, "rows": [{"model": "a", "latency": 1250, "mem": 1.25}]},
        [
            ("a", "unknown", None, "", "latency", "value", 1.25, "ms"),
            ("a", "unknown", None, "", "memory", "value", 1280.0, "MB"),
        ],
    ),
    "ranks in one list, values in another": (
        {**_MADE, "percentiles": [50, 99], "latencies_ms": [1.2, 2.4]},
        [
            ("m", "npu", None, "", "latency", "p50", 1.2, "ms"),
            ("m", "npu", None, "", "latency", "p99", 2.4, "ms"),
        ],
    ),
    "pairs in texts": (
        ["model=a;device=npu;latency_ms=12.5", "model=a;device=cpu;latency_ms=42.5"],
        [
            ("a", "npu", None, "", "latency", "value", 12.5, "ms"),
            ("a", "cpu", None, "", "latency", "value", 42.5, "ms"),
        ],
    ),
    "a table in a text": (
        {"csv": "model,device,latency_ms,fps\na,npu,12.5,80.5"},
        [
            ("a", "npu", None, "", "latency", "value", 12.5, "ms"),
            ("a", "npu", None, "", "throughput", "value", 80.5, "frames/s"),
        ],
    ),
    "values that say what they are": (
        {"subject": "yolov8n", "where": "cuda:0", "how": "fp16", "took_ms": 9.1},
        [("yolov8n", "cuda:0", None, "fp16", "latency", "value", 9.1, "ms")],
    ),
    "units of one letter, boards above models": (
        {"boards": {"agx-orin": {"efficientdet_d0": {"gpu": {"bs8": {"pwr": {"avg": 14500, "u": "mW"}}}}}}},
        [("efficientdet_d0", "gpu", 8, "", "power", "mean", 14.5, "W")],
    ),
    "steps of training": (
        {**_MADE, "steps": [{"forward": 0.0213, "backward": 0.0412, "step": 0.0676}]},
        [
            ("m", "npu", None, "", "forward_time", "value", 21.3, "ms"),
            ("m", "npu", None, "", "backward_time", "value", 41.2, "ms"),
            ("m", "npu", None, "", "step_time", "value", 67.6, "ms"),
        ],
    ),
    "ranks in pairs": (
        {**_MADE, "latency": {"percentiles": [[50, 4711], [99, 8123]], "unit": "us"}},
        [
            ("m", "npu", None, "", "latency", "p50", 4.711, "ms"),
            ("m", "npu", None, "", "latency", "p99", 8.123, "ms"),
        ],
    ),
    "one clock, and the length of the run": (
        {
            **_MADE,
            "read_network_time": 12.31,
            "load_network_time": 412.73,
            "execution_time": 60123.44,
            "latency_avg": 25.5,
            "latency_max": 31.5,
        },
        [
            ("m", "npu", None, "", "read_network_time", "value", 12.31, "ms"),
            ("m", "npu", None, "", "load_network_time", "value", 412.73, "ms"),
            ("m", "npu", None, "", "run_duration", "value", 60123.44, "ms"),
            ("m", "npu", None, "", "latency", "mean", 25.5, "ms"),
            ("m", "npu", None, "", "latency", "max", 31.5, "ms"),
        ],
    ),
    "times below and above one": (
        {**_MADE, "runs": [{"latency": 0.9}, {"latency": 1.2}, {"latency": 3.4}]},
        [("m", "npu", None, "", "latency", "value", value, "ms") for value in (0.9, 1.2, 3.4)],
    ),
    "statistics of work, an interval without a name, differences": (
        {**_MADE, "avgInference": 8.25, "ci95": [8.1, 8.4], "fps": 121.2, "delta": {"fps": 3.3}},
        [
            ("m", "npu", None, "", "latency", "mean", 8.25, "ms"),
            ("m", "npu", None, "", "latency", "ci_low", 8.1, "ms"),
            ("m", "npu", None, "", "latency", "ci_high", 8.4, "ms"),
            ("m", "npu", None, "", "throughput", "value", 121.2, "frames/s"),
        ],
    ),
    "the name of a test": (
        {
            "tests": [
                {"nodeid": "t.py::test_model[bert-cuda-fp16]", "duration": 3.2, "extra": {"latency_ms": 4.25}}
            ]
        },
        [("bert", "cuda", None, "fp16", "latency", "value", 4.25, "ms")],
    ),
    "batches by name": (
        {**_MADE, "throughput_by_batch": {"1": 100.5, "4": 300.5}},
        [
            ("m", "npu", 1, "", "throughput", "value", 100.5, "items/s"),
            ("m", "npu", 4, "", "throughput", "value", 300.5, "items/s"),
        ],
    ),
    "lines of a program": (
        {"stdout": "Loaded t5-small in 2.417 s\nRun 1/3: 181.42 ms\nRun 2/3: 176.05 ms\n"},
        [
            ("t5-small", "unknown", None, "", "load_time", "value", 2417.0, "ms"),
            ("t5-small", "unknown", None, "", "latency", "value", 181.42, "ms"),
            ("t5-small", "unknown", None, "", "latency", "value", 176.05, "ms"),
        ],
    ),
}


@pytest.mark.parametrize("form", _FORMS)
def test_forms_in_short_are_read_as_at_length(form: str) -> None:
    data, expected = _FORMS[form]
    found = [
        (r.model, r.device, r.batch_size, r.precision, r.metric, r.statistic, r.value, r.unit)
        for r in recognise(data).rows
    ]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_figures_of_opened_objects_keep_their_place_in_the_file() -> None:
    rows = recognise({"a.cuda.latency_ms": 3.5, "a.cpu.latency_ms": 9.5, **_MADE, "fps": [12.5, "fps"]}).rows
    assert {r.path for r in rows} == {"a.cuda.latency_ms", "a.cpu.latency_ms", "fps/[0]"}


def test_figures_of_unknown_names_beside_known_ones_are_kept_as_they_stand() -> None:
    found = recognise(
        {**_MADE, "latency_ms": 3.2, "wobble": 0.321, "threads": 4, "learning_rate": 0.01, "dropout": 0.1}
    )
    kept = {r.metric: (r.value, r.unit, r.unit_rule) for r in found.rows}
    assert kept["wobble"] == (0.321, "unknown", "name not known: as it stands")
    assert set(kept) == {"latency", "wobble"}
    assert found.unknown_fields == {"threads": 1, "learning_rate": 1, "dropout": 1}


def test_simulated_things_are_known_by_all_their_names() -> None:
    rows = [
        {"browser": browser, "api": api, "model": "m", "latency_ms": value}
        for browser, api, value in (
            ("safari", "webgpu", 9.5),
            ("chrome", "webgpu", 3.5),
            ("safari", "wasm", 7.5),
        )
    ]
    found = recognise({"rows": rows, "simulated": ["safari/webgpu"]}).rows
    assert [r.provenance for r in found] == ["simulated", "imported", "imported"]


def test_plans_and_sizes_alone_are_no_measurements() -> None:
    found = recognise(
        {
            "planned_benchmarks": [{"model": "vit", "max_latency_ms": 250.5, "audio_seconds": [5, 10]}],
            "model_files": [{"name": "bert-base", "size_mb": 417.76}],
        }
    )
    assert not found.rows
