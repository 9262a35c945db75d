"""The one tree of errors, and the record in which every message is told: what, where, found, allowed, what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, told so that the reader can mend it.

    `node` and `field` say where ("" where the problem belongs to the whole file); `found` and `allowed` are plain
    text; `hint` is the remedy, `option` the same on the command line ("" where there is none of its own).
    `severity` is "error" (cannot run) or "warning" (runs, but look at it).
    """

    message: str
    node: str = ""
    field: str = ""
    found: str = ""
    allowed: str = ""
    hint: str = ""
    severity: str = "error"
    option: str = ""

    def advice(self) -> str:
        """Return the remedy for a reader of the command line."""
        return f"{self.hint} Here: {self.option}" if self.option else self.hint

    def as_dict(self) -> dict[str, str]:
        """Return the record as the command line prints it."""
        record = {**asdict(self), "hint": self.advice()}
        del record["option"]
        return record

    def reason(self) -> str:
        """Return it as one line without where it is, for a reader who is told that beside it."""
        return replace(self, node="", field="").text()

    def text(self) -> str:
        """Return the whole problem as one line of plain text."""
        where = ".".join(part for part in (self.node, self.field) if part)
        parts = [f"{where}: {self.message}" if where else self.message]
        if self.found:
            parts.append(f"found {self.found}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        line = "; ".join(parts)
        return f"{line}. {self.hint}" if self.hint else line


def one_line(error: BaseException | str) -> str:
    """Return what a runtime says as one line of bearable length."""
    return shortened(" ".join(str(error).split()))


def shortened(text: str, most: int = 400) -> str:
    """Return a text of at most so many characters; one that is longer ends after a whole word, with an ellipsis."""
    if len(text) <= most:
        return text
    whole, _, rest = text[: most - 1].rpartition(" ")
    return f"{whole or rest} \N{HORIZONTAL ELLIPSIS}"[:most]


class Cluster4NPUError(Exception):
    """Base of every error that a user may meet. `exit_code` is what the command line returns for it."""

    exit_code = 1

    def __init__(self, problem: Problem | str, *more: Problem) -> None:
        first = Problem(problem) if isinstance(problem, str) else problem
        self.problems: tuple[Problem, ...] = (first, *more)
        super().__init__("\n".join(p.text() for p in self.problems))

    def __reduce__(self) -> tuple[type[Cluster4NPUError], tuple[Problem, ...]]:
        """Cross a process border with the problems whole."""
        return type(self), self.problems


class InputError(Cluster4NPUError):
    """What the user gave is wrong: a file, a field, a device id, a model."""

    exit_code = 2


class PipelineInvalid(InputError):
    """A pipeline that cannot run; holds every problem that was found, not just the first."""

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> PipelineInvalid:
        """Make the error from a list that holds at least one problem."""
        return cls(*problems)


class DeviceUnavailable(InputError):
    """A device that was asked for is not here, or cannot run this model; the hint says what to install or choose."""


class DriverSilent(DeviceUnavailable):
    """A device's backend has hung, or ended its process, when it was asked what is here."""


class RunFailed(Cluster4NPUError):
    """A run that started and could not be finished."""


class NoDeviceLeft(RunFailed):
    """Every device of a stage has failed: what was on its way has failed with them."""


class InferenceFailed(RunFailed):
    """A model failed on a batch; the nodes around it did their part, and another device may compute the batch."""

    @classmethod
    def of(cls, error: Exception) -> InferenceFailed:
        """Make it of whatever a session has raised."""
        if isinstance(error, Cluster4NPUError):
            return cls(*error.problems)
        return cls(Problem("the device's runtime failed", found=f"{type(error).__name__}: {one_line(error)}"))


class Cancelled(Cluster4NPUError):
    """The user ended the work before it was done; nothing of it is kept."""

    exit_code = 130

    def __init__(self, problem: Problem | str = "cancelled", *more: Problem) -> None:
        super().__init__(problem, *more)


class StoreError(Cluster4NPUError):
    """The result store cannot be opened, read or written."""


class RefusedError(StoreError):
    """This store will never do as it is: a newer version's, another program's, or none. Waiting does not help."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "Did you mean 'x'?" for the closest of `names`, or "" when none is close or it is one of them."""
    names = list(names)
    close = get_close_matches(name, names, n=1, cutoff=0.65) if name not in names else []
    return f"Did you mean '{close[0]}'?" if close else ""
