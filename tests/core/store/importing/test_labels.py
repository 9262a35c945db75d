"""Labels in names, large times and computed figures, in the forms of tools that were not known before."""

from __future__ import annotations

from typing import Any

import pytest

from cluster4npu.core.store.importing.model import Row
from cluster4npu.core.store.importing.recognise import recognise


def rows(data: Any) -> list[Row]:
    """Return what is recognised in a document."""
    return recognise(data).rows


_LABELLED = "model={0}, test=eval, device={1}, bs={2}, metric={3}"


def test_an_error_among_labelled_keys_is_only_its_own():
    """One failure in a flat map of `name=value` keys leaves the other models' figures as they are."""
    found = rows(
        {
            "environ": {"device": "NVIDIA A10G"},
            "metrics": {
                _LABELLED.format("resnet18", "cuda", 16, "latencies"): 4.812,
                _LABELLED.format("vgg16", "cpu", 4, "throughputs"): 18.83,
                _LABELLED.format("llama", "cuda", 1, "error"): "CUDA out of memory",
            },
        }
    )
    told = [(r.model, r.device, r.batch_size, r.metric, r.status) for r in found]
    assert sorted(told) == [
        ("llama", "cuda", 1, "failure", "failed"),
        ("resnet18", "cuda", 16, "latency", "ok"),
        ("vgg16", "cpu", 4, "throughput", "ok"),
    ]
    assert next(r for r in found if r.model == "llama").error == "CUDA out of memory"


def test_labels_of_a_name_are_no_part_of_the_metric():
    """What a name was read for, model, device and precision, is taken out of the metric's name."""
    (row,) = rows({"benches": [{"name": "yolov5s/openvino:GPU/fp16 latency", "value": 0.0241, "unit": "s"}]})
    assert (row.metric, row.model, row.precision, row.value) == ("latency", "yolov5s", "fp16", 24.1)


def test_a_slow_tail_in_nanoseconds_is_no_date():
    """A percentile of 0.8 s in ns is as large as a date in seconds; the mean beside it tells it is a duration."""
    found = rows({"latencies": {"mean": 79039666, "50th": 71220145, "99th": 301776210, "max": 1412334901}})
    assert {r.statistic: r.value for r in found}["max"] == pytest.approx(1412.334901)
    assert len(found) == 4


@pytest.mark.parametrize("per_item", [2.1, 0.37])
def test_a_time_on_a_line_over_the_batch_is_computed(per_item: float):
    """A latency on an exact line is a formula's, and so is the throughput derived from it, which is on none."""
    sizes = [1, 2, 4, 8, 16]
    results = [{"batch_size": b, "latency_ms": round(per_item * b + 0.5, 3)} for b in sizes]
    derived = [{**r, "throughput": round(1000 * r["batch_size"] / r["latency_ms"], 2)} for r in results]
    for made in (results, derived):
        found = rows({"model": "m", "device": "cpu", "results": made})
        assert len(found) == len(made) * (len(made[0]) - 1)
        assert {r.provenance for r in found} == {"formula"}


def test_few_digits_on_a_line_by_chance_are_measured():
    """Three short figures may lie on a line by chance; one that is off is measured."""
    for latencies in ([1.2, 2.4, 4.8], [2.6, 4.7, 8.93]):
        results = [{"batch_size": b, "latency_ms": v} for b, v in zip([1, 2, 4], latencies, strict=True)]
        found = rows({"model": "m", "device": "cpu", "results": results})
        assert {r.provenance for r in found} == {"imported"}


def test_quantities_as_people_write_them_are_read():
    """Units and multiples in a text are read; a text of a measured name that is no quantity is counted as left out."""
    found = recognise(
        {
            "model": "m",
            "device": "cpu",
            "avg_latency": "1m 3s",
            "latency_ms": "12,5",
            "throughput": "3 k/s",
            "p95": "250us",
            "memory": "1.5 GiB",
            "load_time": "5 fortnights",
        }
    )
    told = {r.path: (r.value, r.unit) for r in found.rows}
    assert told == {
        "avg_latency": (63_000.0, "ms"),
        "latency_ms": (12.5, "ms"),
        "throughput": (3000.0, "items/s"),
        "p95": (0.25, "ms"),
        "memory": (1536.0, "MB"),
    }
    assert found.numbers == 6
    assert sum(found.skipped.values()) == 1


def test_what_describes_a_machine_or_a_run_is_no_measurement():
    """A card's memory and clocks, settings, setting up and shares are no rows; the card is the device."""
    found = rows(
        {
            "engine": {"model": "llama-3", "backend": "TRT"},
            "machine": {"name": "NVIDIA H100 80GB HBM3", "memory": 79.11, "clocks": {"mem": 2.619}},
            "seconds_to_run": 10,
            "fraction_of_supported_ops": 0.98,
            "durations": {"suite.setup_cache": 3.2},
            "performance": {"avg_latency_ms": 294.2},
        }
    )
    assert [(r.path, r.model, r.device) for r in found] == [
        ("performance/avg_latency_ms", "llama-3", "NVIDIA H100 80GB HBM3")
    ]


def test_a_container_above_devices_is_no_model():
    """`Execution_Data` above devices holds data; the model is the one that is named, the precision in the key."""
    times = {"Avg_Time": 41872, "Min_Time": 40955, "Max_Time": 44310}
    data = {"Model": {"Name": "tinynet"}, "Device": "QCS8550", "Timing unit": "us"}
    found = rows({**data, "Execution_Data": {"CPU_fp32": {"Total": times}, "GPU_FP16": {"Total": times}}})
    assert {(r.model, r.device, r.precision) for r in found} == {
        ("tinynet", "CPU", "fp32"),
        ("tinynet", "GPU", "fp16"),
    }


def test_bare_statistics_are_times_where_samples_or_a_rate_say_so():
    """`Statistics` with samples are in ns by their size; a mean beside its rate is in ms; fences are no times."""
    statistics = {
        "OriginalValues": [17868782.3, 18233451.3, 18598120.3],
        "N": 3,
        "Mean": 18233451.3,
        "Median": 18233451.3,
        "StandardDeviation": 364669.0,
        "UpperFence": 20056796.43,
        "ConfidenceInterval": {
            "N": 3,
            "Mean": 18233451.3,
            "Level": 12,
            "Lower": 17139444.2,
            "Upper": 19327458.4,
        },
    }
    found = rows({"Parameters": "Model=tinynet&Provider=cpu&Batch=4", "Statistics": statistics})
    assert {(r.model, r.device, r.batch_size, r.metric, r.unit) for r in found} == {
        ("tinynet", "cpu", 4, "latency", "ms")
    }
    told = {r.statistic: r.value for r in found if r.statistic != "sample"}
    assert told == {
        "mean": pytest.approx(18.2334513),
        "p50": pytest.approx(18.2334513),
        "std": pytest.approx(0.364669),
        "ci_low": pytest.approx(17.1394442),
        "ci_high": pytest.approx(19.3274584),
    }
    beside = rows({"model": "m", "r": {"items_per_sec": 702.3, "mean": 45.5, "std": 3.8, "99.0%": 58.4}})
    assert {r.statistic: r.value for r in beside if r.metric == "latency"} == {
        "mean": 45.5,
        "std": 3.8,
        "p99": 58.4,
    }


def test_work_done_before_is_no_latency():
    """Loading's statistics stand apart from the inference's of the same names."""
    times = {"Avg_Time": 48102, "Min_Time": 47402, "Max_Time": 49002}
    found = rows({"model": "m", "device": "cpu", "unit": "us", "Init": times, "Inference": times})
    assert {r.metric for r in found if r.path.startswith("Init")} == {"init_time"}
    assert {r.metric for r in found if r.path.startswith("Inference")} == {"latency"}


def test_columns_that_the_file_names_are_read():
    """A list below `result_columns` has one figure for every combination of its parameters."""
    params = [["'mobilenet_v2'", "'resnet50'"], ["'cpu'", "'cuda'"]]
    found = recognise(
        {
            "params": {"arch": "x86_64"},
            "result_columns": ["result", "params", "version", "started_at", "stats_ci_99_a"],
            "results": {
                "infer.Suite.time_forward": [
                    [0.01213, 0.0482, None, 0.00192],
                    params,
                    "v1",
                    1741000000100,
                    [0.0119, 0.0471, None, 0.00188],
                ],
                "infer.Suite.peakmem_forward": [[183500800, 412090368, 201326592, None], params],
            },
        }
    )
    told = {(r.model, r.device, r.metric, r.statistic): r.value for r in found.rows}
    assert len(told) == len(found.rows) == 9
    assert told["mobilenet_v2", "cuda", "forward_time", "value"] == pytest.approx(48.2)
    assert told["resnet50", "cuda", "forward_time", "ci_low"] == pytest.approx(1.88)
    assert told["mobilenet_v2", "cpu", "forward_memory", "value"] == 175.0
    assert found.numbers == 10
    assert sum(found.skipped.values()) == 1


def test_a_whole_is_no_shorter_than_its_part():
    """An end-to-end time above 1 beside a first token's below 1 is in seconds as that is."""
    clocks = {"first_token_latency": 0.182, "inter_token_latency": 0.0113, "e2e_latency": 1.62}
    found = rows({"model": "m", "device": "cuda", **clocks, "output_tokens": 128})
    assert {r.path: r.value for r in found} == pytest.approx(
        {"first_token_latency": 182.0, "inter_token_latency": 11.3, "e2e_latency": 1620.0}
    )
