"""`cluster4npu benchmark`: measures all devices together against each one alone."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from cluster4npu.cli.command import FAILURE, SUCCESS, Command
from cluster4npu.cli.comparing import Past, gate_report
from cluster4npu.cli.console import Console, figure, table
from cluster4npu.cli.parsing import add_store, device_list, number
from cluster4npu.cli.pipelines import add_pipeline, runnable_pipeline
from cluster4npu.core.errors import Cluster4NPUError, Problem, StoreError
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.core.bench.options import BenchmarkProgress
    from cluster4npu.core.bench.result import BenchmarkResult


class Benchmark(Command):
    """Measure all devices together against the best single one, and store the result.

    A result that must not be quoted reads INVALID, with the reason (unstable, or the devices'
    answers differ); it is stored and shown too, and with --json `valid` is false. Ctrl-C ends the
    benchmark within a second, and nothing is stored then.

    --against may name a device, which is then the single one that is compared with, or an earlier run
    (its id, or 'baseline': the newest fitting run marked with `db baseline`, else the newest fitting
    one). With --fail-below 0.95 the exit code is 1 when this run is slower than 0.95 of that one for
    sure, when it is INVALID, or when the two cannot be compared.
    """

    name = "benchmark"
    example = (
        "cluster4npu benchmark example --profile quick\n"
        "cluster4npu benchmark simulated --against sim:gpu --json\n"
        "cluster4npu benchmark simulated --scenario server --limit-ms 200\n"
        "cluster4npu benchmark example --against baseline --fail-below 0.95"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_pipeline(parser)
        parser.add_argument(
            "--scenario",
            default="offline",
            metavar="S",
            help="offline (default), single-stream, multi-stream, server or density",
        )
        parser.add_argument(
            "--rate",
            type=number(float, unit="frames/s"),
            metavar="FPS",
            help="of each camera (multi-stream, density; default 15), or of all arrivals (server; default: search "
            "the highest)",
        )
        parser.add_argument(
            "--streams",
            type=number(int, unit="streams"),
            metavar="N",
            help="cameras (multi-stream; default 4)",
        )
        parser.add_argument(
            "--limit-ms",
            type=number(float, unit="ms"),
            metavar="MS",
            help="bound on the p99 latency (server, multi-stream, density; default 100)",
        )
        parser.add_argument(
            "--profile", default="quick", metavar="P", help="quick (default), standard or certified"
        )
        parser.add_argument("--devices", type=device_list, metavar="ID,ID", help="measure these devices")
        parser.add_argument(
            "--against",
            metavar="ID",
            help="the single device to compare with (default: the best), an earlier run's id, or 'baseline'",
        )
        parser.add_argument(
            "--fail-below",
            type=number(float, unit="times the earlier run", most=1.0),
            metavar="RATIO",
            help="exit with 1 when this run is slower than so much of the earlier one (at most 1)",
        )
        add_store(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.cli.interrupts import StopRequest
        from cluster4npu.cli.progress import Progress
        from cluster4npu.core.bench import BenchmarkCancelled, BenchmarkOptions, PerformanceBenchmarker

        config = runnable_pipeline(args, console)
        past = Past.of(args)
        if past:
            past.require(config, args.scenario)
        options = BenchmarkOptions(
            scenario=args.scenario,
            profile=args.profile,
            against=None if past else args.against,
            rate=args.rate,
            streams=int(args.streams) if args.streams is not None else None,
            limit_ms=args.limit_ms,
            store=args.store or default_store_path(),
            command=shlex.join(["cluster4npu", *sys.argv[1:]]),
        )
        with StopRequest() as stop, Progress(console) as bar:

            def show(progress: BenchmarkProgress) -> None:
                bar.update(progress.fraction, _line(progress))

            try:
                result = PerformanceBenchmarker(options).run(config, show, lambda: stop.requested)
            except BenchmarkCancelled as cancelled:
                raise KeyboardInterrupt from cancelled
        try:
            if not result.run_id:
                raise StoreError(
                    Problem(
                        "the result was not stored",
                        found=str(options.store),
                        hint="The figures above are whole. Free the disk or the store before the next one.",
                    )
                )
            gate = past.judge(result) if past else None
        except Cluster4NPUError as error:  # what was measured is told all the same
            for line in report(result):
                console.out(line)
            console.error(error, result.as_dict())
            return error.exit_code
        console.object({**result.as_dict(), **({"comparison": gate.as_dict()} if gate else {})})
        for line in [*report(result), *(gate_report(gate) if gate else [])]:
            console.out(line)
        return SUCCESS if gate is None or gate.fail_below is None or gate.passed else FAILURE


def _line(progress: BenchmarkProgress) -> str:
    parts = [progress.stage, progress.detail, progress.device]
    if progress.window_fps is not None:
        parts.append(f"{progress.window_fps:.1f} frames/s")
    if progress.eta_s is not None:
        parts.append(f"{progress.eta_s:.0f} s left")
    return "  ".join(part for part in parts if part)


def report(result: BenchmarkResult) -> list[str]:
    """Return a benchmark for people, its headline first."""
    lines = [result.headline() + ("   SIMULATED" if result.simulated else ""), result.explanation(), ""]
    sides = [(name, side) for name, side in result.single.items()]
    rows = [
        (f"{name} alone" + (" (best)" if name == result.best_single else ""), side) for name, side in sides
    ]
    if result.parallel is not None:
        rows.append(("all together", result.parallel))
    cells = [
        (
            name,
            figure(side.fps),
            *(figure(getattr(side.latency_ms, key)) for key in ("mean", "p50", "p90", "p99")),
        )
        for name, side in rows
    ]
    headings = ("", "frames/s", "mean ms", "p50", "p90", "p99")
    lines += ["  " + line for line in table(headings, cells)]
    if result.efficiency is not None:
        lines += ["", f"  scaling efficiency {result.efficiency:.0%} of the single rates' sum"]
    lines += [f"  {text}" for text in result.why]
    if result.simulated:
        lines += ["", "SIMULATED devices: these figures say nothing about real hardware."]
    lines += [f"warning: {text}" for text in result.warnings]
    if result.run_id:
        lines += [
            "",
            f"Stored as {result.run_id}; `cluster4npu report {result.run_id} -o report.html` writes it down.",
        ]
    return lines
