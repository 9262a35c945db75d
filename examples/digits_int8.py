"""The int8 version of a bundled model, made as a run makes it, from training scenes in place of a run's own frames."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def write_int8(model: Path, inputs: Sequence[np.ndarray]) -> Path:
    """Quantise `model` with ranges from `inputs` (as the network takes them); return the file beside it."""
    from cluster4npu.backends.onnx_precision import prepare
    from cluster4npu.core.devices.backend import Calibration
    from cluster4npu.core.devices.precision import MADE_FROM, MADE_IN

    name = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0].name
    target = model.with_name(f"{model.stem}_int8.onnx")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLUSTER4NPU_DATA"] = folder  # what runs keep is not touched
        made = onnx.load(prepare(model, "int8", Calibration.of_images(name, inputs)))
    # A run's own version stands for the model that it was made from; this file is a model of its own.
    kept = [item for item in made.metadata_props if item.key not in (MADE_IN, MADE_FROM)]
    del made.metadata_props[:]
    made.metadata_props.extend(kept)
    onnx.save(made, target)
    return target
