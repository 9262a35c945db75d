"""Result values laid out in a slot's result area, and read back: a fixed header per value and per array, then bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np

from cluster4npu.core.nodes.values import VALUE_KINDS, Value

_VALUE = struct.Struct("<BB")  # kind, number of arrays
_ARRAY = struct.Struct("<2sB5xQ")  # dtype, number of dimensions, bytes
_DIM = struct.Struct("<q")
_KINDS = list(VALUE_KINDS)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}


class ResultTooLarge(Exception):
    """The values of one frame need more bytes than the slot's result area holds."""


def encode(values: Mapping[str, Value], exports: Sequence[str], area: memoryview) -> int:
    """Write the values of `exports` (NODE.PORT) into `area`; return the bytes used. Raises ResultTooLarge."""
    at = 0
    try:
        for key in exports:
            value = values[key]
            arrays = value.to_arrays()
            _VALUE.pack_into(area, at, _NUMBERS[value.kind], len(arrays))
            at += _VALUE.size
            for array in arrays:
                array = np.asarray(array, order="C")  # not ascontiguousarray: that makes a scalar 1-D
                _ARRAY.pack_into(area, at, array.dtype.str[1:].encode(), array.ndim, array.nbytes)
                at += _ARRAY.size
                for size in array.shape:
                    _DIM.pack_into(area, at, size)
                    at += _DIM.size
                area[at : at + array.nbytes] = array.reshape(-1).view(np.uint8).data
                at += array.nbytes
    except (struct.error, ValueError) as error:
        raise ResultTooLarge(f"the results need more than the {len(area)} bytes of a slot") from error
    return at


def encoded_size(values: Mapping[str, Value]) -> int:
    """Return the bytes that `encode` needs for these values."""
    size = 0
    for value in values.values():
        size += _VALUE.size
        for array in value.to_arrays():
            size += _ARRAY.size + array.ndim * _DIM.size + array.nbytes
    return size


def decode(area: memoryview, exports: Sequence[str]) -> dict[str, Value]:
    """Read the values of the same `exports` back as copies of their own, by NODE.PORT."""
    values: dict[str, Value] = {}
    at = 0
    for key in exports:
        kind, number = _VALUE.unpack_from(area, at)
        at += _VALUE.size
        arrays = []
        for _ in range(number):
            code, ndim, nbytes = _ARRAY.unpack_from(area, at)
            at += _ARRAY.size
            shape = tuple(_DIM.unpack_from(area, at + i * _DIM.size)[0] for i in range(ndim))
            at += ndim * _DIM.size
            flat = np.frombuffer(area[at : at + nbytes], dtype=np.dtype(code.decode().rstrip("\0")))
            arrays.append(flat.reshape(shape).copy())
            at += nbytes
        values[key] = VALUE_KINDS[_KINDS[kind]].from_arrays(arrays)
    return values
