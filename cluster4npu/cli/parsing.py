"""The argument parser: argparse, but an error is one message of ours that suggests the nearest name."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.core.store import Store

LAST = "last"
_CHOICE = re.compile(r"invalid choice: '(?P<found>[^']*)'")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


class Parser(argparse.ArgumentParser):
    """Raises InputError where argparse would print its usage and leave."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        if example:
            kwargs["epilog"] = "example:\n" + "\n".join(f"  {line}" for line in example.splitlines())
        super().__init__(*args, **kwargs)
        self.used: Parser = self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, extra = super().parse_known_args(args, namespace)
        if extra:
            self.refuse(extra[0])
        return known, extra

    def refuse(self, argument: str) -> NoReturn:
        """Raise the error for an argument that nobody knows."""
        name = argument.split("=")[0]
        options = sorted(set(_OPTION.findall(self.format_usage())))
        raise InputError(
            Problem(
                "unknown option" if name.startswith("-") else "one argument too many",
                found=argument,
                allowed=", ".join(options),
                hint=nearest(name, options) or f"`{self.prog} --help` explains them.",
            )
        )

    def error(self, message: str) -> NoReturn:
        choice = _CHOICE.search(message)
        hint = f"`{self.prog} --help` shows an example."
        if choice:
            allowed = re.findall(r"[\w.-]+", message.partition("(choose from")[2])
            raise InputError(
                Problem(
                    f"{self.prog}: there is no such choice",
                    found=choice["found"],
                    allowed=", ".join(allowed),
                    hint=nearest(choice["found"], allowed) or hint,
                )
            )
        raise InputError(Problem(f"{self.prog}: {message}", hint=hint))


def common() -> argparse.ArgumentParser:
    """Return the options of every command, to be given as a parent."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    group.add_argument("--debug", action="store_true", help="print a traceback with an error")
    return parser


def add_store(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Add --store, and --no-store where the command works without."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--store", type=_store, metavar="DB", help="result database (default: in the user's data folder)"
    )
    if optional:
        group.add_argument("--no-store", action="store_true", help="keep nothing")


def _store(text: str) -> Path:
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file in it")
    return Path(text)


def store_to_read(args: argparse.Namespace) -> Path:
    """Return the store that a command reads; raises InputError when the one that --store names is not there."""
    if args.store is None:
        return default_store_path()
    path: Path = args.store
    if not path.exists():
        raise InputError(
            Problem(
                "there is no such store",
                field="--store",
                found=str(path),
                allowed="a result database that exists",
                hint="Check the path; a run or a benchmark with --store makes a new one.",
            )
        )
    return path


def number(kind: type[int] | type[float], *, unit: str, most: float = 1e12) -> Callable[[str], float]:
    """Return an argparse type: a number above zero, and at most `most`; the error names the unit."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(0)
        if not 0 < value <= most:
            what = "a whole number" if kind is int else "a number"
            bounds = "above 0" + (f", at most {most:g}" if most < 1e12 else "")
            raise argparse.ArgumentTypeError(f"found '{text}'; allowed: {what} of {unit} {bounds}")
        return value

    return read


def device_list(text: str) -> tuple[str, ...]:
    """Read ID,ID,... as an argparse type."""
    ids = tuple(part.strip() for part in text.split(","))
    if not all(ids):
        raise argparse.ArgumentTypeError(
            f"found '{text}'; allowed: device ids with a comma between, as in onnx:cpu,onnx:cpu#2"
        )
    return ids


def newest(store: Store) -> str:
    """Return the id of the newest run, which on the command line is LAST; raises InputError when there is none."""
    rows = store.runs(limit=1)
    if not rows:
        problem = Problem(
            "nothing is stored yet", field="run_id", found=str(store.path), hint="Run or benchmark first."
        )
        raise InputError(problem)
    return rows[0].id
