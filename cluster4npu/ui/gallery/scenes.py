"""All scenes, in the order in which they are played: what a run leaves behind is shown after it."""

from __future__ import annotations

from cluster4npu.ui.gallery import designer, pages, questions, results, running, trouble
from cluster4npu.ui.gallery.stage import Scene, scenes_of

SCENES: tuple[Scene, ...] = (
    *scenes_of(running),
    *scenes_of(trouble),
    *scenes_of(results),
    *scenes_of(pages),
    *scenes_of(designer),
    *scenes_of(questions),
)
