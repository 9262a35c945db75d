"""The system's part on Linux: the libraries that Qt loads, and apt-get, which brings them."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from devtools.shell import call, say, succeeds

# Library or program: the Debian package that holds it.
QT_LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
}
WINDOW_LIBRARIES = {  # besides those, to open a window under X11
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
TEST_PROGRAMS = {"Xvfb": "xvfb", "xauth": "xauth"}


def has_display(platform: str, env: Mapping[str, str]) -> bool:
    """Whether a window can be shown: always on macOS and Windows, elsewhere with X11 or Wayland."""
    if platform in ("darwin", "win32"):
        return True
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def missing_libraries(names: Iterable[str], load: Callable[[str], object] = ctypes.CDLL) -> list[str]:
    """Those of the shared libraries that the system's loader cannot find."""
    missing = []
    for name in names:
        try:
            load(name)
        except OSError:
            missing.append(name)
    return missing


def missing_parts(*, window: bool, tests: bool) -> list[str]:
    libraries = {**QT_LIBRARIES, **(WINDOW_LIBRARIES if window or tests else {})}
    programs = [name for name in TEST_PROGRAMS if tests and shutil.which(name) is None]
    return missing_libraries(libraries) + programs


def parse_os_release(text: str) -> dict[str, str]:
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def is_debian(system: Mapping[str, str]) -> bool:
    return bool({"debian", "ubuntu"} & {system.get("ID"), *system.get("ID_LIKE", "").split()})


def debian_packages(names: Iterable[str], system: Mapping[str, str]) -> list[str]:
    """The packages that hold these libraries and programs on this release of Debian or Ubuntu."""
    known = {**QT_LIBRARIES, **WINDOW_LIBRARIES, **TEST_PROGRAMS}
    first_renamed = {"debian": 13.0, "ubuntu": 24.04}.get(system.get("ID", ""))
    version = re.match(r"\d+(\.\d+)?", system.get("VERSION_ID", ""))
    # Releases with the 64-bit time_t renamed it; Debian's testing release states no number.
    renamed = first_renamed is not None and (version is None or float(version[0]) >= first_renamed)
    return ["libglib2.0-0t64" if renamed and known[n] == "libglib2.0-0" else known[n] for n in names]


def root_prefix() -> list[str] | None:
    """What to put before a command to run it as root without a question; None where that is impossible."""
    if sys.platform == "win32":
        return None
    if os.geteuid() == 0:
        return []
    return ["sudo", "-n"] if succeeds(["sudo", "-n", "true"]) else None


def install_system_packages(packages: Sequence[str]) -> None:
    """Install Debian packages where that needs no password; else, or when it fails, say what to type."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    prefix = root_prefix()
    line = "  " + " ".join([*([] if prefix == [] else ["sudo"]), *install])
    if prefix is None or shutil.which("apt-get") is None:
        say(f"To mend that, type:\n{line}")
        return
    say(f"Installing what is missing:\n{line}")
    as_root = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive"]
    options = ["-qq", "-o", "DPkg::Lock::Timeout=120"]
    call([*as_root, "apt-get", *options, "update"], quiet=True)
    if call([*as_root, *install, *options], quiet=True) != 0:
        say(f"apt-get failed; its reason stands above. When that is mended, type:\n{line}")


def ensure_libraries(*, window: bool = False, tests: bool = False) -> list[str]:
    """See that Qt finds its system libraries, installing them where that needs no password.

    Returns the libraries and programs that are still missing.
    """
    if not sys.platform.startswith("linux"):
        return []
    missing = missing_parts(window=window, tests=tests)
    if not missing:
        return []
    say("The system lacks " + ", ".join(missing) + ".")
    release = Path("/etc/os-release")
    system = parse_os_release(release.read_text(encoding="utf-8")) if release.exists() else {}
    if not is_debian(system):
        say("Install the packages of your distribution that hold them.")
        return missing
    install_system_packages(debian_packages(missing, system))
    return missing_parts(window=window, tests=tests)
