"""Small pipelines of several stages and sources, for tests."""

from __future__ import annotations

from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig


def config(nodes: dict[str, tuple[str, dict[str, object]] | str], wires: str) -> PipelineConfig:
    """Return a pipeline: nodes as {id: type or (type, params)}, wires as "a.port>b.port ..."."""
    entries = [(node, kind, {}) if isinstance(kind, str) else (node, *kind) for node, kind in nodes.items()]
    pairs = [wire.split(">") for wire in wires.split()]
    return PipelineConfig(
        name="test",
        nodes=tuple(NodeConfig(id=i, type=t, params=dict(p)) for i, t, p in entries),
        edges=tuple(EdgeConfig(source=s, target=t) for s, t in pairs),
    )


def synthetic(**params: object) -> tuple[str, dict[str, object]]:
    """Return a small synthetic source."""
    return "synthetic", {"width": 64, "height": 48, **params}


def model(*devices: str, **params: object) -> tuple[str, dict[str, object]]:
    """Return an inference node on these devices."""
    return "inference", {"devices": list(devices), **params}


def branches(first: tuple[str, ...], second: tuple[str, ...], **source: object) -> PipelineConfig:
    """Return two detectors on the same frame whose boxes are merged."""
    return config(
        {
            "source": synthetic(**source),
            "prep": "preprocess",
            "left": model(*first),
            "right": model(*second),
            "left_boxes": "detections",
            "right_boxes": "detections",
            "merge": "merge",
            "count": "count",
        },
        "source.frame>prep.frame prep.tensor>left.tensor prep.tensor>right.tensor "
        "left.outputs>left_boxes.outputs right.outputs>right_boxes.outputs "
        "left_boxes.detections>merge.first right_boxes.detections>merge.second merge.detections>count.result",
    )


def row(
    detectors: tuple[str, ...],
    classifiers: tuple[str, ...],
    *,
    detector: str = "none",
    classifier: str = "none",
    crop: dict[str, object] | None = None,
    **source: object,
) -> PipelineConfig:
    """Return detect -> crop -> classify, joined to the boxes again."""
    return config(
        {
            "source": synthetic(**source),
            "prep": "preprocess",
            "detect": model(*detectors, model=detector),
            "boxes": "detections",
            "crop": ("crop_boxes", crop or {}),
            "fit": ("preprocess", {"fit": "stretch"}),
            "classify": model(*classifiers, model=classifier),
            "classes": "classify",
            "attach": "attach",
            "preview": "preview",
        },
        "source.frame>prep.frame prep.tensor>detect.tensor detect.outputs>boxes.outputs "
        "source.frame>crop.frame boxes.detections>crop.detections crop.crops>fit.frame "
        "fit.tensor>classify.tensor classify.outputs>classes.outputs "
        "boxes.detections>attach.detections classes.classes>attach.classes "
        "source.frame>preview.frame attach.detections>preview.result",
    )


def cameras(*sources: tuple[str, dict[str, object]], devices: tuple[str, ...]) -> PipelineConfig:
    """Return several sources that share one model."""
    nodes: dict[str, tuple[str, dict[str, object]] | str] = {f"cam{i}": s for i, s in enumerate(sources, 1)}
    wires = " ".join(f"{name}.frame>all.frame{i}" for i, name in enumerate(nodes, 1))
    nodes |= {"all": "mux", "prep": "preprocess", "model": model(*devices), "count": "count"}
    wires += " all.frame>prep.frame prep.tensor>model.tensor model.outputs>count.result"
    return config(nodes, wires)
