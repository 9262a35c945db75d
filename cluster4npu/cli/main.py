"""The command line's beginning and end: arguments in, exit code and one message out."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Sequence

from cluster4npu import __version__
from cluster4npu.cli.command import FAILURE, INTERRUPTED, Command, commands
from cluster4npu.cli.console import Console
from cluster4npu.cli.interrupts import has_come, raise_on_signals
from cluster4npu.cli.parsing import Parser, common
from cluster4npu.core.errors import Cluster4NPUError, InputError, Problem, nearest

_PROGRAM = "cluster4npu"
_DEFAULT = "app"
_LONGEST_DEFECT = 500  # characters


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 the work failed, 2 wrong input, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console(json="--json" in arguments, debug="--debug" in arguments)
    try:
        raise_on_signals()
        code = _run(arguments, console)
        console.flush()
    except BaseException as error:
        code = _told(error, console)
    return code if console.close() else FAILURE


def _told(error: BaseException, console: Console) -> int:
    """Tell how a command ended that did not return, and return its exit code; raises what is none of ours."""
    if isinstance(error, KeyboardInterrupt) or has_come():  # native code makes other errors of it
        console.note("Stopped.")
        console.object({"ok": False, "error": [Problem("interrupted").as_dict()]})
        return INTERRUPTED
    if isinstance(error, Cluster4NPUError):
        console.error(error)
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        console.abandon()
        return FAILURE
    if not isinstance(error, Exception):
        raise error
    # The last line of defence: a defect of ours is told in one line too.
    if console.debug:
        traceback.print_exception(error)
    hint = "This is a defect of the program. Please report it, with what the command prints with --debug."
    text = " ".join(f"internal error: {type(error).__name__}: {error}".split())
    console.error(Cluster4NPUError(Problem(text[:_LONGEST_DEFECT], hint=hint)))
    return FAILURE


def _run(arguments: list[str], console: Console) -> int:
    known = commands()
    name = arguments[0] if arguments else _DEFAULT
    if name in ("-h", "--help", "help"):
        console.out(_overview(known))
        return 0
    if name == "--version":
        console.out(f"{_PROGRAM} {__version__}")
        return 0
    if name.startswith("-"):
        name, arguments = _DEFAULT, [_DEFAULT, *arguments]
    if name not in known:
        raise InputError(
            Problem(
                "unknown command",
                found=name,
                allowed=", ".join(known),
                hint=nearest(name, known) or f"`{_PROGRAM} --help` lists them.",
            )
        )
    args = make_parser(known[name]).parse_args(arguments[1:])
    return known[name].run(args, console)


def make_parser(command: Command) -> Parser:
    """Return the parser of one command."""
    parser = Parser(
        prog=f"{_PROGRAM} {command.name}",
        description=_help(command),
        example=command.example,
        parents=[common()],
    )
    command.add_arguments(parser)
    return parser


def _overview(known: dict[str, Command]) -> str:
    width = max(map(len, known)) + 2
    lines = [
        "Cluster4NPU: design, run and measure AI inference pipelines over several devices at once.",
        "",
        f"usage: {_PROGRAM} COMMAND [ARGUMENTS]    (without a command: open the window)",
        "",
        *(f"  {name:<{width}}{_help(command).splitlines()[0]}" for name, command in known.items()),
        "",
        f"`{_PROGRAM} COMMAND --help` explains one, with an example. Every command takes --json and --debug.",
        "example:",
        f"  {_PROGRAM} run example --frames 100",
    ]
    return "\n".join(lines)


def _help(command: Command) -> str:
    return inspect.getdoc(command) or ""


if __name__ == "__main__":
    sys.exit(main())
