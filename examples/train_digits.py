"""Train, quantise and score the bundled models, or only score them; and remake the clip.

    pip install -e '.[quantize]' scikit-learn torch
    python examples/train_digits.py detector --bfloat16
    python examples/train_digits.py classifier
    python examples/train_digits.py detector --evaluate

Training writes the fp32 file and its int8 version into `assets` and scores both on held-out scenes and on the clip.
PyTorch is needed to train the detector only. ``--int8`` makes only the int8 version of the file that is there.
"""

from __future__ import annotations

import argparse

import digits_classifier
import digits_detector
from digits_clip import ASSETS, write_clip
from digits_int8 import write_int8

MODELS = {"detector": digits_detector, "classifier": digits_classifier}
CALIBRATION = 32  # training scenes; the classifier gets every digit of each
HELD_OUT = {"detector": 600, "classifier": 400}


def main() -> None:
    """Parse the command line and do what it asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=(*MODELS, "clip"), help="which model; clip remakes the sample clip")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--evaluate", action="store_true", help="only score the existing files")
    only.add_argument("--int8", action="store_true", help="only make the int8 version anew, and score both")
    parser.add_argument("--scenes", type=int, help="scenes to train the classifier on (default 6000)")
    parser.add_argument(
        "--steps", type=int, default=7000, help="training steps of the detector (default 7000)"
    )
    parser.add_argument("--batch", type=int, default=16, help="scenes per step of the detector (default 16)")
    parser.add_argument(
        "--bfloat16", action="store_true", help="mixed precision: faster on CPUs that have it"
    )
    options = parser.parse_args()
    if options.what == "clip":
        write_clip(ASSETS / "digits.mp4", ASSETS / "digits.json")
        return
    module = MODELS[options.what]
    if not options.evaluate and not options.int8:
        if options.what == "detector":
            digits_detector.train(module.MODEL, options.steps, options.batch, options.bfloat16)
        else:
            digits_classifier.train(module.MODEL, options.scenes or 6000)
    if not options.evaluate:
        write_int8(module.MODEL, module.inputs(CALIBRATION))
    for model in (module.MODEL, module.MODEL.with_name(f"{module.MODEL.stem}_int8.onnx")):
        print(f"{model.name}, {model.stat().st_size / 1e6:.2f} MB")
        module.evaluate(model, HELD_OUT[options.what])


if __name__ == "__main__":
    main()
