"""What is handed from node to node, and what a caller gets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from cluster4npu.core.demand.clock import NS_PER_S
from cluster4npu.core.demand.tally import Mark


class Status(Enum):
    """What came of a question."""

    OK = "ok"
    NO_ANSWER = "no answer"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One output of a node; never changed once it is made.

    `version` counts the outputs of that node. `made_ns` is when it was made, and by it it expires. `data_ns` is when
    the oldest value that it is made from came from its source, and `data_version` which of that source's it was.
    """

    value: Any
    version: int
    made_ns: int
    data_ns: int
    data_version: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    `value` is None unless `status` is OK. Times are in seconds of the execution's clock: `made_s` is when the answer
    was made, `data_s` when the oldest value that it rests on came from its source; None without an answer.
    `data_version` counts the values of that source: which of them it was, from 1.
    """

    status: Status
    value: Any = None
    version: int = 0
    made_s: float | None = None
    data_s: float | None = None
    data_version: int = 0

    @property
    def ok(self) -> bool:
        """Tell whether there is an answer."""
        return self.status is Status.OK

    @classmethod
    def of(cls, found: Entry | Status) -> Answer:
        """Make it from what a node found."""
        if isinstance(found, Status):
            return cls(found)
        made_s, data_s = found.made_ns / NS_PER_S, found.data_ns / NS_PER_S
        return cls(Status.OK, found.value, found.version, made_s, data_s, found.data_version)
