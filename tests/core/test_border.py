"""The border: everything below the window works without Qt, and no vendor runtime is imported early."""

from __future__ import annotations

import subprocess
import sys
import textwrap

_SCRIPT = """
import importlib, pkgutil, sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is behind the border")

sys.meta_path.insert(0, Wall())
import cluster4npu
for package in {packages}:
    root = importlib.import_module(package)
    for item in pkgutil.walk_packages(root.__path__, package + "."):
        importlib.import_module(item.name)
early = sorted(set(sys.modules) & {heavy})
assert not early, early
print("ok")
"""

QT = {"PySide6", "shiboken6", "NodeGraphQt", "Qt", "pyqtgraph", "qtawesome"}


def _run(blocked: set[str], packages: list[str], heavy: set[str]) -> None:
    script = textwrap.dedent(_SCRIPT).format(blocked=blocked, packages=packages, heavy=heavy or "set()")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "ok", done.stderr


def test_core_backends_and_templates_work_without_qt():
    _run(QT, ["cluster4npu.core", "cluster4npu.backends", "cluster4npu.templates"], set())


def test_no_runtime_is_imported_before_its_backend_is_used():
    heavy = {"onnxruntime", "openvino", "torch", "coremltools", "ray", "sklearn"}
    _run(QT, ["cluster4npu.core", "cluster4npu.backends"], heavy)


def test_a_missing_extra_makes_its_backend_unavailable_not_an_error():
    script = textwrap.dedent(
        """
        import sys
        sys.modules["openvino"] = None
        from cluster4npu.core.devices import registry
        found = registry.devices_of(registry.backend("openvino"))
        assert found and not any(d.available for d in found), found
        assert all("openvino" in d.reason for d in found), found
        print("ok")
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "ok", done.stderr
