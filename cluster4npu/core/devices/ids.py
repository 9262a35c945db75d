"""Device ids as people write them: `onnx:cpu`, `onnx:cpu#2`, `sim:mine?ms=20&jitter=0.1`, `onnx:cpu?threads=1#2`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from cluster4npu.core.errors import InputError, Problem

_PATTERN = re.compile(
    r"^(?P<backend>[a-z][a-z0-9_]*):(?P<unit>[A-Za-z0-9][A-Za-z0-9_.:-]*)"
    r"(?:#(?P<early>\d+))?(?:\?(?P<query>[^#]*))?(?:#(?P<late>\d+))?$"
)


@dataclass(frozen=True, slots=True)
class DeviceId:
    """One worker's device: backend key, unit on it, options, and which worker of several on the same unit (from 1)."""

    backend: str
    unit: str
    options: tuple[tuple[str, str], ...] = ()
    replica: int = 1

    @classmethod
    def parse(cls, text: str) -> DeviceId:
        """Read an id; raises InputError saying what an id looks like."""
        match = _PATTERN.match(str(text).strip())  # None and numbers are no ids either
        replica = int((match["early"] or match["late"] or 1) if match else 0)
        if match is None or not 1 <= replica <= 999 or (match["early"] and match["late"]):
            raise InputError(
                Problem(
                    "this is not a device id",
                    field="devices",
                    found=repr(text)[:80],
                    allowed="BACKEND:UNIT[?OPTION=VALUE][#N], for example onnx:cpu, onnx:cpu#2 or sim:mine?ms=20",
                    hint="`cluster4npu devices` lists what is here.",
                )
            )
        options = tuple(sorted(parse_qsl(match["query"] or "", keep_blank_values=True)))
        return cls(match["backend"], match["unit"], options, replica)

    def __str__(self) -> str:
        query = "?" + urlencode(self.options) if self.options else ""
        return f"{self.backend}:{self.unit}{query}" + (f"#{self.replica}" if self.replica > 1 else "")

    @property
    def device(self) -> str:
        """Return the id of the device itself: without options and replica."""
        return f"{self.backend}:{self.unit}"

    def with_option(self, name: str, value: str) -> DeviceId:
        """Return the id with one option set."""
        return replace(self, options=tuple(sorted({**dict(self.options), name: value}.items())))
