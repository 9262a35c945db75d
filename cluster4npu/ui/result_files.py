"""Where the files of a run go. A pipeline without a file of its own has no folder: its results go to the documents."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place, ui_hint
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import BUNDLED_PREFIX, assets_dir, resolve_path


def folder() -> Path:
    """Return where results of pipelines that were never saved are kept; it may not exist yet."""
    return Path(platformdirs.user_documents_dir()) / "Cluster4NPU"


def placed(config: PipelineConfig) -> PipelineConfig:
    """Return the pipeline as it is to be run: relative result files of one without a folder lie in `folder()`.

    The folder is made when it is needed; where that fails the run says so.
    """
    if config.base is not None and config.base != assets_dir():
        return config
    nodes = []
    for node in config.nodes:
        files = {name: str(folder() / path) for name, path in _written(node.type, config, node.id)}
        nodes.append(node.model_copy(update={"params": {**node.params, **files}}) if files else node)
        if files:
            _make(folder())
    return config.replace(nodes=tuple(nodes))


def written_files(config: PipelineConfig) -> list[Path]:
    """Return the files that a run of this pipeline writes."""
    return [
        resolve_path(path, config.base)
        for node in config.nodes
        if not node.bypassed
        for _, path in _written(node.type, config, node.id, absolute=True)
    ]


def _written(
    type_key: str, config: PipelineConfig, node: str, absolute: bool = False
) -> list[tuple[str, str]]:
    """Return the parameters of an output that name files, with their values."""
    cls = node_types().get(type_key)
    if cls is None or cls.place is not Place.SINK:
        return []
    params = config.node(node).params
    found = []
    for name, info in cls.Params.model_fields.items():
        value = params.get(name, info.get_default())
        if ui_hint(info, "widget") == "file" and isinstance(value, str) and value:
            fixed = value.startswith(BUNDLED_PREFIX) or Path(value).expanduser().is_absolute()
            if absolute or not fixed:
                found.append((name, value))
    return found


def _make(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # the output's own check names the folder and the remedy
