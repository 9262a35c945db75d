"""The words that names of fields are made of, by what they tell."""

from __future__ import annotations

# Times become ms, memory and sizes MB (1 MB = 1024 x 1024 bytes), rates per second.
TIME_UNITS = {
    "ns": 1e-06, "nanos": 1e-06, "nanosecond": 1e-06, "nanoseconds": 1e-06, "us": 0.001, "µs": 0.001,
    "usec": 0.001, "usecs": 0.001, "microsecond": 0.001, "microseconds": 0.001, "ms": 1.0, "msec": 1.0,
    "msecs": 1.0, "millis": 1.0, "millisecond": 1.0, "milliseconds": 1.0, "s": 1000.0, "sec": 1000.0,
    "secs": 1000.0, "second": 1000.0, "seconds": 1000.0, "minutes": 60000.0, "mins": 60000.0,
    "hours": 3600000.0,
}  # fmt: skip
SIZE_UNITS = {
    "b": 2.0**-20, "byte": 2.0**-20, "bytes": 2.0**-20, "kb": 2.0**-10, "kib": 2.0**-10,
    "kilobytes": 2.0**-10, "mb": 1.0, "mib": 1.0, "megabytes": 1.0, "gb": 1024.0, "gib": 1024.0,
    "gigabytes": 1024.0,
}  # fmt: skip
ENERGY_UNITS = {
    "j": 1.0, "joule": 1.0, "joules": 1.0, "mj": 1e-3, "uj": 1e-6, "kj": 1e3, "wh": 3600.0, "mwh": 3.6, "kwh": 3.6e6,
}  # fmt: skip
POWER_UNITS = {"w": 1.0, "watt": 1.0, "watts": 1.0, "mw": 1e-3, "kw": 1e3}
STATISTICS = {
    "avg": "mean", "mean": "mean", "average": "mean", "median": "p50", "min": "min", "minimum": "min",
    "fastest": "min", "max": "max", "maximum": "max", "slowest": "max", "std": "std", "stdev": "std",
    "stddev": "std", "variance": "variance", "var": "variance", "iqr": "iqr", "mad": "mad", "q1": "p25",
    "interquartile": "iqr",
    "q3": "p75", "med": "p50", "stdv": "std", "sd": "std", "sigma": "std", "deviation": "std", "geomean": "geomean",
    "lowest": "min", "highest": "max", "best": "best", "worst": "worst", "stderr": "sem", "sem": "sem",
}  # fmt: skip
INPUTS = {  # whose frame rate is a property of what goes in
    "camera", "dataset", "input", "native", "source", "stream", "video",
}  # fmt: skip
SETTINGS = {
    "allowed", "cap", "mode", "nominal", "rated", "tdp",
    "budget", "configured", "deadline", "goal", "id", "index", "limit", "port", "requested",
    "required", "requirement", "seed", "sla", "target", "threshold", "timeout", "tolerance", "version",
}  # fmt: skip
MOMENTS = {
    "created", "date", "datetime", "epoch", "finished", "timestamp", "timestamps",
}  # fmt: skip
TESTS = {
    "code", "completion", "errors", "exit", "failed", "failures", "passed", "return", "skipped",
    "succeeded", "success", "successes", "successful", "tests",
}  # fmt: skip
COUNTS = {
    "completed", "count", "frames", "images", "inferences", "items", "iterations", "iters", "num", "repeats",
    "prompts", "queries", "repetitions", "requests", "rounds", "runs", "samples", "steps", "tokens", "trials",
}  # fmt: skip
COUNT_HINTS = {
    "completed", "count", "dropped", "generated", "iterations", "iters", "n", "num", "processed", "repeats",
    "repetitions", "requests", "rounds", "runs", "total", "trials",
}  # fmt: skip
RATES = {
    "bandwidth", "fps", "ips", "ops", "qps", "rps", "samplespersecond", "thpt", "thr", "throughput",
    "throughputs", "thrpt", "tps", "tput",
}  # fmt: skip
RATE_UNITS = {
    "fps": "frames/s", "frames": "frames/s", "frame": "frames/s", "tokens": "tokens/s", "token": "tokens/s",
    "tps": "tokens/s", "samples": "samples/s", "sample": "samples/s", "requests": "requests/s",
    "req": "requests/s", "request": "requests/s", "rps": "requests/s", "queries": "queries/s",
    "qps": "queries/s", "images": "images/s", "image": "images/s", "inferences": "inferences/s",
    "ips": "inferences/s", "img": "images/s", "imgs": "images/s",
    "tok": "tokens/s", "toks": "tokens/s", "inf": "inferences/s", "infer": "inferences/s", "reqs": "requests/s",
    "ops": "operations/s", "iterations": "iterations/s", "steps": "steps/s",
    "batches": "batches/s",
}  # fmt: skip
MEMORY = {
    "allocated", "footprint", "heap", "mem", "memory", "peakmem", "ram", "rss", "vram", "workingset",
}  # fmt: skip
RANKS = {
    "10", "25", "5", "50", "75", "90", "95", "98", "99", "99.9", "99.99",
}  # fmt: skip
PHASES = {
    "backward", "cold", "compilation", "compile", "decode", "first", "forward", "inference", "init", "load",
    "optimizer", "postprocess", "postprocessing", "preprocess", "preprocessing", "startup", "total", "warm", "warmup",
}  # fmt: skip
PERCENT = {
    "%", "pct", "percent", "percentage",
}  # fmt: skip
UTILISATION = {
    "load", "usage", "usages", "util", "utilisation", "utilization",
}  # fmt: skip
OTHERS = {
    "power": ("power", "W"), "pwr": ("power", "W"), "watts": ("power", "W"),
    "energy": ("energy", "J"), "joules": ("energy", "J"),
    "temperature": ("temperature", "°C"), "temps": ("temperature", "°C"),
    "temperatures": ("temperature", "°C"),
    "temp": ("temperature", "°C"), "celsius": ("temperature", "°C"),
    "accuracy": ("accuracy", "ratio"), "acc": ("accuracy", "ratio"), "top1": ("top1_accuracy", "ratio"),
    "top5": ("top5_accuracy", "ratio"), "acc1": ("top1_accuracy", "ratio"), "acc5": ("top5_accuracy", "ratio"),
    "auc": ("auc", "ratio"), "auroc": ("auroc", "ratio"), "dice": ("dice", "ratio"), "ap": ("ap", "ratio"),
    "ap50": ("ap50", "ratio"), "ap75": ("ap75", "ratio"), "psnr": ("psnr", "dB"), "ssim": ("ssim", "ratio"),
    "cer": ("cer", "ratio"), "rouge": ("rouge", ""), "rougel": ("rougel", ""), "mae": ("mae", ""), "mse": ("mse", ""),
    "rmse": ("rmse", ""), "f1": ("f1", "ratio"), "wer": ("wer", "ratio"),
    "perplexity": ("perplexity", ""), "loss": ("loss", ""), "bleu": ("bleu", ""), "map": ("map", "ratio"),
    "map50": ("map50", "ratio"), "map75": ("map75", "ratio"), "map50to95": ("map50_95", "ratio"),
    "miou": ("miou", "ratio"), "recall": ("recall", "ratio"), "iou": ("iou", "ratio"),
    "speedup": ("speedup", "ratio"), "efficiency": ("efficiency", "ratio"),
    "rtf": ("real_time_factor", "ratio"), "slowdown": ("slowdown", "ratio"),
    "gflops": ("compute_rate", "GFLOP/s"), "tflops": ("compute_rate", "TFLOP/s"),
    "improvement": ("improvement", "ratio"), "overhead": ("overhead", "ratio"), "jitter": ("jitter", ""),
}  # fmt: skip
LATENCY = {
    "e2el", "e2els", "itl", "itls", "lat", "latencies", "latency", "rtt", "rtts", "tpot", "tpots", "ttft", "ttfts",
}  # fmt: skip
TIMES = {
    "delay", "delays", "duration", "durations", "elapsed", "runtime", "time", "times", "timing", "timings", "took",
    "walltime",
}  # fmt: skip
PEAKS = {
    "max",
    "peak",
    "peaks",
    "reserved",
    "resident",
    "used",
    "working",
}  # of bytes: then they are memory's
NOISE = {
    "all", "batch", "by", "bytes", "call", "consumed", "consumption", "data", "dev", "deviation", "e2e", "end",
    "exec", "execution", "gb", "in", "infer", "inference", "inferences", "is", "item", "iteration", "kb", "list",
    "mb", "measured", "metrics", "of", "per", "per_second", "percentile", "percentiles", "raw", "real",
    "response", "result", "results", "run", "sample", "samples", "standard", "statistics", "stats", "taken",
    "the", "to", "usage", "used", "value", "values", "window", "windows", "wise",
}  # fmt: skip
RUN_LENGTHS = {  # what a whole run took is told by such words alone
    "benchmark", "duration", "elapsed", "ran", "run", "runtime", "session", "suite", "test", "took", "wall", "walltime",
}  # fmt: skip
FORMULA = {
    "estimate", "estimated", "expected", "extrapolated", "predicted", "projected", "theoretical",
}  # fmt: skip
PREDICTED = {
    "forecast",
    "forecasts",
    "predicted",
    "prediction",
    "predictions",
}  # what stands below is
WORK = {
    "compilation", "compile", "decode", "decoding", "encode", "encoding", "first", "forward", "generation",
    "inference", "init",
    "load", "loading", "postprocess", "postprocessing", "prediction", "prefill", "preprocess", "preprocessing",
    "startup", "step", "tokenization", "tokenize",
}  # fmt: skip
BEFORE = {  # work that is done once, before anything is inferred
    "build", "compilation", "compile", "init", "initialization", "load", "loading", "startup", "warmup",
}  # fmt: skip
