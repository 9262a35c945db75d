"""The bundled classifier: one digit from its crop, trained with scikit-learn. `train_digits.py` is the command.

Its pictures are cut out of the scenes that the detector is trained on (``digits_scene.py``), a little beside their true
boxes, as a detector would.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from digits_clip import ASSETS, clip_scenes
from digits_scene import CLASSES, Boxes, Image, scenes
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

MODEL = ASSETS / "digit_classifier.onnx"
SIZE = 20  # side of the model's input
MARGIN = 0.1  # around the box, as a part of it: what the pipeline's crop_boxes node adds
HIDDEN = (80, 32)
TRAIN_SEED, HELD_OUT_SEED = 2, 1_000_002


def cut_out(image: Image, box: np.ndarray, rng: np.random.Generator | None) -> Image:
    """Return the square around a box (x1 y1 x2 y2) at the model's size; shaken a little with an `rng`."""
    x1, y1, x2, y2 = (float(v) for v in box[:4])
    if rng is not None:
        shake = rng.normal(0, 0.04, 4) * max(x2 - x1, y2 - y1)
        x1, y1, x2, y2 = x1 + shake[0], y1 + shake[1], x2 + shake[2], y2 + shake[3]
    half = max((x2 - x1) * (1 + 2 * MARGIN), (y2 - y1) * (1 + 2 * MARGIN)) / 2
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    left, top = max(0, int(np.floor(x - half))), max(0, int(np.floor(y - half)))
    right, bottom = int(np.ceil(x + half)), int(np.ceil(y + half))
    return cv2.resize(image[top:bottom, left:right], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def features(crops: np.ndarray) -> np.ndarray:
    """Return what the network sees of n x SIZE x SIZE x 3 uint8: grey, with mean 0 and deviation 1 in each crop."""
    grey = crops.astype(np.float32).mean(axis=3).reshape(len(crops), -1) / 255
    grey -= grey.mean(axis=1, keepdims=True)
    return grey / (grey.std(axis=1, keepdims=True) + 1e-3)


def samples(
    source: Iterator[tuple[Image, Boxes]], rng: np.random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return crops (n x SIZE x SIZE x 3) and their digits."""
    crops, digits = [], []
    for image, boxes in source:
        for box in boxes:
            crops.append(cut_out(image, box, rng))
            digits.append(int(box[4]))
    return np.stack(crops), np.array(digits)


def train(model: Path, scene_count: int) -> None:
    """Train from scratch and write the ONNX file."""
    crops, digits = samples(scenes(scene_count, TRAIN_SEED, held_out=False), np.random.default_rng(0))
    print(f"{len(digits)} crops of {scene_count} scenes", flush=True)
    network = MLPClassifier(
        HIDDEN, alpha=1e-3, batch_size=256, learning_rate_init=2e-3, max_iter=25, random_state=0, verbose=True
    )
    network.fit(features(crops), digits)
    export(network, model)


def export(network: MLPClassifier, path: Path) -> None:
    """Write the network with what comes before it: `image` is n x 3 x SIZE x SIZE in 0..1."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", len(CLASSES)])
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[1], keepdims=0),
        helper.make_node("Flatten", ["grey"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1]),
        helper.make_node("Sub", ["flat", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["variance"], axes=[1]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Add", ["deviation", "least"], ["divisor"]),
        helper.make_node("Div", ["centred", "divisor"], ["layer0"]),
    ]
    constants = [numpy_helper.from_array(np.array([1e-3], np.float32), "least")]
    layers = list(zip(network.coefs_, network.intercepts_, strict=True))
    for number, (weights, bias) in enumerate(layers):
        constants.append(numpy_helper.from_array(weights.astype(np.float32), f"weights{number}"))
        constants.append(numpy_helper.from_array(bias.astype(np.float32), f"bias{number}"))
        inputs = [f"layer{number}", f"weights{number}", f"bias{number}"]
        nodes.append(helper.make_node("Gemm", inputs, [f"sum{number}"]))
        last = number == len(layers) - 1
        out = "scores" if last else f"layer{number + 1}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"sum{number}"], [out]))
    model = helper.make_model(
        helper.make_graph(nodes, "digit_classifier", [image], [scores], constants),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 9
    names = dict(enumerate(CLASSES))
    helper.set_model_props(
        model,
        {
            "names": str(names),
            "task": "classify",
            "description": "Reads one handwritten digit from its crop",
            "license": "Apache-2.0",
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)


def tensor(crops: np.ndarray) -> np.ndarray:
    """Return crops as the network takes them: n x 3 x SIZE x SIZE in 0..1."""
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def inputs(count: int) -> list[np.ndarray]:
    """Return crops of training scenes, each 1 x 3 x SIZE x SIZE: int8 is calibrated with them."""
    crops, _ = samples(scenes(count, TRAIN_SEED, held_out=False), np.random.default_rng(0))
    return [tensor(crop[None]) for crop in crops]


def evaluate(model: Path, count: int) -> None:
    """Print the part of digits that are read right, in crops at their true boxes."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    print("| digits | read right |\n| --- | --- |")
    for name, source in (
        (f"of {count} held-out scenes", scenes(count, HELD_OUT_SEED, held_out=True)),
        ("of the clip", clip_scenes()),
    ):
        crops, digits = samples(source, None)
        (scores,) = session.run(None, {"image": tensor(crops)})
        print(f"| {len(digits)} {name} | {np.mean(scores.argmax(axis=1) == digits):.4f} |")
