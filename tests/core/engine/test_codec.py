"""Results written into a slot are read back equal, as copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cluster4npu.core.engine import codec
from cluster4npu.core.nodes.values import Classes, Detections, Outputs

ARRAYS = hnp.arrays(
    dtype=st.sampled_from([np.float32, np.float16, np.int64, np.uint8, np.bool_]),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


@given(st.lists(ARRAYS, max_size=4), hnp.arrays(np.float32, (3, 6)), hnp.arrays(np.float32, (2, 2)))
def test_round_trip(raw, boxes, classes):
    values = {"a.outputs": Outputs(raw), "b.detections": Detections(boxes), "c.classes": Classes(classes)}
    exports = tuple(values)
    area = bytearray(codec.encoded_size(values) + 16)
    used = codec.encode(values, exports, memoryview(area))
    assert used == codec.encoded_size(values)
    back = codec.decode(memoryview(area), exports)
    area[:] = bytes(len(area))  # what was read must not change with the slot
    for key, value in values.items():
        for one, other in zip(value.to_arrays(), back[key].to_arrays(), strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            np.testing.assert_array_equal(one, other)


def test_too_many_results_are_told_not_cut():
    values = {"a.outputs": Outputs([np.zeros(1000, np.float32)])}
    with pytest.raises(codec.ResultTooLarge):
        codec.encode(values, ("a.outputs",), memoryview(bytearray(3000)))
