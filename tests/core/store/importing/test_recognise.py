"""Results of other tools are recognised by their shape: every number is read, left out with a reason, or context."""

from __future__ import annotations

import json
import math
import random
import time
from typing import Any

import pytest

from cluster4npu.core.store.importing.model import Row
from cluster4npu.core.store.importing.recognise import REPEATED, Recognised, recognise

NESTED = {
    "system_info": {"platform": "Linux-x", "total_memory_gb": 16.5},
    "benchmarks": {
        "vision": {
            "org/tinynet": {
                "cpu": {
                    "status": "completed",
                    "benchmark_results": {
                        "batch_2_seq_16": {
                            "status": "completed",
                            "latencies": [0.021, 0.019, 0.0205],
                            "avg_latency": 0.0201667,
                            "throughput": 99.17,
                            "iterations": 3,
                        },
                        "batch_4_seq_16": {"status": "failed", "error": "out of memory"},
                    },
                    "performance_summary": {"latency": {"min": 0.0201667, "max": 0.0301}},
                }
            }
        }
    },
}


def figures(found: Recognised) -> set[tuple[Any, ...]]:
    """Return model, device, batch, metric, statistic, value and unit of every measurement."""
    return {
        (r.model, r.device, r.batch_size, r.metric, r.statistic, round(r.value, 6), r.unit)
        for r in found.rows
        if r.value is not None
    }


def only(data: Any) -> Row:
    (row,) = recognise(data).rows
    return row


def numbers_in(data: Any) -> int:
    if isinstance(data, dict):
        return sum(map(numbers_in, data.values()))
    if isinstance(data, list):
        return sum(map(numbers_in, data))
    return isinstance(data, int | float) and not isinstance(data, bool)


def test_nested_results_in_seconds() -> None:
    found = recognise(NESTED)
    assert {r.value for r in found.rows if r.statistic == "sample"} == {21.0, 19.0, 20.5}
    assert ("org/tinynet", "cpu", 2, "latency", "mean", 20.1667, "ms") in figures(found)
    assert {r.sequence_length for r in found.rows if r.scope == "sample"} == {16}
    (mean,) = [r for r in found.rows if r.statistic == "mean"]
    assert (mean.source_value, mean.source_unit, mean.unit_rule) == (0.0201667, "s", "throughput x latency")
    summary = [r for r in found.rows if r.scope == "summary"]
    assert {(r.statistic, round(r.value or 0, 6)) for r in summary} == {("min", 20.1667), ("max", 30.1)}
    (failure,) = [r for r in found.rows if r.metric == "failure"]
    assert (failure.batch_size, failure.status, failure.error, failure.value) == (
        4,
        "failed",
        "out of memory",
        None,
    )
    assert found.skipped == {"about the host": 1, "a count": 1}


def test_completed_although_everything_failed() -> None:
    data = {
        "m": {
            "cpu": {
                "status": "completed",
                "load_time_s": 2.0,
                "runs": {"batch_1": {"status": "failed", "error": "e"}},
            }
        }
    }
    rows = recognise(data).rows
    assert {row.status for row in rows} == {"failed"}
    assert [row.value for row in rows if row.metric == "load_time"] == [2000.0]


@pytest.mark.parametrize(
    ("fields", "value", "unit"),
    [
        ({"latency_ms": 12.5}, 12.5, "ms"),
        ({"latencySeconds": 0.0125}, 12.5, "ms"),
        ({"latency_us": 12500}, 12.5, "ms"),
        ({"Average latency (ms)": 12.5}, 12.5, "ms"),
        ({"latency": "12.5 ms"}, 12.5, "ms"),
        ({"latency": 12.5, "unit": "ms"}, 12.5, "ms"),
        ({"latency": {"mean": 0.0125, "unit": "s"}}, 12.5, "ms"),
        ({"latency": 0.0125, "throughput": 80.0}, 12.5, "ms"),
        ({"latency": 12.5, "throughput": 80.0}, 12.5, "ms"),
        ({"latency": 0.1, "throughput": 80.0, "batch_size": 8}, 100.0, "ms"),
        ({"latency": 2.0, "latencies_ms": [1990.0, 2010.0]}, 2000.0, "ms"),
        ({"peak_memory_gb": 1.5}, 1536.0, "MB"),
        ({"memory_bytes": 2**20}, 1.0, "MB"),
        ({"throughput_per_minute": 120}, 2.0, "items/s"),
    ],
)
def test_units(fields: dict[str, Any], value: float, unit: str) -> None:
    found = recognise({"model": "m", "device": "cpu", **fields})
    assert any(r.value == pytest.approx(value) and r.unit == unit for r in found.rows), found.rows


def test_a_unit_that_nothing_proves_is_called_assumed() -> None:
    found = recognise({"model": "m", "load_time": 1.5})
    assert (found.rows[0].value, found.rows[0].unit_rule) == (
        1500.0,
        "assumed: a clock's difference is in seconds",
    )
    assert found.notes


def test_what_is_said_twice_is_kept_once() -> None:
    one = {
        "model": "m",
        "device": "cpu",
        "batch_size": 1,
        "avg_latency_ms": 24.79729,
        "latencies_ms": [24.1, 25.5],
    }
    found = recognise(
        {
            "hardware": "cpu",
            "batch_sizes": "1",
            "results": {"m": {"benchmark_data": one, "stdout": "Batch 1: Latency 24.80ms\n"}},
            "summary": {"1": {"latency_ms": 24.79729}},
            "suite": {"copy": {"results": {"m": {"benchmark_data": one}}}},
        }
    )
    assert sorted(r.value for r in found.rows) == [24.1, 24.79729, 25.5]
    assert found.skipped[REPEATED] == 5


def test_equal_results_of_a_list_are_all_kept() -> None:
    runs = [{"model": "m", "device": "cpu", "latency_ms": 20.0}] * 3
    assert [r.value for r in recognise(runs).rows] == [20.0, 20.0, 20.0]
    variants = {"baseline": {"latency_ms": 5}, "optimized": {"latency_ms": 5}}
    assert {r.variant for r in recognise(variants).rows} == {"baseline", "optimized"}


@pytest.mark.parametrize(
    ("marks", "provenance"),
    [
        ({"is_simulated": True}, "simulated"),
        ({"platform_support": {"simulated": True}}, "simulated"),
        ({"implementation_type": "(MOCK)"}, "simulated"),
        ({"implementation_type": "REAL", "is_simulation": True}, "simulated"),
        ({"simulated_hardware": ["webgpu"]}, "simulated"),
        ({"is_simulated": False, "implementation_type": "REAL"}, "imported"),
        ({"simulated_hardware": ["openvino"]}, "imported"),
        ({"source": "estimated by formula"}, "formula"),
    ],
)
def test_what_was_not_measured_is_marked(marks: dict[str, Any], provenance: str) -> None:
    assert only({"model": "m", "device": "webgpu", "latency_ms": 5.0, **marks}).provenance == provenance


def test_figures_on_one_straight_line_are_formula_made() -> None:
    made = {"model": "m", "hardware": "cpu", "batch_sizes": {
        "1": {"throughput": 40, "latency_ms": 25, "memory_usage_mb": 110},
        "2": {"throughput": 80, "latency_ms": 30, "memory_usage_mb": 120}}}  # fmt: skip
    assert {r.provenance for r in recognise(made).rows} == {"formula"}
    made["batch_sizes"]["2"]["throughput"] = 79.3  # type: ignore[index]
    assert {r.provenance for r in recognise(made).rows} == {"imported"}
    assert {r.batch_size for r in recognise(made).rows} == {1, 2}


def test_numbers_in_printed_text() -> None:
    text = (
        "Loading 3 files\nModel: tinynet\nDevice: cpu\nBatch 4: avg latency: 12.3 ms, Throughput 325.2 items/s\n"
        "Peak memory = 512 MB\nport: 8080"
    )
    found = recognise({"stdout": text})
    assert figures(found) == {
        ("tinynet", "cpu", 4, "latency", "mean", 12.3, "ms"),
        ("tinynet", "cpu", 4, "throughput", "value", 325.2, "items/s"),
        ("tinynet", "cpu", 4, "peak_memory", "value", 512.0, "MB"),
    }


def test_tables_by_column() -> None:
    expected = {
        ("a", "cpu", None, "latency", "value", 2.5, "ms"),
        ("b", "gpu", None, "latency", "value", 3.5, "ms"),
    }
    assert (
        figures(
            recognise(
                {"columns": ["model", "device", "latency_ms"], "data": [["a", "cpu", 2.5], ["b", "gpu", 3.5]]}
            )
        )
        == expected
    )
    assert (
        figures(recognise({"model": ["a", "b"], "device": ["cpu", "gpu"], "latency_ms": [2.5, 3.5]}))
        == expected
    )
    assert (
        figures(
            recognise(
                {
                    "model": {"0": "a", "1": "b"},
                    "device": {"0": "cpu", "1": "gpu"},
                    "latency_ms": {"0": 2.5, "1": 3.5},
                }
            )
        )
        == expected
    )
    lists = {"models_tested": ["a", "b"], "hardware_results": {"cpu": {"latency_ms": [2.5, 3.5]}}}
    assert {(r.model, r.value) for r in recognise(lists).rows} == {("a", 2.5), ("b", 3.5)}


def test_devices_as_keys_prefixes_and_answers() -> None:
    assert {
        (r.model, r.device, r.status)
        for r in recognise({"model_results": {"tiny": {"cpu": False, "gpu": True}}}).rows
    } == {("tiny", "cpu", "failed")}
    row = only({"model": "m", "cuda_total_time_s": 0.5, "cuda_handler": "Success (REAL)"})
    assert (row.device, row.metric, row.value) == ("cuda", "total_time", 500.0)
    assert {(r.device, r.value) for r in recognise({"latency_ms": {"cpu": 9.5, "npu": 1.5}}).rows} == {
        ("cpu", 9.5),
        ("npu", 1.5),
    }


def test_nothing_is_invented() -> None:
    data = {
        "config": {"timeout_ms": 500, "target_latency_ms": 10},
        "timestamp": 1740759171.4,
        "predictions": [{"probability": 0.9}],
        "stats": {"total_tests": 3, "failed_tests": 1},
        "limits": [1, 2, 3],
        "version": 2,
    }
    found = recognise(data)
    assert found.rows == []
    assert sum(found.skipped.values()) == found.numbers == numbers_in(data)


@pytest.mark.parametrize(
    "data", [NESTED, {"a": [NESTED, {"x": 1, "throughput": 5.0}]}, {"latency_ms": {"1": 2.5}}]
)
def test_every_number_is_accounted_for(data: Any) -> None:
    found = recognise(data)
    assert found.numbers == numbers_in(data)
    assert sum(r.value is not None for r in found.rows) + sum(found.skipped.values()) == found.numbers


def test_unknown_names_are_called_unknown_and_secrets_are_masked() -> None:
    row = only({"latency_ms": 5.0})
    assert (row.model, row.device, row.batch_size) == ("unknown", "unknown", None)
    row = only(
        {
            "model": "https://me:secret99@host/m",
            "device": "cpu",
            "success": False,
            "error": "token=abcd1234 refused",
        }
    )
    assert "secret99" not in row.model
    assert "abcd1234" not in row.error


def test_values_that_are_no_numbers() -> None:
    data = json.loads(
        '{"model": "m", "latency_ms": NaN, "throughput": Infinity, "memory_mb": 1e400, "p95_latency_ms": null}'
    )
    found = recognise(data)
    assert found.rows == []
    assert found.skipped == {"not a finite number": 3}
    assert recognise({"latency_ms": 10**400}).rows == []


KEYS = ("model", "latency_ms", "latency", "device", "cpu", "throughput", "batch_1", "results", "status", "error", "50",
        "p95", "mean", "columns", "data", "unit", "metric", "value", "stdout", "metadata", "is_simulated", "iterations",
        "latencies", "", "\x00", "total_time", "failed_models", "memory")  # fmt: skip
VALUES = (None, True, 0, -1, 5, 0.02, 12.5, 1e308, 1e-320, float("inf"), float("nan"), 10**400, "", "failed", "cpu",
          "12.5 ms", "Latency: 5 ms", 1.7e9)  # fmt: skip


def made_up(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.random()
    if depth > 5 or kind < 0.35:
        return chance.choice(VALUES)
    if kind < 0.75:
        return {chance.choice(KEYS): made_up(chance, depth + 1) for _ in range(chance.randint(0, 6))}
    return [made_up(chance, depth + 1) for _ in range(chance.randint(0, 5))]


def test_any_json_is_read_and_accounted_for() -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(400):
        data = made_up(chance)
        found = recognise(data)
        values = [row.value for row in found.rows if row.value is not None]
        assert len(values) + sum(found.skipped.values()) == found.numbers, data
        assert all(math.isfinite(value) for value in values), data


def test_thousands_of_equal_rows_take_no_longer() -> None:
    rows = [{"model": "a", "latency_ms": 20.0}] * 5000
    started = time.monotonic()
    assert len(recognise(rows).rows) == 5000
    assert time.monotonic() - started < 20


def test_a_moment_is_no_duration_and_a_setting_no_figure() -> None:
    found = recognise(
        {
            "run_config": {
                "backend": {"model": "org/net", "device": "cuda:0"}, "shapes": {"batch_size": 4}, "duration_ms": 60000,
            },
            "queries": [{"startComputeMs": 2.1, "endComputeMs": 3.7, "computeMs": 1.6, "end_to_end_ms": 1.9}],
        }
    )  # fmt: skip
    assert [(r.model, r.device, r.batch_size, r.value) for r in found.rows] == [
        ("org/net", "cuda:0", 4, 1.6),
        ("org/net", "cuda:0", 4, 1.9),
    ]


def test_energy_has_its_unit_and_its_parts() -> None:
    data = {
        "model": "m",
        "energy": {"unit": "kWh", "cpu": 1e-6, "ram": 2e-7, "total": 1.2e-6},
        "power_mw": 850,
    }
    assert {(r.metric, round(r.value or 0, 6), r.unit) for r in recognise(data).rows} == {
        ("cpu_energy", 3.6, "J"), ("ram_energy", 0.72, "J"), ("energy", 4.32, "J"), ("power", 0.85, "W"),
    }  # fmt: skip


def test_what_is_open_in_one_object_gets_one_unit() -> None:
    command = "infer --model squeezenet1.1 --device cuda:0 --batch 2"
    found = recognise({"command": command, "mean": 1.33, "min": 1.31, "stddev": 0.02, "times": [1.31, 1.35]})
    assert {r.value for r in found.rows} == {1330.0, 1310.0, 20.0, 1350.0}
    assert {(r.model, r.device, r.batch_size) for r in found.rows} == {("squeezenet1.1", "cuda:0", 2)}
    together = {"avg_latency": 7.94, "max_latency": 31.3, "throughput": 503.1, "count": 30192,
                "execution_time": 60012.3, "first_inference_time": 11.02}  # fmt: skip
    rows = {r.path: (r.metric, r.value, r.unit_rule) for r in recognise(together).rows if r.unit == "ms"}
    assert rows["execution_time"] == ("total_time", 60012.3, "count / throughput")
    assert [rows[name][1] for name in ("avg_latency", "max_latency", "first_inference_time")] == [
        7.94,
        31.3,
        11.02,
    ]


def test_a_copy_below_another_name_is_left_out_and_a_mock_stays_one() -> None:
    best = {"mean_ms": 1.812, "p95_ms": 2.178, "fps": 551.9}
    found = recognise(
        {
            "devices": {
                "hailo8": {"mock": True, "precisions": {"int8": {"bs1": {**best, "peak_rss_mb": 312.4}}}}
            },
            "best_per_device": {"hailo8": best, "coral": {"mean_ms": 9.11}},
            "by_device": {"hailo8": {"max_ms": 4.4}},
        }
    )
    assert [(r.path.split("/")[0], r.value, r.provenance) for r in found.rows] == [
        ("devices", 1.812, "simulated"), ("devices", 2.178, "simulated"), ("devices", 551.9, "simulated"),
        ("devices", 312.4, "simulated"), ("best_per_device", 9.11, "imported"), ("by_device", 4.4, "simulated"),
    ]  # fmt: skip


def test_failures_in_other_words() -> None:
    invalid = recognise({"model": "m", "result_validity": "INVALID", "p99_latency_ms": 5.5}).rows
    assert [(r.status, r.value) for r in invalid] == [("failed", 5.5)]
    codes = recognise({"model": "m", "mean_ms": 5.5, "exit_codes": [0, 0, 1]}).rows
    assert [(r.metric, r.error) for r in codes if r.metric == "failure"] == [
        ("failure", "exit codes 0, 0, 1")
    ]


@pytest.mark.parametrize(
    ("name", "statistic"),
    [("p(95)_ms", "p95"), ("tp99_ms", "p99"), ("latency_p99.9_ms", "p99.9"), ("95th_percentile_ms", "p95"),
     ("latency_q95_ms", "p95"), ("std_dev_ms", "std"), ("med_ms", "p50")],
)  # fmt: skip
def test_percentiles_are_spelled_in_many_ways(name: str, statistic: str) -> None:
    row = only({"model": "m", name: 5.5})
    assert (row.metric, row.statistic, row.value) == ("latency", statistic, 5.5)


def test_models_by_devices() -> None:
    grid = {"models": ["a", "b"], "devices": ["cpu", "npu"], "latency_ms": [[5.5, 1.25], [9.5, 2.25]]}
    keyed = {"results": {"cpu/tiny": {"latency_ms": 7.5}, "cuda/tiny": {"latency_ms": 1.5}}}
    assert {(r.model, r.device, r.value) for r in recognise(grid).rows} == {
        ("a", "cpu", 5.5), ("a", "npu", 1.25), ("b", "cpu", 9.5), ("b", "npu", 2.25),
    }  # fmt: skip
    assert {(r.model, r.device, r.value) for r in recognise(keyed).rows} == {
        ("tiny", "cpu", 7.5),
        ("tiny", "cuda", 1.5),
    }


def test_what_only_looks_like_a_figure_is_none() -> None:
    """Counts among statistics, a histogram, a language model's temperature; but a detector's precision is one."""
    data = {
        "model": "m",
        "stats": {"latency": {"avg": 5.25, "unit": "ms", "samples": 100}},
        "load": {"num_requests": 452, "response_times": {"40": 300, "41": 150, "90": 2}},
        "sampling": {"temperature": 0.7},
        "speed": {"preprocess": 1.125, "inference": 10.5},
        "scores": {"metrics/precision(B)": 0.71, "metrics/recall(B)": 0.62},
    }
    found = recognise(data)
    assert {(r.metric, r.statistic, r.value) for r in found.rows} == {
        ("latency", "mean", 5.25),
        ("preprocess_time", "value", 1.125),
        ("inference_time", "value", 10.5),
        ("precision", "value", 0.71),
        ("recall", "value", 0.62),
    } or {r.value for r in found.rows} == {5.25, 1.125, 10.5, 0.71, 0.62}
    assert sum(found.skipped.values()) + len(found.rows) == found.numbers == numbers_in(data)
