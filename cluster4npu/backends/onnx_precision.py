"""Versions of an ONNX model in another precision: int8 from frames of the user's own source, and fp16."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices.backend import Calibration
from cluster4npu.core.devices.model_file import model_error, read_model_file
from cluster4npu.core.devices.precision import MADE_FROM, MADE_IN, is_whole, prepared_path
from cluster4npu.core.errors import Cluster4NPUError, DeviceUnavailable, Problem

EXTRA = "cluster4npu[quantize]"
_ERRORS = 3  # of ONNX Runtime's degrees: no warnings
_RECIPE = "2"  # goes up when the same input shall give another file
# Only these, which do nearly all the work: quantised as well, the last concatenation of a detector would give boxes
# (hundreds of pixels) and scores (0 to 1) one scale of 256 steps, and no score would be left.
_QUANTIZED = ["Conv", "ConvTranspose", "Gemm", "MatMul"]


def prepare(model: Path, precision: str, calibration: Calibration | None, method: str = "static") -> Path:
    """Return the file of `model` in "int8" or "fp16", made now or by an earlier call with equal input.

    `calibration` is what static int8 is made with. Raises InputError for a model that cannot be converted,
    DeviceUnavailable where the tools are not installed.
    """
    sha256 = read_model_file(model)
    digest = hashlib.sha256(f"{sha256} {_RECIPE} {precision} {method} {version('onnxruntime')}".encode())
    for batch in calibration.batches if calibration is not None else ():
        for name, array in sorted(batch.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    target = prepared_path(model, precision, digest.hexdigest())
    if not is_whole(target):
        onnx = _tools(precision)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="making-") as folder:
            made = Path(folder) / "model.onnx"
            try:
                if precision == "fp16":
                    _halve(onnx, model, made)
                else:
                    _quantize(onnx, model, made, calibration, method)
            except Cluster4NPUError:
                raise
            except (
                Exception
            ) as error:  # a converter's own, of any kind: it becomes one message about the model
                raise _refused(model, precision, f"{type(error).__name__}: {error}") from error
            if precision == "int8" and not _is_quantized(onnx, made):
                raise _refused(model, precision, f"it has no {', '.join(_QUANTIZED)} with weights of its own")
            _sign(onnx, made, precision, sha256)
            made.replace(target)
    return target


def _tools(precision: str) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise DeviceUnavailable(
            Problem(
                f"the tools that make {precision} versions of a model are not installed",
                field="devices",
                found=str(error),
                hint=f"Install {EXTRA}, or leave the option out.",
            )
        ) from error
    return onnx


def _refused(model: Path, precision: str, reason: str) -> Exception:
    return model_error(
        f"the model cannot be converted to {precision}",
        found=f"{model.name}: {' '.join(reason.split())}",
        allowed="an fp32 model of ordinary operators",
        hint="Leave the option out, or export the model in that precision yourself.",
    )


def _quantize(onnx: Any, model: Path, made: Path, calibration: Calibration | None, method: str) -> None:
    from onnxruntime import quantization, set_default_logger_severity
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if _is_quantized(onnx, model):
        raise _refused(model, "int8", "it is quantised already")
    set_default_logger_severity(
        _ERRORS
    )  # its tools open sessions of their own, which would write into the output
    cleaned = made.with_name("cleaned.onnx")
    quant_pre_process(str(model), str(cleaned), skip_symbolic_shape=True)
    if method == "dynamic":
        quantization.quantize_dynamic(
            str(cleaned),
            str(made),
            op_types_to_quantize=_QUANTIZED,
            weight_type=quantization.QuantType.QUInt8,
        )
        return
    if calibration is None or not calibration.batches:
        raise _refused(model, "int8", "the source gave no frame to calibrate with")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, of ranges that are none
            quantization.quantize_static(
                str(cleaned),
                str(made),
                _reader(quantization, calibration),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=_QUANTIZED,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                calibrate_method=quantization.CalibrationMethod.MinMax,
            )
    except AssertionError as error:
        why = "between its operators are numbers without a range: it computes something that is not a number (NaN)"
        raise _refused(model, "int8", why) from error


def _is_quantized(onnx: Any, model: Path) -> bool:
    """Tell whether anything in the model computes in integers."""
    nodes = onnx.load(model, load_external_data=False).graph.node
    return any("Linear" in node.op_type or "Integer" in node.op_type for node in nodes)


def _reader(quantization: Any, calibration: Calibration) -> Any:
    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, unused-ignore]
        """Hands the batches out one after the other."""

        def __init__(self) -> None:
            self._left: Iterator[Mapping[str, np.ndarray]] = iter(calibration.batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self._left, None)
            return None if batch is None else dict(batch)

    return Reader()


def _halve(onnx: Any, model: Path, made: Path) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True), made)


def _sign(onnx: Any, made: Path, precision: str, sha256: str) -> None:
    """Write into the file what it is and what it was made from."""
    whole = onnx.load(made)
    kept = {item.key: item.value for item in whole.metadata_props}
    onnx.helper.set_model_props(whole, {**kept, MADE_IN: precision, MADE_FROM: sha256})
    with contextlib.suppress(FileNotFoundError):
        made.unlink()
    onnx.save(whole, made)
