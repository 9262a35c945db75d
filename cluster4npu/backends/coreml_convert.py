"""PyTorch programs made into Core ML packages with coremltools, on macOS and on Linux, and kept."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.backends.coreml_packages import read_package, tools
from cluster4npu.backends.torch_programs import Program, load_program, tensors_in
from cluster4npu.core.devices.model_file import model_error
from cluster4npu.core.devices.model_package import SUFFIX
from cluster4npu.core.devices.precision import MADE_FROM, MADE_IN, prepared_path
from cluster4npu.core.errors import Cluster4NPUError, DeviceUnavailable, Problem, one_line

EXTRAS = "cluster4npu[coreml,torch]"
_RECIPE = "1"  # goes up when the same program shall give another package
_TAKES = ("float32", "float16")


def package_of(model: Path, precision: str) -> Path:
    """Return the package of a PyTorch program in "fp32" or "fp16", made now or by an earlier call with equal input.

    Raises InputError for a program that cannot be converted, DeviceUnavailable where the tools are not installed.
    """
    try:
        ct, torch = (
            tools(),
            _torch(),
        )  # in this order: PyTorch imports the progress bars that the tools turn off
    except ImportError as error:
        raise DeviceUnavailable(
            Problem(
                "the tools that convert PyTorch programs to Core ML are not installed",
                field="devices",
                found=str(error),
                hint=f"Install {EXTRAS}, or choose an .mlpackage that was made elsewhere.",
            )
        ) from error
    program = load_program(model, torch, "cpu")
    told = f"{program.info.sha256} {_RECIPE} {precision} {ct.__version__} {torch.__version__}"
    target = prepared_path(model, f"coreml-{precision}", hashlib.sha256(told.encode()).hexdigest(), SUFFIX)
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="making-") as folder:
            made = Path(folder) / f"model{SUFFIX}"
            _convert(program, precision, made, torch, ct)
            read_package(made)  # what cannot be read again is not kept
            _keep(made, target)
    return target


def _keep(made: Path, target: Path) -> None:
    try:
        made.replace(target)
    except OSError:  # another process was first: its package is as good
        if not target.exists():
            raise
        shutil.rmtree(made, ignore_errors=True)


def _convert(program: Program, precision: str, made: Path, torch: Any, ct: Any) -> None:
    info = program.info
    shape = (1, *(size for size in info.input_shape[1:] if size))
    if len(shape) != len(info.input_shape) or info.input_dtype not in _TAKES:
        raise _refused(info.path, f"its input is {info.input_shape} {info.input_dtype}")
    example = torch.zeros(shape, dtype=getattr(torch, info.input_dtype))
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")  # of PyTorch and of coremltools, about themselves
            outputs = len(tensors_in(program.run(example)))
            package = ct.convert(
                _source(program, example, torch),
                convert_to="mlprogram",
                minimum_deployment_target=ct.target.macOS13,
                compute_precision=ct.precision.FLOAT16 if precision == "fp16" else ct.precision.FLOAT32,
                inputs=[
                    ct.TensorType(name=info.input_name, shape=shape, dtype=np.dtype(info.input_dtype).type)
                ],
                outputs=[ct.TensorType(name=f"output{i}", dtype=np.float32) for i in range(outputs)],
                skip_model_load=True,
            )
    except Cluster4NPUError:
        raise
    except Exception as error:  # a converter's own, of any kind: it becomes one message about the model
        raise _refused(info.path, f"{type(error).__name__}: {one_line(error)}") from error
    package.user_defined_metadata.update(
        {
            MADE_IN: precision,
            MADE_FROM: info.sha256,
            **({"names": str(dict(enumerate(info.labels)))} if info.labels else {}),
            **({"task": info.task} if info.task else {}),
        }
    )
    package.save(str(made))


def _source(program: Program, example: Any, torch: Any) -> Any:
    """Return the program as the converter takes it: a trace as it is, all else exported for this one shape."""
    if isinstance(program.run, torch.jit.ScriptModule):
        return program.run
    return torch.export.export(program.run, (example,)).run_decompositions({})


def _torch() -> Any:
    import torch

    return torch


def _refused(path: str, reason: str) -> Cluster4NPUError:
    return model_error(
        "the program cannot be converted to Core ML",
        found=f"{Path(path).name}: {reason}",
        allowed="a program of ordinary operators whose input has a fixed size, 1 x 3 x height x width of float32",
        hint="Export it with torch.export and an example of the size that it takes, or choose another device.",
    )
