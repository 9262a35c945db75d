"""dev.py: what it decides. What it installs is seen by running it on a clean checkout."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dev
from devtools import environment, packages, system
from devtools.shell import ROOT, SetupError

BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'
TRIXIE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nID=debian\n'
TESTING = "ID=debian\nVERSION_CODENAME=forky\n"
JAMMY = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n'
NOBLE = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22.1"\n'
FEDORA = "ID=fedora\nVERSION_ID=43\n"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in programs are shell scripts")


def pins(lock: Path) -> dict[str, packages.Pin]:
    return {pin.name: pin for pin in packages.parse_lock(lock.read_text(encoding="utf-8"))}


def stand_in(folder: Path, name: str, script: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


class TestLockFiles:
    @pytest.mark.parametrize("lock", [packages.RUN_LOCK, packages.DEV_LOCK], ids=lambda lock: lock.name)
    def test_holds_each_package_once_and_at_an_exact_version(self, lock: Path) -> None:
        text = lock.read_text(encoding="utf-8")
        names = [pin.name for pin in packages.parse_lock(text)]
        assert len(names) == len(set(names)) > 20
        assert "://" not in text

    def test_development_holds_the_whole_runtime(self) -> None:
        assert pins(packages.RUN_LOCK).items() <= pins(packages.DEV_LOCK).items()

    def test_covers_what_pyproject_asks_for(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]

        def names(requirements: list[str]) -> set[str]:
            written = (re.split(r"[ <>=;\[]", requirement)[0] for requirement in requirements)
            return {re.sub(r"[-_.]+", "-", name).lower() for name in written}

        assert names(project["dependencies"]) <= pins(packages.RUN_LOCK).keys()
        assert names(extras["dev"] + extras["openvino"]) <= pins(packages.DEV_LOCK).keys()
        assert not names(extras["torch"] + extras["ray"]) & pins(packages.DEV_LOCK).keys()

    def test_setuptools_is_there_only_where_distutils_is_gone(self) -> None:
        assert "3.12" in pins(packages.RUN_LOCK)["setuptools"].marker

    def test_reads_versions_markers_and_comments(self) -> None:
        text = "# head\n\nnumpy==2.4.6  # via x\nsetuptools==84.2.1 ; python_full_version >= '3.12'\n"
        assert packages.parse_lock(text) == [
            ("numpy", "2.4.6", ""),
            ("setuptools", "84.2.1", "python_full_version >= '3.12'"),
        ]

    @pytest.mark.parametrize(
        "line",
        [
            "numpy>=2",
            "numpy",
            "numpy==2.*",
            "--index-url https://example.org/simple",
            "numpy @ https://example.org/numpy.whl",
            "-e .",
        ],
    )
    def test_refuses_all_but_exact_versions(self, line: str) -> None:
        with pytest.raises(SetupError, match="name==version"):
            packages.parse_lock(f"duckdb==2.0.0\n{line}\n")


class TestSystemPackages:
    @pytest.mark.parametrize(
        ("release", "glib"),
        [
            (BOOKWORM, "libglib2.0-0"),
            (TRIXIE, "libglib2.0-0t64"),
            (TESTING, "libglib2.0-0t64"),
            (JAMMY, "libglib2.0-0"),
            (NOBLE, "libglib2.0-0t64"),
            (MINT, "libglib2.0-0"),  # apt finds the renamed package by its old name
        ],
        ids=["bookworm", "trixie", "testing", "jammy", "noble", "mint"],
    )
    def test_names_the_packages_of_the_release(self, release: str, glib: str) -> None:
        found = system.debian_packages(
            ["libglib-2.0.so.0", "libGL.so.1", "Xvfb"], system.parse_os_release(release)
        )
        assert found == [glib, "libgl1", "xvfb"]

    def test_knows_debian_and_what_is_made_from_it(self) -> None:
        releases = [BOOKWORM, JAMMY, MINT, FEDORA, ""]
        answers = [system.is_debian(system.parse_os_release(text)) for text in releases]
        assert answers == [True, True, True, False, False]

    def test_names_what_the_loader_cannot_find(self) -> None:
        def load(name: str) -> None:
            if name != "libGL.so.1":
                raise OSError(name)

        assert system.missing_libraries(["libGL.so.1", "libEGL.so.1"], load) == ["libEGL.so.1"]

    def test_really_asks_the_loader(self) -> None:
        assert system.missing_libraries(["libdoesnotexist.so.1"]) == ["libdoesnotexist.so.1"]

    def test_says_what_to_type_where_it_may_not_install(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(system, "root_prefix", lambda: None)
        system.install_system_packages(["libgl1", "libegl1"])
        shown = capsys.readouterr().out
        assert "sudo apt-get install -y --no-install-recommends libgl1 libegl1" in shown


class TestDisplay:
    @pytest.mark.parametrize(
        ("platform", "env", "expected"),
        [
            ("linux", {}, False),
            ("linux", {"DISPLAY": ""}, False),
            ("linux", {"DISPLAY": ":0"}, True),
            ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
            ("darwin", {}, True),
            ("win32", {}, True),
        ],
    )
    def test_is_seen(self, platform: str, env: dict[str, str], expected: bool) -> None:
        assert system.has_display(platform, env) is expected


@posix_only
class TestFindPython:
    def test_takes_the_first_that_works_and_is_new_enough(self, tmp_path: Path) -> None:
        stand_in(tmp_path, "python3.14", "exit 127")  # a version manager's placeholder
        stand_in(tmp_path, "python3.13", "exit 1")  # claims a name, but is older
        wanted = stand_in(tmp_path, "python3.12", "exit 0")
        stand_in(tmp_path, "python3.11", "exit 0")
        assert environment.find_python(str(tmp_path)) == [str(wanted)]

    def test_finds_none(self, tmp_path: Path) -> None:
        assert environment.find_python(str(tmp_path)) is None

    def test_uses_the_windows_launcher(self, tmp_path: Path) -> None:
        launcher = stand_in(tmp_path, "py", 'test "$1" = -3.12')
        assert environment.find_python(str(tmp_path)) == [str(launcher), "-3.12"]

    def test_this_python_is_new_enough(self) -> None:
        assert environment.is_new_enough([sys.executable])


class TestStamp:
    @pytest.fixture
    def stamp(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "stamp.json"
        monkeypatch.setattr(environment, "STAMP", path)
        return path

    def test_comes_back(self, stamp: Path) -> None:
        environment.write_stamp({"locks": ["abc"]})
        assert environment.read_stamp()["locks"] == ["abc"]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"root": "/elsewhere", "locks": ["abc"]}'])
    def test_is_not_trusted_when_damaged_or_from_another_folder(self, stamp: Path, text: str) -> None:
        stamp.write_text(text, encoding="utf-8")
        assert environment.read_stamp() == {}

    def test_changes_with_the_file(self, tmp_path: Path) -> None:
        lock = tmp_path / "a.lock"
        lock.write_text("numpy==2.4.6\n", encoding="utf-8")
        before = packages.digest(lock)
        lock.write_text("numpy==2.4.7\n", encoding="utf-8")
        assert packages.digest(lock) != before


class TestCommands:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "dev.py"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_a_command_tells_what_it_does(self) -> None:
        result = self.run("screenshots", "--help")
        assert result.returncode == 0
        assert "Draw every panel" in result.stdout

    def test_help_lists_every_command(self) -> None:
        result = self.run("help")
        assert result.returncode == 0
        assert all(f"\n  {name} " in result.stdout for name in dev.COMMANDS)

    def test_unknown_command_shows_the_known_ones(self) -> None:
        result = self.run("rnu")
        assert result.returncode == 2
        assert "'rnu'" in result.stdout
        assert "\n  run " in result.stdout

    def test_make_knows_every_command(self) -> None:
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = next(line for line in makefile.splitlines() if line.startswith(".PHONY:"))
        assert set(targets.split()[1:]) == dev.COMMANDS.keys()
