"""Train, export and score the bundled classifier that reads one digit from its crop.

    pip install scikit-learn onnx onnxruntime opencv-python-headless
    python examples/train_digit_classifier.py

Its pictures are cut out of the scenes that the detector is trained on (``digits_scene.py``), a little beside their true
boxes, as a detector would. ``--evaluate`` only scores the existing file, on held-out scenes and on the clip.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
from digits_scene import CLASSES, Boxes, Image, SceneMaker, load_glyphs
from onnx import TensorProto, helper, numpy_helper
from sklearn.neural_network import MLPClassifier

ASSETS = Path(__file__).resolve().parent.parent / "assets"
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
    scenes: Iterator[tuple[Image, Boxes]], rng: np.random.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return crops (n x SIZE x SIZE x 3) and their digits."""
    crops, digits = [], []
    for image, boxes in scenes:
        for box in boxes:
            crops.append(cut_out(image, box, rng))
            digits.append(int(box[4]))
    return np.stack(crops), np.array(digits)


def scenes(count: int, *, held_out: bool) -> Iterator[tuple[Image, Boxes]]:
    """Yield synthetic scenes with their true boxes."""
    maker = SceneMaker(load_glyphs(held_out=held_out), HELD_OUT_SEED if held_out else TRAIN_SEED)
    return (maker.scene() for _ in range(count))


def clip_scenes() -> Iterator[tuple[Image, Boxes]]:
    """Yield the decoded frames of the sample clip with their true boxes."""
    truth = json.loads((ASSETS / "digits.json").read_text())
    capture = cv2.VideoCapture(str(ASSETS / truth["video"]))
    for boxes in truth["frames"]:
        decoded, frame = capture.read()
        if not decoded:
            raise RuntimeError("the clip has fewer frames than its truth")
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.array(boxes, np.float32)


def train(scene_count: int) -> None:
    """Train from scratch and write the ONNX file."""
    crops, digits = samples(scenes(scene_count, held_out=False), np.random.default_rng(0))
    print(f"{len(digits)} crops of {scene_count} scenes", flush=True)
    network = MLPClassifier(
        HIDDEN, alpha=1e-3, batch_size=256, learning_rate_init=2e-3, max_iter=25, random_state=0, verbose=True
    )
    network.fit(features(crops), digits)
    export(network)


def export(network: MLPClassifier) -> None:
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
    onnx.save(model, MODEL)


def evaluate(scene_count: int) -> None:
    """Print the part of digits that are read right, in crops at their true boxes."""
    session = onnxruntime.InferenceSession(MODEL)
    print("| digits | read right |\n| --- | --- |")
    for name, source in (
        (f"of {scene_count} held-out scenes", scenes(scene_count, held_out=True)),
        ("of the clip", clip_scenes()),
    ):
        crops, digits = samples(source, None)
        batch = np.ascontiguousarray(crops.transpose(0, 3, 1, 2).astype(np.float32) / 255)
        (scores,) = session.run(None, {"image": batch})
        print(f"| {len(digits)} {name} | {np.mean(scores.argmax(axis=1) == digits):.4f} |")
    print(f"{MODEL.stat().st_size} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--evaluate", action="store_true", help="score the existing file only")
    parser.add_argument("--scenes", type=int, default=6000, help="scenes to train on")
    args = parser.parse_args()
    if not args.evaluate:
        train(args.scenes)
    evaluate(400)
