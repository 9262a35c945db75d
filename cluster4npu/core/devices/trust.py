"""Model files that can run code: loaded only when the user has said, on this machine, that they are trusted.

A pipeline file cannot say it: it may come from whoever made the model.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from cluster4npu.core.devices.model_file import model_error
from cluster4npu.core.settings import data_dir


def trust_file() -> Path:
    """Return the list of trusted models: one SHA-256 (hex) at the start of a line, anything behind it."""
    return data_dir() / "trusted-models.txt"


def require_trust(model: Path, sha256: str, why: str) -> None:
    """Raise InputError unless this very file is listed as trusted; `why` says what it could do."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = trust_file().read_text(encoding="utf-8", errors="replace").splitlines()
    if sha256 not in {line.split()[0].lower() for line in lines if line.split()}:
        raise model_error(
            "this kind of model file can run code, and this one is not trusted",
            found=f"{model.name}: {why}",
            allowed="a TorchScript or ONNX file, which needs no trust",
            hint=f"Only if you trust whoever made it: add the line '{sha256}' to {trust_file()}.",
        )
