"""The documentation tells the truth: its commands run, its links lead somewhere, its reference is the code's."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_NOT_RUN = "<!-- not run by the tests: "
_BLOCK = re.compile(r"(?P<before>[^\n]*)\n```bash\n(?P<commands>.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|#)(?P<target>[^)#]+)")
_PATH = re.compile(r"`(?P<path>(?:cli|ui|templates|backends|core)/[\w/.]*\w\.py)")


def executed(page: Path) -> list[str]:
    """Return the commands of a page that are to be run, in their order."""
    text = page.read_text(encoding="utf-8")
    blocks = [m["commands"] for m in _BLOCK.finditer(text) if not m["before"].startswith(_NOT_RUN)]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if executed(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_commands_run(page: Path, tmp_path: Path) -> None:
    env = {**os.environ, "CLUSTER4NPU_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    for line in executed(page):
        words = shlex.split(line)
        if words[:2] == ["python", "docs/generate.py"]:
            continue  # writes into the checkout; see below
        assert words[0] == "cluster4npu", f"{page.name}: `{line}` is no command of ours; mark its block"
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout.decode()}{done.stderr.decode()}"


def test_the_readme_shows_commands_that_run() -> None:
    assert len(executed(ROOT / "README.md")) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    targets = [m["target"] for m in _LINK.finditer(page.read_text(encoding="utf-8"))]
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_that_are_named_exist(page: Path) -> None:
    paths = [m["path"] for m in _PATH.finditer(page.read_text(encoding="utf-8"))]
    assert [p for p in paths if not (ROOT / "cluster4npu" / p).is_file()] == []


def test_functions_that_the_architecture_names_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py): (\w+)`", text)
    assert named
    for path, name in named:
        source = (ROOT / "cluster4npu" / path).read_text(encoding="utf-8")
        assert re.search(rf"^\s*(class|def) {name}\b", source, re.MULTILINE), f"{path} has no {name}"
    for cls, method in re.findall(r"`(Stream|LoadedStage)\.(\w+)`", text):
        module = {"Stream": "stream", "LoadedStage": "worker"}[cls]
        source = (ROOT / "cluster4npu" / "core" / "engine" / f"{module}.py").read_text(encoding="utf-8")
        assert f"def {method}(" in source, f"{cls} has no {method}"


def test_the_node_reference_is_the_codes() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    committed = (ROOT / "docs" / "node-reference.md").read_text(encoding="utf-8")
    assert committed == module.reference(), "run `python docs/generate.py`"


def test_every_command_is_in_the_readme() -> None:
    from cluster4npu.cli.command import commands

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in commands() if not re.search(rf"`{name}[` ]", text)] == []
