"""The whole window in the pseudo-translation: no words are left in English, nothing is forgotten, and texts fit."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QWidget

import cluster4npu.ui
from cluster4npu.core.nodes import node_types
from cluster4npu.core.store import Store
from cluster4npu.core.store.rows import TABLES
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.gallery.scenes import SCENES
from cluster4npu.ui.gallery.stage import Scene, Stage
from cluster4npu.ui.pseudo import PseudoTranslator, pseudo
from cluster4npu.ui.text import drop_translator, told, use_translator
from tests.ui.fitting import squeezed
from tests.ui.history.test_history import benchmark_record, run_record
from tests.ui.painted import on_asking, painted, plain_words

REAL = {"live", "example", "on_demand", "benchmark"}  # scenes with processes of their own: see the soak test
# Bases of what is drawn, and another name of the window.
NOT_DRAWN = {
    "FieldEditor",
    "Page",
    "Camera",
    "Dropping",
    "Wiring",
    "IntegratedPipelineDashboard",
}

# What a reader reads as it is: names that somebody gave, and names of things outside of this program.
NAMES = re.compile(
    r"""
    \S+\.(json|jsonl|csv|mp4|onnx|duckdb|log)\b   # files
    | /\S+ | (tmp|pytest-|test_)\S*               # folders
    | \b[a-z0-9]+:[\w?=#:]+                       # devices
    | \b\w*(Ctrl|Shift|Alt|Del|Ins)\b[+\w]*       # keys
    | \d{8}-\d{6}-\w+                             # runs
    | \b(fp32|fp16|bf16|int8|GiB|CPU|GPU|NPU|ANE)\b
    | SELECT\s.*                                  # SQL
    """,
    re.VERBOSE,
)


class Reader:
    """Notes what the scenes show: words that are not translated, and classes of widgets."""

    def __init__(self) -> None:
        self.plain: dict[str, str] = {}
        self.cut: dict[str, str] = {}
        self.classes: set[str] = set()
        self.stage: Stage | None = None

    def __call__(self, name: str, widget: QWidget) -> None:
        known = self._names()
        for text in (*painted(widget), *on_asking(widget)):
            left = [word for word in plain_words(NAMES.sub(" ", text)) if word not in known]
            if left:
                self.plain.setdefault(text, f"{name}: {left}")
        for text in squeezed(widget):
            self.cut.setdefault(text, name)
        for top in (widget, *QApplication.topLevelWidgets()):
            for part in (top, *top.findChildren(QWidget)):
                self.classes.add(type(part).__name__)

    def found(self) -> list[str]:
        return [f"{where} of {text!r}" for text, where in self.plain.items()]

    def _names(self) -> set[str]:
        """Return the words that stand in the pipeline that is open, and those of node types' ids and ports."""
        assert self.stage is not None
        words = set(GIVEN)
        for node in self.stage.window.document.config.nodes:
            words.update(_words(f"{node.id} {node.title} {node.params}"))
        config = self.stage.window.document.config
        words.update(
            _words(f"{config.name} {config.description} {' '.join(box.text for box in config.boxes)}")
        )
        return words


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{3,}", text)


def _given() -> set[str]:
    """Return the words of ports, ids, devices, templates, tables, and of what tests and scenes call things."""
    words: set[str] = set()
    for key, cls in node_types().items():
        ports = [port.name for port in (*cls.inputs, *cls.outputs)]
        defaults = [str(info.get_default()) for info in cls.Params.model_fields.values()]
        words.update(_words(f"{key} {ports} {defaults}"))
    for info in PipelineTemplates.catalogue():
        words.update(_words(info.title))
    given = "sim ane gpu npu cpu onnx openvino coreml torch simulated AMD EPYC Intel NVIDIA CUDA TensorRT DirectML QNN"
    given += f" created_at pipeline_name headline {' '.join(TABLES)}"
    given += " FASTER data warehouse Nov Digits Another name ValueError something saved"
    given += " my_own_cameras bundled cluster4npu"
    return words | set(_words(given.replace("_", " ")))


GIVEN = _given()
KINDS = ("inference", "camera", "mux", "switch_mode", "webhook")  # the others have forms of the same fields


def widget_classes() -> Iterator[type[QWidget]]:
    """Return every class of the window that is a widget, private ones left out."""
    for module in pkgutil.walk_packages(cluster4npu.ui.__path__, "cluster4npu.ui."):
        if module.name.endswith("__main__"):
            continue
        for name, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(cls, QWidget) and cls.__module__ == module.name and not name.startswith("_"):
                yield cls


@pytest.fixture
def reader(qapp: QApplication, tmp_path: Path, data_folder: Path) -> Iterator[Reader]:
    """Give what reads a stage whose window speaks the pseudo-translation, with some stored runs."""
    data_folder.mkdir()
    with Store(data_folder / "results.duckdb") as store:
        for record in (
            run_record("Digits"),
            run_record("Digits", 1),
            benchmark_record(2),
            benchmark_record(3),
        ):
            store.save(record)
    translator = PseudoTranslator(qapp)
    use_translator(qapp, translator)
    reader = Reader()
    reader.stage = Stage(qapp, tmp_path, reader, run_s=1.0, settle_ms=1, kinds=KINDS)
    yield reader
    reader.stage.close()
    drop_translator(qapp, translator)


def play(reader: Reader, scenes: list[Scene]) -> None:
    assert reader.stage is not None
    for scene in scenes:
        scene(reader.stage)


def test_nothing_is_left_in_english_and_nothing_is_forgotten(reader: Reader) -> None:
    play(reader, [scene for scene in SCENES if scene.__name__ not in REAL])
    assert reader.found() == []
    assert [f"{where}: {text}" for text, where in reader.cut.items()] == []
    forgotten = {cls.__name__ for cls in widget_classes()} - reader.classes - NOT_DRAWN
    assert forgotten == set(), "no scene of cluster4npu/ui/gallery shows these"


@pytest.mark.soak
def test_a_run_and_a_benchmark_speak_the_language(reader: Reader) -> None:
    play(reader, [scene for scene in SCENES if scene.__name__ in REAL])
    assert reader.found() == []


def test_the_reader_notices_what_is_not_translated(qapp: QApplication) -> None:
    assert plain_words("sim:ane ålöñé") == ["sim", "ane"]
    assert plain_words(pseudo("Frames per second below the target, since 3 devices are lost")) == []
    assert plain_words(pseudo("Frames") + " below") == ["below"]


def test_what_the_core_says_is_found_in_its_sources(qapp: QApplication) -> None:
    translator = PseudoTranslator(qapp)
    use_translator(qapp, translator)
    try:
        assert told("runs on macOS only").startswith("[rüñš öñ")
        assert told("sim:ane") == "sim:ane"
        assert told("Add Track boxes") == pseudo("Add {0}").format(pseudo("Track boxes"))
        assert told("no such text anywhere: 7 quibbles") == "no such text anywhere: 7 quibbles"
    finally:
        drop_translator(qapp, translator)
    assert told("runs on macOS only") == "runs on macOS only"
