"""`cluster4npu validate`: checks a pipeline file."""

from __future__ import annotations

import argparse

from cluster4npu.cli.command import SUCCESS, WRONG_INPUT, Command
from cluster4npu.cli.console import Console, problem_text
from cluster4npu.cli.pipelines import add_pipeline, chosen_pipeline
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.pipeline.graph import find_problems


class Validate(Command):
    """Check a pipeline and list every problem, without running it.

    Exit code 2 when there is an error; warnings alone are no error. No model is loaded.
    """

    name = "validate"
    example = "cluster4npu validate my_pipeline.json"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_pipeline(parser)

    def run(self, args: argparse.Namespace, console: Console) -> int:
        problems: tuple[Problem, ...]
        try:
            problems = tuple(find_problems(chosen_pipeline(args)))
        except InputError as error:
            problems = error.problems
        errors = sum(p.severity == "error" for p in problems)
        console.object({"ok": errors == 0, "problems": [p.as_dict() for p in problems]})
        for problem in problems:
            console.out(problem_text(problem))
        warnings = len(problems) - errors
        console.out(
            f"{args.pipeline}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"
            if problems
            else f"{args.pipeline}: ok"
        )
        return WRONG_INPUT if errors else SUCCESS


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
