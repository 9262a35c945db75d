"""The detector and its training loss: a small anchor-free network with task-aligned assignment (PyTorch)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
CANDIDATES = 10  # anchors a true box may claim


class ConvBlock(nn.Sequential):
    """Convolution, batch normalisation (folded away in the exported file) and ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03),
            nn.ReLU(inplace=True),
        )


class SplitBlock(nn.Module):
    """Cross-stage block: half of the channels pass through residual pairs of 3x3 convolutions."""

    def __init__(self, channels: int, depth: int) -> None:
        super().__init__()
        self.half = half = channels // 2
        self.enter = ConvBlock(channels, channels, 1)
        self.pairs = nn.ModuleList(
            nn.Sequential(ConvBlock(half, half, 3), ConvBlock(half, half, 3)) for _ in range(depth)
        )
        self.leave = ConvBlock(half * (2 + depth), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        entered = self.enter(x)
        parts = [entered[:, : self.half], entered[:, self.half :]]
        for pair in self.pairs:
            parts.append(parts[-1] + pair(parts[-1]))
        return self.leave(torch.cat(parts, 1))


@lru_cache
def anchor_centres(rows: int, columns: int, stride: int) -> Tensor:
    """Return the centres of one stride's anchors in pixels, as [2, rows * columns]."""
    y, x = np.indices((rows, columns), np.float32)
    return torch.from_numpy((np.stack([x, y]).reshape(2, -1) + 0.5) * stride)


def anchor_table(height: int, width: int) -> Tensor:
    """Return x, y and stride of every anchor of an image, in the order of the network's output."""
    rows = []
    for stride in STRIDES:
        centres = anchor_centres(height // stride, width // stride, stride)
        rows.append(torch.cat([centres, torch.full_like(centres[:1], stride)]).T)
    return torch.cat(rows)


class Detector(nn.Module):
    """Backbone to stride 32, top-down feature pyramid, and one head shared by the three strides.

    For images [b, 3, height, width] it returns boxes cx, cy, w, h in pixels [b, 4, anchors] and class logits
    [b, classes, anchors].
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes, width = classes, 64
        # Small digits are told apart by their strokes, so much of the work is spent at strides 2 and 4.
        self.stem = nn.Sequential(
            ConvBlock(3, 24, 3, 2), ConvBlock(24, 24, 3), ConvBlock(24, 48, 3, 2), SplitBlock(48, 2)
        )
        self.stage8 = nn.Sequential(ConvBlock(48, 64, 3, 2), SplitBlock(64, 2))
        self.stage16 = nn.Sequential(ConvBlock(64, 80, 3, 2), SplitBlock(80, 2))
        self.stage32 = nn.Sequential(ConvBlock(80, 64, 3, 2), SplitBlock(64, 1))
        self.lateral = nn.ModuleList(ConvBlock(channels, width, 1) for channels in (64, 80, 64))
        self.smooth = nn.ModuleList([SplitBlock(width, 1), SplitBlock(width, 1), nn.Identity()])
        # No batch normalisation in the head: its statistics differ between the strides that share it.
        self.class_tower = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True))
        self.box_tower = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True))
        self.class_out = nn.Conv2d(width, classes, 1)
        self.box_out = nn.Conv2d(width, 4, 1)
        nn.init.constant_(self.class_out.bias, -4.6)  # start from a probability of 0.01
        nn.init.constant_(self.box_out.bias, 0.5)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        c8 = self.stage8(self.stem(images))
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p32 = self.lateral[2](c32)
        p16 = self.lateral[1](c16) + functional.interpolate(p32, scale_factor=2.0)
        p8 = self.lateral[0](c8) + functional.interpolate(p16, scale_factor=2.0)
        boxes, logits = [], []
        for level, smooth, stride in zip((p8, p16, p32), self.smooth, STRIDES, strict=True):
            features = smooth(level)
            rows, columns = int(images.shape[2]) // stride, int(images.shape[3]) // stride
            raw = self.box_out(self.box_tower(features)).reshape(-1, 4, rows * columns).float()
            place = raw[:, :2] * stride + anchor_centres(rows, columns, stride)
            size = torch.exp(raw[:, 2:].clamp(-4, 4)) * stride
            boxes.append(torch.cat([place, size], 1))
            scores = self.class_out(self.class_tower(features))
            logits.append(scores.reshape(-1, self.classes, rows * columns).float())
        return torch.cat(boxes, 2), torch.cat(logits, 2)


class Exported(nn.Module):
    """The detector as the exported file computes it: one [b, 4 + classes, anchors] output."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        boxes, logits = self.detector(images)
        return torch.cat([boxes, logits.sigmoid()], 1)


def to_corners(boxes: Tensor) -> Tensor:
    """Turn cx, cy, w, h into x1, y1, x2, y2."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return IoU and generalised IoU of broadcastable corner boxes."""
    sides = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    inner = sides.clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - inner + 1e-7
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).prod(-1) + 1e-7
    iou = inner / union
    return iou, iou - (hull - union) / hull


@torch.no_grad()
def assign(
    scores: Tensor, corners: Tensor, anchors: Tensor, truth: Tensor, labels: Tensor, real: Tensor
) -> tuple[Tensor, Tensor]:
    """Give each true box the anchors that classify and locate it best.

    ``scores`` [b, anchors, classes] and ``corners`` [b, anchors, 4] are predictions, ``anchors`` [anchors, 3]
    their x, y, stride; ``truth`` [b, n, 4], ``labels`` [b, n] and ``real`` [b, n] are padded to the same n.
    Returns, per anchor, the index of its true box and the score it should reach (0 for background).
    """
    places, stride = anchors[:, :2], anchors[:, 2:]
    centre, size = (truth[..., :2] + truth[..., 2:]) / 2, truth[..., 2:] - truth[..., :2]
    # Thin digits can fall between anchors: one stride around the centre counts as inside.
    reach = torch.maximum(size[:, :, None] / 2, stride)
    near = ((places - centre[:, :, None]).abs() < reach).all(-1) & real[..., None]
    iou = overlap(truth[:, :, None], corners[:, None])[0] * near
    own_scores = scores.transpose(1, 2).gather(1, labels[..., None].expand(-1, -1, scores.shape[1]))
    metric = own_scores.sqrt() * iou**4
    best = metric.topk(CANDIDATES, -1)
    claimed = torch.zeros_like(metric).scatter_(-1, best.indices, (best.values > 0).float())
    owner = (iou * claimed).argmax(1)  # of several claims, the best overlap wins
    claimed *= functional.one_hot(owner, truth.shape[1]).transpose(1, 2)
    metric, iou = metric * claimed, iou * claimed
    target = metric / (metric.amax(-1, keepdim=True) + 1e-9) * iou.amax(-1, keepdim=True)
    return owner, target.amax(1)


def detection_loss(
    predicted: tuple[Tensor, Tensor], anchors: Tensor, truth: Tensor, labels: Tensor, real: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the box loss (1 - generalised IoU) and the class loss (soft-target cross-entropy)."""
    corners, logits = to_corners(predicted[0].transpose(1, 2)), predicted[1].transpose(1, 2)
    scores = logits.detach().sigmoid()
    owner, target = assign(scores, corners, anchors, truth, labels, real)
    wanted = functional.one_hot(labels.gather(1, owner), logits.shape[-1]) * target[..., None]
    total = target.sum().clamp(min=1.0)
    # Weighted by the error, so that the many easy background anchors do not drown the digits.
    weight = (wanted - scores).abs() ** 1.5
    class_loss = functional.binary_cross_entropy_with_logits(logits, wanted, weight, reduction="sum")
    positive = target > 0
    matched = truth.gather(1, owner[..., None].expand(-1, -1, 4))[positive]
    box_loss = ((1 - overlap(corners[positive], matched)[1]) * target[positive]).sum()
    return box_loss / total, class_loss / total
