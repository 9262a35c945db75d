"""Fitting frames: pixel values against a slow reference, and geometry there and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.vision.boxes import to_frame, to_model
from cluster4npu.core.vision.letterbox import Letterbox, place

FITS = ("letterbox", "stretch", "center_crop")
SIDE = st.integers(1, 60)


def reference(frame, size, fit, *, color, scale, mean, std, pad_value):
    """Compute the input pixel by pixel in float64: bilinear interpolation between pixel centres.

    Returns the tensor and, for each pixel, whether it comes from the frame.
    """
    frame_height, frame_width = frame.shape[:2]
    height, width = size
    left_cut = top_cut = top = left = 0
    part_height, part_width = frame_height, frame_width
    if fit == "letterbox":
        ratio = min(height / frame_height, width / frame_width)
        height, width = max(1, round(frame_height * ratio)), max(1, round(frame_width * ratio))
        top, left = math.floor((size[0] - height) / 2), math.floor((size[1] - width) / 2)
    if fit == "center_crop":
        ratio = max(height / frame_height, width / frame_width)
        part_height = min(frame_height, max(1, round(height / ratio)))
        part_width = min(frame_width, max(1, round(width / ratio)))
        top_cut, left_cut = (frame_height - part_height) // 2, (frame_width - part_width) // 2
    tensor = np.empty((3, *size))
    inside = np.zeros(size, bool)
    for channel in range(3):
        plane = 2 - channel if color == "rgb" else channel
        tensor[channel] = (pad_value * scale - mean[channel]) / std[channel]
        for y in range(height):
            for x in range(width):
                source_y = min(max((y + 0.5) * part_height / height - 0.5, 0), part_height - 1)
                source_x = min(max((x + 0.5) * part_width / width - 0.5, 0), part_width - 1)
                y0, x0 = int(source_y), int(source_x)
                y1, x1 = min(y0 + 1, part_height - 1), min(x0 + 1, part_width - 1)
                fy, fx = source_y - y0, source_x - x0
                at = lambda row, column: float(frame[top_cut + row, left_cut + column, plane])  # noqa: E731, B023
                value = (1 - fy) * ((1 - fx) * at(y0, x0) + fx * at(y0, x1))
                value += fy * ((1 - fx) * at(y1, x0) + fx * at(y1, x1))
                tensor[channel, top + y, left + x] = (value * scale - mean[channel]) / std[channel]
                inside[top + y, left + x] = True
    return tensor, inside


@settings(max_examples=30, deadline=None)
@given(
    frame_size=st.tuples(st.integers(2, 24), st.integers(2, 24)),
    size=st.tuples(st.integers(2, 20), st.integers(2, 20)),
    fit=st.sampled_from(FITS),
    color=st.sampled_from(["rgb", "bgr"]),
    seed=st.integers(0, 1000),
)
def test_pixels_equal_a_slow_reference(frame_size, size, fit, color, seed) -> None:
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (*frame_size, 3), dtype=np.uint8)
    options = {"color": color, "scale": 1 / 255, "pad_value": 114}
    options |= {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
    expected, inside = reference(frame, size, fit, **options)
    tensor, _ = Letterbox(size, fit=fit, **options)(frame)
    assert tensor.shape == (1, 3, *size)
    assert tensor.dtype == np.float32
    # The resize rounds to whole pixel values, once for each direction at most.
    step = 1.01 / 255 / 0.224
    assert np.abs(tensor[0] - expected)[:, inside].max() <= step
    np.testing.assert_allclose(tensor[0][:, ~inside], expected[:, ~inside], atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(frame=st.tuples(SIDE, SIDE), model=st.tuples(SIDE, SIDE), fit=st.sampled_from(FITS), data=st.data())
def test_boxes_come_back_to_where_they_were(frame, model, fit, data) -> None:
    geometry = place(fit, frame, model).geometry
    xs = sorted(data.draw(st.lists(st.floats(0, frame[1]), min_size=2, max_size=2)))
    ys = sorted(data.draw(st.lists(st.floats(0, frame[0]), min_size=2, max_size=2)))
    box = np.array([[xs[0], ys[0], xs[1], ys[1]]])
    np.testing.assert_allclose(to_frame(to_model(box, geometry), geometry), box, atol=1e-3)


@settings(max_examples=200, deadline=None)
@given(frame=st.tuples(SIDE, SIDE), model=st.tuples(SIDE, SIDE))
def test_letterbox_keeps_everything_and_the_ratio(frame, model) -> None:
    placed = place("letterbox", frame, model)
    assert 0 <= placed.top <= placed.top + placed.height <= model[0]
    assert 0 <= placed.left <= placed.left + placed.width <= model[1]
    assert placed.height == model[0] or placed.width == model[1]
    assert (placed.crop_height, placed.crop_width) == frame
    corners = to_model(np.array([[0, 0, frame[1], frame[0]]]), placed.geometry)[0]
    edges = [placed.left, placed.top, placed.left + placed.width, placed.top + placed.height]
    np.testing.assert_allclose(corners, edges, atol=1e-4)


@settings(max_examples=200, deadline=None)
@given(frame=st.tuples(SIDE, SIDE), model=st.tuples(SIDE, SIDE))
def test_center_crop_fills_the_input_from_the_middle(frame, model) -> None:
    placed = place("center_crop", frame, model)
    assert (placed.top, placed.left, placed.height, placed.width) == (0, 0, *model)
    assert placed.crop_height == frame[0] or placed.crop_width == frame[1]
    assert abs((frame[0] - placed.crop_height) - 2 * placed.crop_top) <= 1
    assert abs((frame[1] - placed.crop_width) - 2 * placed.crop_left) <= 1


def test_a_known_case_of_ultralytics() -> None:
    placed = place("letterbox", (480, 640), (640, 640))
    assert (placed.top, placed.left, placed.height, placed.width) == (80, 0, 480, 640)
    placed = place("letterbox", (1080, 1920), (640, 640))
    assert (placed.top, placed.left, placed.height, placed.width) == (140, 0, 360, 640)


@pytest.mark.parametrize("fit", FITS)
def test_one_array_for_every_frame_and_every_size(fit: str) -> None:
    rng = np.random.default_rng(0)
    fitter = Letterbox((32, 48), fit=fit)
    frames = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 30), (20, 90), (40, 30))]
    for frame in frames:
        tensor, geometry = fitter(frame)
        assert tensor is fitter.output
        assert (geometry.frame_height, geometry.frame_width) == frame.shape[:2]
        fresh, _ = Letterbox((32, 48), fit=fit)(frame)
        assert tensor.tobytes() == fresh.tobytes()


@pytest.mark.parametrize("fit", FITS)
def test_the_frame_is_only_read(fit: str) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    frame.setflags(write=False)
    before = frame.tobytes()
    Letterbox((32, 48), fit=fit)(frame)
    Letterbox((40, 30), fit=fit)(frame)
    assert frame.tobytes() == before


def test_other_types() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    whole, _ = Letterbox((20, 20), dtype="uint8", scale=0.5, mean=(1, 2, 3))(frame)
    assert whole.dtype == np.uint8
    assert np.array_equal(whole[0], frame[:, :, ::-1].transpose(2, 0, 1))
    half, _ = Letterbox((24, 20), dtype="float16")(frame)
    full, _ = Letterbox((24, 20), dtype="float32")(frame)
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, full.astype(np.float16))
