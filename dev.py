"""Sets up, runs and checks Cluster4NPU with one command each; `python dev.py help` lists them.

Standard library only, and everything that it installs goes into `.venv` beside this file.
"""

from __future__ import annotations  # a SyntaxError here means: run this with Python 3.11 or newer

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from devtools import packages, system
from devtools.environment import MIN_PYTHON, find_python, program
from devtools.shell import COMPILED, OFFSCREEN, ROOT, SetupError, call, hand_over, say

EXAMPLE = ROOT / "assets" / "example.json"
PICTURES = ROOT / "out"


def run(arguments: list[str]) -> int:
    """Open the example pipeline: [PIPELINE] [--headless]; without a display, run and measure it."""
    headless = "--headless" in arguments
    rest = [a for a in arguments if a != "--headless"]
    pipeline = rest.pop(0) if rest and not rest[0].startswith("-") else str(EXAMPLE)
    packages.install(packages.RUN_LOCK)
    window = not headless and system.has_display(sys.platform, os.environ)
    missing = system.ensure_libraries(window=window)
    if window and not missing:
        say(f"Opening {pipeline}")
        return hand_over([program("cluster4npu"), "app", pipeline, *rest])
    if not headless:
        say("No window can be opened here, so the pipeline runs without one.")
    return run_headless(pipeline, pictures=not set(missing) & set(system.QT_LIBRARIES))


def run_headless(pipeline: str, *, pictures: bool) -> int:
    """Run the pipeline, measure it, and draw the dashboard into picture files."""
    steps = [["run", pipeline], ["benchmark", pipeline, "--profile", "quick"]]
    if pictures:
        steps.append(["app", pipeline, "--render", str(PICTURES)])
    for number, step in enumerate(steps, 1):
        say(f"\nStep {number} of {len(steps)}: cluster4npu " + " ".join(step))
        code = call([program("cluster4npu"), *step], cwd=None, env=OFFSCREEN)
        if code != 0:
            say(f"That step ended with exit code {code}; add --debug to its command for the whole story.")
            return code
    if pictures:
        say(f"\nThe pictures of the dashboard are in {PICTURES}")
    else:
        say("\nNo pictures: Qt lacks the system libraries named above.")
    return 0


def prepare() -> None:
    """Install everything that testing and developing need."""
    packages.install(packages.DEV_LOCK)
    missing = system.ensure_libraries(tests=True)
    if set(missing) & set(system.QT_LIBRARIES):
        raise SetupError("Qt cannot start without these libraries. Install them, then run this again.")
    if missing:
        say("Going on without; tests that need a real window are skipped.")


def setup(_arguments: list[str]) -> int:
    """Make .venv with everything for running, testing and developing."""
    started = time.monotonic()
    prepare()
    say(f"Ready after {time.monotonic() - started:.1f} s: {program('cluster4npu')}")
    return 0


def check(_arguments: list[str]) -> int:
    """Look for mistakes without running anything: ruff, formatting, mypy, import borders."""
    packages.install(packages.DEV_LOCK)
    steps = {
        "ruff check .": "with --fix it mends most of these itself",
        "ruff format --check .": "without --check it mends this itself",
        "mypy": "each line above names a file, a line and a rule",
        "lint-imports --no-logo": "pyproject.toml says which part may import which",
    }
    failed = []
    for step, remedy in steps.items():
        say(f"\nChecking: {step}")
        name, *rest = step.split()
        if call([program(name), *rest]) != 0:
            failed.append(f"  {program(step)}\n    {remedy}")
    say("\n" + "\n".join(["Failed:", *failed] if failed else ["All checks passed."]))
    return 1 if failed else 0


def test(arguments: list[str]) -> int:
    """Check, then run the tests: [PYTEST ARGUMENTS]."""
    prepare()
    checks = check([])
    say("\nTesting")
    code = pytest(*arguments) if arguments else all_tests()
    if code == 0 and checks != 0:
        say("The tests passed, but not all checks: see above the tests.")
    return code or checks


def all_tests() -> int:
    """Run the tests side by side. What fails there is run again by itself, and that counts.

    Many tests run real workers: one that had the machine taken from it by its neighbour says nothing about the code.
    """
    workers = min(4, os.cpu_count() or 1)
    code = pytest("-n", str(workers), "--dist=worksteal", "-q", "-rs")
    if code == 1:
        say("\nOnce more, and by themselves: the tests that failed")
        code = pytest("--last-failed", "-q")
    return code


def pytest(*arguments: str) -> int:
    return call([program("python"), "-m", "pytest", *arguments], env={**OFFSCREEN, **os.environ, **COMPILED})


def bench(arguments: list[str]) -> int:
    """Measure the speeds that the README tells, one after the other (minutes): [NAME ...]."""
    prepare()
    return call(
        [program("python"), "-m", "benchmarks", *arguments], env={**OFFSCREEN, **os.environ, **COMPILED}
    )


def soak(arguments: list[str]) -> int:
    """Run the endurance tests (hours, or --minutes N each): [--minutes N] [PYTEST ARGUMENTS]."""
    if arguments[:1] == ["--minutes"] and len(arguments) > 1:
        os.environ["SOAK_MINUTES"] = arguments[1]
        arguments = arguments[2:]
    prepare()
    return pytest("-m", "soak", "--timeout=0", *arguments)


def screenshots(arguments: list[str]) -> int:
    """Draw every panel and dialog into build/gallery, to look at: [FOLDER]; --docs: the documentation's, anew."""
    prepare()
    if arguments[:1] == ["--docs"]:
        code = call([program("python"), "-m", "cluster4npu.ui.screenshots"], env=OFFSCREEN)
        return code or call([program("python"), "-m", "cluster4npu.ui.animation"], env=OFFSCREEN)
    folder = arguments[0] if arguments else str(Path(ROOT, "build", "gallery"))
    return call([program("python"), "-m", "cluster4npu.ui.gallery", folder], env=OFFSCREEN)


def docs(arguments: list[str]) -> int:
    """Run the examples in docstrings and in the documentation: [PYTEST ARGUMENTS]."""
    prepare()
    pages = [name for name in ("README.md", "docs") if Path(ROOT, name).exists()]
    code = pytest("--doctest-modules", "--doctest-glob=*.md", "cluster4npu", *pages, *arguments)
    return 0 if code == 5 else code  # 5: there are no examples


def lock(_arguments: list[str]) -> int:
    """Write both lock files anew, with the newest versions that pyproject.toml allows."""
    packages.write_locks()
    return 0


def show_help(_arguments: list[str]) -> int:
    """List these commands."""
    say("Usage: python dev.py COMMAND [ARGUMENTS], or: make COMMAND [ARGS='...']\n")
    for name, command in COMMANDS.items():
        say(f"  {name:<12} {(command.__doc__ or '').splitlines()[0]}")
    return 0


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "run": run,
    "test": test,
    "check": check,
    "bench": bench,
    "soak": soak,
    "screenshots": screenshots,
    "docs": docs,
    "setup": setup,
    "lock": lock,
    "help": show_help,
}


def main(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if name in ("-h", "--help"):
        name = "help"
    if name not in COMMANDS:
        say(f"There is no command {name!r}.\n")
        show_help([])
        return 2
    if {"-h", "--help"} & set(rest):
        say(f"Usage: python dev.py {name} [ARGUMENTS]\n\n{COMMANDS[name].__doc__}")
        return 0
    if sys.version_info < MIN_PYTHON and name != "help":
        return restart([name, *rest])
    try:
        return COMMANDS[name](rest)
    except SetupError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        return 130


def restart(arguments: list[str]) -> int:
    """Start again with a newer Python, or say that there is none."""
    python = find_python()
    if python is None:
        found = sys.version.split()[0]
        say(f"Cluster4NPU needs Python 3.11 or newer; this is {found}, and PATH has no other.")
        say("Install one from python.org; on Debian 12 and newer: sudo apt-get install python3 python3-venv")
        return 2
    return hand_over([*python, __file__, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
