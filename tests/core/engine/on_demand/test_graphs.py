"""What runs on demand is what runs in push: several sources, crops of boxes, branches, and their traces."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import MetricsUpdated, PreviewReady, RunOptions
from cluster4npu.core.errors import PipelineInvalid
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.vision.capture import quiet_cv2
from cluster4npu.templates import PipelineTemplates
from tests.core.engine.stages import cameras, row, synthetic


def test_several_sources_are_each_asked_at_the_rate() -> None:
    config = cameras(synthetic(fps=50), synthetic(fps=20, width=32), devices=("sim:a?ms=1",))
    asked = config.replace(execution="on_demand").with_params("count", every_ms=100)
    with Engine(asked, RunOptions(seconds=2, unpaced=True, results=True)) as run:
        results = list(run.results())
        summary = run.wait()
    frames = defaultdict(list)
    for result in results:
        frames[result.source].append(result.frame_id)
    assert frames == {"cam1": [n * 5 for n in range(20)], "cam2": [n * 2 for n in range(20)]}
    (mode,) = summary.modes
    assert {n.id: n.computes for n in mode.nodes} == {
        "cam1": 20,
        "cam2": 20,
        "prep": 40,
        "model": 40,
        "count": 40,
    }
    assert {s.id: s.frames_out for s in summary.sources} == {"cam1": 20, "cam2": 20}
    assert (summary.frames_in, summary.frames_not_asked) == (40, 100)


def test_frames_are_shared_out_and_the_run_ends_with_the_last_source() -> None:
    config = cameras(synthetic(fps=50), synthetic(fps=20), devices=("sim:a?ms=1",))
    with Engine(
        config.replace(execution="on_demand"), RunOptions(frames=31, unpaced=True, results=True)
    ) as run:
        counts = Counter(result.source for result in run.results())
    assert counts == {"cam1": 16, "cam2": 15}


def test_each_source_is_shown_in_its_turn() -> None:
    config = PipelineTemplates.get("several_sources", devices=["sim:a?ms=1"]).replace(execution="on_demand")
    shown: set[str] = set()
    with Engine(config, RunOptions(seconds=20)) as run:
        for event in run.events():
            if isinstance(event, MetricsUpdated):
                run.want_preview()
            elif isinstance(event, PreviewReady):
                shown.add(event.source)
                run.want_preview()
            if len(shown) == 2:
                run.stop()
    assert len(shown) == 2


def found(execution: str, **params: object) -> dict[int, np.ndarray]:
    """Return by frame what the bundled detector and classifier find."""
    config = PipelineTemplates.get("detect_then_classify", devices=["onnx:cpu"]).replace(execution=execution)
    outputs = [n.id for n in config.nodes if n.type == "count"]
    for node in outputs:
        config = config.with_params(node, **params)
    with Engine(config, RunOptions(frames=18, unpaced=True, calibration="never", results=True)) as run:
        results = list(run.results())
    return {
        r.frame_id: np.hstack([v.rows, v.crops])
        for r in results
        for key, v in r.values.items()
        if key.startswith("attach")
    }


def test_boxes_are_cropped_classified_and_joined_as_in_push() -> None:
    push, pull = found("push"), found("on_demand", every_ms=200)
    assert len(push) == 18 and 2 <= len(pull) <= 4
    for frame, rows in pull.items():
        assert len(rows) > 3
        np.testing.assert_allclose(rows, push[frame], rtol=1e-4, atol=1e-3)


def test_a_rate_between_the_frame_and_its_crops_is_refused() -> None:
    asked = row(("sim:a?ms=1",), ("sim:b?ms=1",), fps=30).replace(execution="on_demand")
    Engine(asked)
    stretch = NodeConfig(id="stretch", type="contrast_stretch", params={"every_ms": 100})
    edges = [e for e in asked.edges if e.target != "prep.frame"]
    edges.append(EdgeConfig(source="source.frame", target="stretch.frame"))
    edges.append(EdgeConfig(source="stretch.frame", target="prep.frame"))
    with pytest.raises(PipelineInvalid, match="of the same moment") as caught:
        Engine(asked.replace(nodes=(*asked.nodes, stretch), edges=tuple(edges)))
    assert {p.node for p in caught.value.problems} == {"stretch"}


def followed(execution: str, path: Path) -> dict[int, list[object]]:
    """Return what is tracked in the bundled clip, frame by frame; every second or so a frame goes into a video."""
    config = PipelineConfig.open(assets_dir() / "example.json").replace(execution=execution)
    edges = [e for e in config.edges if e.target != "count.result"]
    more = {
        "track.tracks": "count.result",
        "detections.detections": "track.detections",
        "source.frame": "video.frame",
    }
    edges += [EdgeConfig(source=source, target=target) for source, target in more.items()]
    edges.append(EdgeConfig(source="detections.detections", target="video.result"))
    track = NodeConfig(id="track", type="track")
    video = NodeConfig(id="video", type="video_writer", params={"path": str(path)})
    config = config.replace(nodes=(*config.nodes, track, video), edges=tuple(edges))
    options = RunOptions(frames=12, unpaced=True, devices=("onnx:cpu",), calibration="never", results=True)
    found: dict[int, list[object]] = {}
    with Engine(config, options) as run:
        for result in run.results():
            if "track.tracks" in result.values:
                found[result.frame_id] = result.values["track.tracks"].as_json()
    return found


def test_nodes_that_remember_see_every_frame_and_a_video_gets_its_pixels(tmp_path: Path) -> None:
    push, pull = (followed(e, tmp_path / f"{e}.avi") for e in ("push", "on_demand"))
    assert push == pull and len(pull) == 12
    assert any(box["track"] is not None for box in pull[11])
    sizes = [read_back(tmp_path / f"{e}.avi") for e in ("push", "on_demand")]
    assert sizes[0] == sizes[1] and sizes[0][0] == 12


def read_back(path: Path) -> tuple[int, int, int]:
    """Return how many frames a video has, and their height and width."""
    capture = quiet_cv2().VideoCapture(str(path))
    frames = []
    while (found := capture.read())[0]:
        frames.append(found[1])
    capture.release()
    return len(frames), *frames[0].shape[:2]
