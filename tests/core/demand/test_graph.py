"""A graph that cannot work is refused with everything that is wrong with it."""

from __future__ import annotations

import pytest

from cluster4npu.core.demand import DemandGraph, Input, Node, Source
from cluster4npu.core.errors import PipelineInvalid

CAMERA = Source("camera")


def problems(*parts: Source | Node) -> list[str]:
    with pytest.raises(PipelineInvalid) as caught:
        DemandGraph(parts)
    return [problem.text() for problem in caught.value.problems]


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        CAMERA,
        Node("a", str, "camra"),
        Node("b", str, Input("camera", depth=0), every_ms=-1),
        Node("b", str, ()),
    )
    text = "\n".join(found)
    assert "given twice" in text
    assert "Did you mean 'camera'?" in text
    assert len(problems(CAMERA, Node("b", str, Input("camera", 0), every_ms=float("nan"), ttl_ms=0))) == 3


def test_a_circle_is_refused() -> None:
    (text,) = problems(CAMERA, Node("a", str, ("camera", "c")), Node("b", str, "a"), Node("c", str, "b"))
    assert "in a circle; found a, b, c" in text


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((Node("a", str, ()),), "needs an input"),
        ((Source("s", every_ms=5),), "something to read"),
        ((Node("a", str, "camera", every_ms=5, push=True),), "has no rate"),
        ((Node("a", str, Input("camera", 2, apart_ms=5), push=True),), "samples on the clock"),
        (
            (Node("a", str, Input("camera", 2, apart_ms=5)), Node("b", str, "a", push=True)),
            "computes only when asked",
        ),
    ],
)
def test_what_could_never_work_is_refused(parts: tuple[Source | Node, ...], why: str) -> None:
    assert any(why in text for text in problems(CAMERA, *parts))


def test_nodes_may_be_given_in_any_order() -> None:
    graph = DemandGraph([Node("b", str, "a"), Node("a", str, "camera"), CAMERA])
    assert [part.name for part in graph.parts] == ["camera", "a", "b"]
