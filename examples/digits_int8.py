"""The int8 version of a bundled model, made as a run makes it, from training scenes in place of a run's own frames."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime


def write_int8(model: Path, inputs: Sequence[np.ndarray]) -> Path:
    """Quantise `model` with ranges from `inputs` (as the network takes them); return the file beside it."""
    from cluster4npu.backends.onnx_precision import prepare
    from cluster4npu.core.devices.backend import Calibration

    name = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0].name
    target = model.with_name(f"{model.stem}_int8.onnx")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLUSTER4NPU_DATA"] = folder  # what runs keep is not touched
        shutil.copyfile(prepare(model, "int8", Calibration(name, inputs)), target)
    return target
