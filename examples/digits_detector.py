"""The bundled detector: training with PyTorch, the ONNX file, and its score. `train_digits.py` is the command."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
from digits_clip import ASSETS, clip_scenes
from digits_scene import CLASSES, NETWORK_SIZE, SceneMaker, letterbox, load_glyphs, scenes
from digits_score import OnnxDetector, average_precisions

MODEL = ASSETS / "digits_detector.onnx"
TRAIN_SEED, HELD_OUT_SEED = 1, 1_000_001
# The grey bars of a letterboxed 4:3 scene teach nothing: training sees 8 pixels of the 40 above and below.
CROP_TOP, CROP_BOTTOM = 32, 288


def evaluate(model: Path, count: int) -> None:
    """Print mAP@0.5 per class and overall on held-out scenes and on the clip, and the time per image."""
    detector = OnnxDetector(model)
    held_out = average_precisions(detector, scenes(count, HELD_OUT_SEED, held_out=True))
    clip = average_precisions(detector, clip_scenes())
    print(f"| class | AP@0.5, {count} held-out scenes | AP@0.5, clip |\n| --- | --- | --- |")
    for row in zip(CLASSES, held_out, clip, strict=True):
        print("| {} | {:.4f} | {:.4f} |".format(*row))
    print(f"| mean | {np.mean(held_out):.4f} | {np.mean(clip):.4f} |")
    tensor = np.random.default_rng(0).random((1, 3, NETWORK_SIZE, NETWORK_SIZE), np.float32)
    times = []
    for _ in range(100):
        start = time.perf_counter()
        detector.session.run(None, {"images": tensor})
        times.append(time.perf_counter() - start)
    milliseconds = np.array(times) * 1000
    median, fastest = np.median(milliseconds), milliseconds.min()
    print(f"one-thread inference: median {median:.1f} ms, fastest {fastest:.1f} ms")


def train(model: Path, steps: int, batch: int, bfloat16: bool) -> None:
    """Train from scratch and write the ONNX file, now and then on the way too."""
    import torch
    from digits_model import Detector, anchor_table, detection_loss
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    torch.manual_seed(0)
    maker = SceneMaker(load_glyphs(held_out=False), TRAIN_SEED)
    network = Detector(len(CLASSES)).to(memory_format=torch.channels_last).train()
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 200) * (0.51 + 0.49 * math.cos(math.pi * step / steps))
    )
    anchors = anchor_table(CROP_BOTTOM - CROP_TOP, NETWORK_SIZE)
    start, sums = time.perf_counter(), np.zeros(2)
    for step in range(1, steps + 1):
        images, truth, labels, real = training_batch(maker, batch)
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            predicted = network(pixels)
        losses = detection_loss(predicted, anchors, *map(torch.from_numpy, (truth, labels, real)))
        optimiser.zero_grad()
        (2.0 * losses[0] + losses[1]).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        sums += [float(loss) for loss in losses]
        if step % 100 == 0:
            box, label = sums / 100
            print(f"{step}: box {box:.4f} class {label:.4f} {time.perf_counter() - start:.0f} s", flush=True)
            sums[:] = 0
        if step % 1000 == 0 or step == steps:
            export(average.module, model)
            score = np.mean(
                average_precisions(OnnxDetector(model), scenes(100, HELD_OUT_SEED, held_out=True))
            )
            print(f"{step}: held-out mAP@0.5 {score:.4f} on 100 scenes", flush=True)


def inputs(count: int) -> list[np.ndarray]:
    """Return what the network gets for training scenes, each 1 x 3 x side x side: int8 is calibrated with them."""
    fitted = (letterbox(image)[0] for image, _ in scenes(count, TRAIN_SEED, held_out=False))
    return [picture.transpose(2, 0, 1)[None].astype(np.float32) / 255 for picture in fitted]


def training_batch(maker: SceneMaker, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return images [b, h, w, 3], boxes [b, n, 4], classes [b, n] and which of the n are real [b, n]."""
    scenes = [maker.scene() for _ in range(batch)]
    most = max(1, *(len(boxes) for _, boxes in scenes))
    images = np.empty((batch, CROP_BOTTOM - CROP_TOP, NETWORK_SIZE, 3), np.uint8)
    truth, labels = np.zeros((batch, most, 4), np.float32), np.zeros((batch, most), np.int64)
    real = np.zeros((batch, most), bool)
    for i, (image, boxes) in enumerate(scenes):
        fitted, scale, (left, top) = letterbox(image)
        images[i] = fitted[CROP_TOP:CROP_BOTTOM]
        count = len(boxes)
        truth[i, :count] = boxes[:, :4] * scale + np.array([left, top - CROP_TOP] * 2, np.float32)
        labels[i, :count], real[i, :count] = boxes[:, 4], True
    return images, truth, labels, real


def export(network: object, model: Path) -> None:
    """Write the network as one ONNX file with the metadata that detection tools look for."""
    import onnx
    import torch
    from digits_model import STRIDES, Detector, Exported

    # A copy, as the averaged network trains on; plain memory format and float32.
    detector = Detector(len(CLASSES))
    detector.load_state_dict(network.state_dict())
    torch.onnx.export(
        Exported(detector).eval(),
        (torch.zeros(1, 3, NETWORK_SIZE, NETWORK_SIZE),),
        str(model),
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    document = onnx.load(model)
    metadata = {
        "description": "Handwritten-digit detector, 320x320, YOLOv8 output layout",
        "license": "Apache-2.0; training data: Optical Recognition of Handwritten Digits (UCI), CC BY 4.0",
        "task": "detect",
        "stride": str(max(STRIDES)),
        "imgsz": str([NETWORK_SIZE, NETWORK_SIZE]),
        "names": str(dict(enumerate(CLASSES))),
    }
    onnx.helper.set_model_props(document, metadata)
    onnx.checker.check_model(document)
    onnx.save(document, model)
