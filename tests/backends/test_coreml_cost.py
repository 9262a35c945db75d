"""What Core ML programs cost, counted by hand beside what is read in packages that coremltools wrote."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster4npu.backends.coreml_packages import read_package
from cluster4npu.core.devices.model import ModelCost

ct = pytest.importorskip("coremltools", reason="coremltools is not installed")


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def saved(
    tmp_path: Path,
    body: Callable[[Any, Any], Any],
    *,
    height: int | None = 16,
    change: Callable[[Any], Any] | None = None,
) -> ModelCost:
    """Return the cost that is read in the package of a program of MIL operators; the image is 1 x 3 x height x 24."""
    from coremltools.converters.mil import Builder
    from coremltools.converters.mil.mil import get_new_symbol

    size = get_new_symbol() if height is None else height
    spec = Builder.TensorSpec(shape=(1, 3, size, 24))
    target = ct.target.iOS18
    made = Builder.program(input_specs=[spec], opset_version=target)(lambda image: body(Builder, image))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of coremltools, about itself
        inputs = None if height else [ct.TensorType(name="image", shape=(1, 3, ct.RangeDim(8, 32), 24))]
        package = ct.convert(
            made,
            convert_to="mlprogram",
            inputs=inputs,
            compute_precision=ct.precision.FLOAT32,
            minimum_deployment_target=target,
            skip_model_load=True,
        )
        package = change(package) if change else package
        package.save(str(tmp_path / "m.mlpackage"))
    return read_package(tmp_path / "m.mlpackage").cost


def test_convolutions(tmp_path: Path) -> None:
    def body(mb: Any, image: Any) -> Any:
        x = mb.conv(x=image, weight=weights(4, 3, 3, 3), bias=weights(4), pad_type="same")
        x = mb.conv(x=x, weight=weights(4, 1, 3, 3), pad_type="same", groups=4)
        return mb.conv_transpose(x=x, weight=weights(4, 2, 2, 2), strides=[2, 2])

    cost = saved(tmp_path, body)
    pixels = 16 * 24
    assert cost.flops == 2 * pixels * (4 * 27 + 4 * 9 + 4 * 8)
    assert cost.parameters == 4 * 27 + 4 + 4 * 9 + 4 * 8
    assert cost.operators == {"conv": 2, "conv_transpose": 1}


def test_products_and_attention(tmp_path: Path) -> None:
    def body(mb: Any, image: Any) -> Any:
        x = mb.linear(x=mb.reshape(x=image, shape=(1, 2, 576)), weight=weights(8, 576), bias=weights(8))
        x = mb.matmul(x=x, y=x, transpose_x=True)  # 8 x 2 by 2 x 8
        x = mb.reshape(x=x, shape=(1, 2, 4, 8))
        x = mb.scaled_dot_product_attention(query=x, key=x, value=x)  # two heads, 4 queries, 4 keys of 8
        x = mb.mul(x=mb.add(x=x, y=weights(2, 1, 1)), y=0.5)  # two that are added, and a setting
        return mb.einsum(values=(x, mb.transpose(x=x, perm=[0, 3, 2, 1])), equation="nchw,nwhu->nchu")

    cost = saved(tmp_path, body)
    assert cost.flops == 2 * (2 * 8 * 576 + 8 * 8 * 2 + 2 * (2 * 4 * 4 * 8) + 2 * 4 * 8 * 2)
    assert cost.parameters == 8 * 576 + 8 + 2


def test_weights_that_are_kept_in_8_bits_count_as_what_they_are(tmp_path: Path) -> None:
    from coremltools.optimize import coreml as optimize

    def body(mb: Any, image: Any) -> Any:
        return mb.conv(x=image, weight=weights(4, 3, 3, 3), pad_type="same")

    how = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=10)
    config = optimize.OptimizationConfig(global_config=how)
    cost = saved(tmp_path, body, change=lambda package: optimize.linear_quantize_weights(package, config))
    assert (cost.parameters, cost.operators) == (4 * 27, {"conv": 1})
    assert cost.flops == 2 * 16 * 24 * 4 * 27


def test_open_sizes_and_loops_are_not_reported(tmp_path: Path) -> None:
    def convolution(mb: Any, image: Any) -> Any:
        return mb.conv(x=image, weight=weights(4, 3, 3, 3), pad_type="same")

    def loop(mb: Any, image: Any) -> Any:
        return mb.while_loop(
            _cond=lambda x: mb.less(x=mb.reduce_sum(x=x, axes=[0, 1, 2, 3], keep_dims=False), y=9.0),
            _body=lambda x: (mb.conv(x=x, weight=weights(3, 3, 3, 3), pad_type="same"),),
            loop_vars=(image,),
        )

    cost = saved(tmp_path, convolution, height=None)
    assert (cost.flops, cost.parameters) == (None, 4 * 27)
    assert saved(tmp_path / "loop", loop).flops is None
