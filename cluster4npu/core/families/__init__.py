"""Families of well-known networks with random weights: made on this machine, for speed only, one file each."""

from cluster4npu.core.families.building import SPEED_ONLY, build, file_of
from cluster4npu.core.families.family import SIZES, Family, Output, Tensor
from cluster4npu.core.families.inputs import make_inputs
from cluster4npu.core.families.registry import families, family

__all__ = [
    "SIZES",
    "SPEED_ONLY",
    "Family",
    "Output",
    "Tensor",
    "build",
    "families",
    "family",
    "file_of",
    "make_inputs",
]
