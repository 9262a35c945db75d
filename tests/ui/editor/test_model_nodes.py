"""What a look at a model adds to a pipeline: only what is missing, with settings that fit the model."""

from __future__ import annotations

from cluster4npu.core.devices.model import TensorShape
from cluster4npu.core.devices.model_report import ModelReport
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.editor.model_nodes import completed


def report(task: str, layout: str = "") -> ModelReport:
    image, result = TensorShape("image", (1, 3, 64, 64), "float32"), TensorShape("out", (1, 7, 84))
    return ModelReport("net.onnx", 1, "0" * 64, "ONNX", (image,), (result,), task, layout)


def test_a_whole_pipeline_stays_as_it_is() -> None:
    config = PipelineTemplates.get("object_detection")
    made = completed(config, "inference", report("detection", "yolov8"))
    assert made.config == config and made.done == ""


def test_a_reader_of_boxes_gets_the_models_layout() -> None:
    config = PipelineTemplates.get("object_detection").with_params("detections", layout="yolov5")
    made = completed(config, "inference", report("detection", "yolov8"))
    assert made.config.node("detections").params["layout"] == "yolov8" and "layout" in made.done


def test_a_classifier_sees_the_middle_of_the_frame() -> None:
    config = PipelineTemplates.get("classification")
    alone = config.replace(nodes=tuple(n for n in config.nodes if n.id in ("source", "inference")), edges=())
    made = completed(alone, "inference", report("classification")).config
    assert made.node("preprocess").params == {"fit": "center_crop"} and made.node("classify").params == {}
    assert len(made.edges) == 3


def test_what_is_not_known_is_not_guessed() -> None:
    config = PipelineTemplates.get("classification")
    both = tuple(n for n in config.nodes if n.id in ("source", "inference"))
    twice = config.replace(nodes=(*both, both[0].model_copy(update={"id": "second"})), edges=())
    made = completed(twice, "inference", report("unknown")).config
    assert [(e.source, e.target) for e in made.edges] == [("preprocess.tensor", "inference.tensor")]
