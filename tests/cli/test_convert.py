"""`cluster4npu convert`: a model in the form that a device loads, whether that device is here or not."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

MODEL = "bundled:digit_classifier.onnx"
FP16 = "onnx:cuda:0?precision=fp16"


def test_a_model_is_made_for_a_device_that_is_not_here(cli_here, tmp_path: Path) -> None:
    done = cli_here("convert", MODEL, "--device", FP16, "-o", tmp_path / "half.onnx", "--json")
    assert done.code == 0, done.err
    made = onnx.load(tmp_path / "half.onnx")
    assert onnx.TensorProto.FLOAT16 in {weight.data_type for weight in made.graph.initializer}
    assert done.json["bytes"] == (tmp_path / "half.onnx").stat().st_size
    again = cli_here("convert", MODEL, "--device", FP16, "-o", tmp_path / "half.onnx")
    assert again.code == 2 and "such a file already" in again.err


@pytest.mark.parametrize(
    ("device", "output", "word"),
    [
        ("onnx:cpu", "x.onnx", "loads the model as it is"),
        ("onnx:cpu?precision=int8", "x.onnx", "frames of your own source"),
        ("coreml:ane", "x.mlpackage", "no version of such a model"),
        ("onnx:cpu?precision=fp16", "x.onnx", "does not compute in fp16"),
        ("warp:9", "x.onnx", "no backend"),
        (FP16, "x.mlpackage", "ends in .onnx"),
        (FP16, "nowhere/x.onnx", "cannot be written"),
    ],
)
def test_what_cannot_be_made_says_why(cli_here, device: str, output: str, word: str, tmp_path: Path) -> None:
    done = cli_here("convert", MODEL, "--device", device, "-o", tmp_path / output)
    assert done.code == 2 and word in done.text and "Traceback" not in done.text
