"""The preprocess node: takes its size from the model, and refuses what is no image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cluster4npu.core.devices.null import NULL_MODEL
from cluster4npu.core.errors import InputError
from tests.core.nodes.media import make, picture

MODEL = replace(NULL_MODEL, path="model.onnx", input_shape=(1, 3, 96, 128))


def bound(model, **params):
    node = make("preprocess", **params)
    node.bind(model)
    return node.process({"frame": picture(0)})["tensor"]


def test_the_size_comes_from_the_model() -> None:
    tensor = bound(MODEL)
    assert tensor.data.shape == (1, 3, 96, 128)
    assert (tensor.geometry.scale_x, tensor.geometry.scale_y) == (2, 2)
    assert 0 <= tensor.data.min() <= tensor.data.max() <= 1


def test_an_open_size_is_asked_for_and_taken() -> None:
    model = replace(MODEL, input_shape=(None, 3, None, None))
    with pytest.raises(InputError) as caught:
        bound(model)
    assert caught.value.problems[0].field == "height"
    assert bound(model, width=64, height=32).data.shape == (1, 3, 32, 64)


def test_another_size_than_the_model_is_refused() -> None:
    assert bound(MODEL, width=128).data.shape == (1, 3, 96, 128)
    with pytest.raises(InputError) as caught:
        bound(MODEL, width=64)
    (problem,) = caught.value.problems
    assert (problem.node, problem.field, problem.found, problem.allowed) == (
        "mine",
        "width",
        "64 px",
        "128 px",
    )


def test_the_model_that_does_nothing_takes_any_size() -> None:
    assert bound(NULL_MODEL).data.shape == (1, 3, 320, 320)
    assert bound(NULL_MODEL, width=64, height=32).data.shape == (1, 3, 32, 64)


@pytest.mark.parametrize(
    "changes",
    [
        {"input_shape": (1, 1, 28, 28)},
        {"input_shape": (1, 224, 224, 3)},
        {"input_shape": (4, 3, 224, 224)},
        {"input_shape": (1, 128)},
        {"input_dtype": "int64"},
        {"input_dtype": "tensor(double)"},
    ],
)
def test_what_is_no_image_is_refused(changes) -> None:
    with pytest.raises(InputError) as caught:
        bound(replace(MODEL, **changes))
    (problem,) = caught.value.problems
    assert problem.node == "mine"
    assert "input" in problem.found
    assert problem.allowed
    assert problem.hint


def test_values_and_channel_order() -> None:
    frame = np.zeros((96, 128, 3), np.uint8)
    frame[:] = (10, 20, 30)  # blue, green, red
    node = make("preprocess", mean=(0.1, 0.2, 0.3), std=(1, 2, 4), scale=0.01)
    node.bind(MODEL)
    tensor = node.process({"frame": frame})["tensor"].data
    np.testing.assert_allclose(tensor[0, :, 5, 5], [0.3 - 0.1, (0.2 - 0.2) / 2, (0.1 - 0.3) / 4], atol=1e-6)
    node = make("preprocess", color="bgr", scale=1)
    node.bind(MODEL)
    assert node.process({"frame": frame})["tensor"].data[0, :, 5, 5].tolist() == [10, 20, 30]


def test_a_deviation_of_zero_is_a_problem() -> None:
    assert make("preprocess").problems() == []
    (problem,) = make("preprocess", std=(1, 0, 1)).problems()
    assert problem.field == "std"
