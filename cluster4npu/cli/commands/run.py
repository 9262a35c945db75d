"""`cluster4npu run`: runs a pipeline and tells how fast it was."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.cli.command import INTERRUPTED, SUCCESS, Command
from cluster4npu.cli.console import Console, figure, table
from cluster4npu.cli.node_report import node_report, waste_lines
from cluster4npu.cli.outputs import check_writable
from cluster4npu.cli.parsing import add_store, device_list, number
from cluster4npu.cli.pipelines import add_pipeline, runnable_pipeline
from cluster4npu.core.errors import Cluster4NPUError, InputError, Problem, RunFailed, StoreError
from cluster4npu.core.pipeline.rates import runs_in_one_process
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.cli.watching import Watched
    from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary
    from cluster4npu.core.pipeline.config import PipelineConfig


class Run(Command):
    """Run a pipeline and tell how fast it was.

    Without --frames or --seconds it runs to the end of its source; a source without an end runs
    until Ctrl-C, which stops it cleanly. Each run is kept in the result database unless --no-store
    is given.
    """

    name = "run"
    example = (
        "cluster4npu run example --frames 100\n"
        "cluster4npu run simulated --devices 'sim:ane,sim:mine?ms=20' --policy smooth --json"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        from cluster4npu.core.engine.overload import OVERLOADS

        add_pipeline(parser)
        parser.add_argument(
            "--frames", type=number(int, unit="frames"), metavar="N", help="stop after N frames"
        )
        parser.add_argument(
            "--seconds", type=number(float, unit="seconds"), metavar="S", help="stop after S seconds"
        )
        parser.add_argument(
            "--devices", type=device_list, metavar="ID,ID", help="run on these, not the file's devices"
        )
        parser.add_argument("--policy", metavar="NAME", help="scheduling policy")
        parser.add_argument(
            "--target-fps",
            type=number(float, unit="frames a second"),
            metavar="F",
            help="take at most F frames a second from the source",
        )
        parser.add_argument(
            "--overload",
            choices=OVERLOADS,
            help="frames that nobody is free for: let the source wait, drop the oldest, or keep the newest only",
        )
        parser.add_argument(
            "--execution",
            choices=("push", "on_demand"),
            help="compute every frame, or only what is asked for; default: as the file says",
        )
        parser.add_argument(
            "--unpaced",
            action="store_true",
            help="a pipeline that keeps rates: do not wait for them; each node computes as often as in real time",
        )
        parser.add_argument(
            "--warm-spare",
            action="store_true",
            help="keep a loaded second process for each device, which takes over at once",
        )
        parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="write every frame's results")
        parser.add_argument(
            "--trace", type=Path, metavar="FILE.json", help="write every frame's way (Chrome trace)"
        )
        add_store(parser, optional=True)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        from cluster4npu.cli.chrome_trace import trace_events, write_trace
        from cluster4npu.cli.node_trace import node_events
        from cluster4npu.cli.watching import watch
        from cluster4npu.core.engine.messages import RunOptions
        from cluster4npu.core.pipeline.graph import Graph

        config = runnable_pipeline(args, console)
        one_process = runs_in_one_process(config)
        if args.unpaced and not one_process:
            raise InputError(no_rates())
        used = [Path(args.pipeline), *Graph.build(config).files()]
        for path, option, suffixes in (
            (args.results, "--results", (".jsonl", ".ndjson", ".json", ".txt")),
            (args.trace, "--trace", (".json",)),
        ):
            if path is not None:
                check_writable(path, option, suffixes, used)
                used.append(path)
        store: Path | None = None if args.no_store else args.store or default_store_path()
        if store is not None:
            require_writable(store)  # now, not after the work
        options = RunOptions(
            frames=args.frames,
            seconds=args.seconds,
            target_fps=args.target_fps,
            overload=args.overload,
            warm_spare=args.warm_spare,
            results_file=str(args.results.resolve()) if args.results else None,
            unpaced=args.unpaced,
            traces=args.trace is not None or not args.no_store,
        )
        watched = watch(config, options, console)
        summary, error = watched.summary, watched.error
        result = summary.as_dict() if summary else {}
        if summary is not None:
            for line in report(config, summary):
                console.out(line)
            try:
                if args.trace is not None and summary.spans is not None:
                    write_trace(args.trace, node_events(summary.spans))
                elif args.trace is not None and summary.traces is not None:
                    write_trace(args.trace, trace_events(summary.traces, [d.id for d in summary.devices]))
                if store is not None and _is_worth_keeping(watched, summary):
                    result["run_id"] = keep(store, config, watched, console)
            except Cluster4NPUError as failure:
                error = error or failure
        if error is None and summary is not None and summary.frames_failed and not summary.frames_out:
            error = RunFailed(
                Problem(
                    "every frame failed",
                    found="; ".join(summary.failures[:2]),
                    hint="Look at the first reason: the model, or what is around it, does not fit the frames.",
                )
            )
        if error is not None:
            console.error(error, result)
            return error.exit_code
        console.object(result)
        return INTERRUPTED if watched.interrupted else SUCCESS


def _is_worth_keeping(watched: Watched, summary: RunSummary) -> bool:
    """Tell whether the store takes a run: not one of failures only, or stopped before its devices were loaded."""
    if watched.interrupted and not watched.started:
        return False
    return bool(summary.frames_out or not summary.frames_failed)


def no_rates() -> Problem:
    """Return why a run over workers cannot be unpaced."""
    hint = "Leave --unpaced out: it runs as fast as its devices anyway."
    return Problem("this pipeline keeps no rates", field="--unpaced", hint=hint)


def require_writable(path: Path) -> None:
    """Raise StoreError when the store cannot be written."""
    from cluster4npu.core.store import Store

    Store(path).require_writable()


def keep(path: Path, config: PipelineConfig, watched: Watched, console: Console) -> str:
    """Store the run and return its id; raises StoreError."""
    from cluster4npu.core.store import Store
    from cluster4npu.core.store.recording import record_of_run

    if watched.summary is None:
        raise StoreError("there is nothing to store")
    record = record_of_run(
        config,
        watched.summary,
        command=shlex.join(["cluster4npu", *sys.argv[1:]]),
        model_sha256=watched.model_sha256,
    )
    with Store(path) as store:
        run_id = store.save(record)
        for notice in store.notices:
            console.note(notice)
    console.out(f"Stored as {run_id} in {path}")
    return run_id


def _unit(device: DeviceSummary) -> str:
    words = [device.unit]
    words += ["SIMULATED"] if device.simulated else []
    words += ["FELL BACK"] if device.fell_back else []
    words += ["FAILED"] if device.failed else []
    return " ".join(words)


def part_report(summary: RunSummary) -> list[str]:
    """Return what is told of each source and each stage where there are several."""
    lines = []
    for source in summary.sources if len(summary.sources) > 1 else ():
        lines.append(
            f"  {source.id}: {source.frames_in} in, {source.frames_out} out, {source.frames_dropped} dropped, "
            f"{source.frames_failed} failed, {source.fps:.1f} frames/s"
        )
    for stage in summary.stages if len(summary.stages) > 1 else ():
        lines.append(
            f"  stage {stage.id}: {stage.frames_in} in, {stage.frames_out} out, {stage.frames_dropped} dropped, "
            f"{stage.frames_failed} failed, {stage.runs} inferences"
        )
    return lines


def report(config: PipelineConfig, summary: RunSummary) -> list[str]:
    """Return a summary for people."""
    if summary.modes:
        return node_report(config, summary)
    latency = summary.latency_ms
    lines = [f"{config.name}: {summary.frames_out} frames in {summary.wall_s:.2f} s"]
    if summary.simulated:
        lines.append("SIMULATED devices: these figures say nothing about real hardware.")
    lines += [
        f"  throughput    {summary.fps:.1f} frames/s",
        f"  latency (ms)  mean {figure(latency.mean)}  p50 {figure(latency.p50)}  p90 {figure(latency.p90)}"
        f"  p95 {figure(latency.p95)}  p99 {figure(latency.p99)}   (-: too few frames)",
        f"  frames        {summary.frames_in} in, {summary.frames_out} out, {summary.frames_dropped} dropped, "
        f"{summary.frames_failed} failed",
    ]
    if summary.reconnects:
        lines.append(f"  source        lost and connected again {summary.reconnects} times")
    lines += part_report(summary)
    several = len(summary.stages) > 1
    batches = any(d.batch_size > 1 for d in summary.devices)
    rows = [
        (
            f"{d.stage}  {d.id}" if several else d.id,
            _unit(d),
            d.frames,
            f"{d.share:.0%}",
            f"{d.busy:.0%}",
            figure(d.fps),
            figure(d.latency_ms.mean),
            *([str(d.batch_size)] if batches else []),
        )
        for d in summary.devices
    ]
    first = "stage and device" if several else "device"
    headings = (
        first,
        "runs on",
        "frames",
        "share",
        "busy",
        "frames/s",
        "ms a frame",
        *(["frames at once"] if batches else []),
    )
    lines += ["", *("  " + line for line in table(headings, rows, left=2)), ""]
    if summary.waste is not None and any(node.unused for node in summary.waste.nodes):
        lines += [*waste_lines(summary.waste), ""]
    lines += [f"warning: {text}" for text in summary.warnings]
    lines += [f"failed frame: {text}" for text in summary.failures]
    return lines
