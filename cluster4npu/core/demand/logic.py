"""Computations for logic nodes that remember something; such a node is declared with `push=True`."""

from __future__ import annotations


class InARow:
    """True from the `times`-th true input in a row on; one false input begins the count anew."""

    def __init__(self, times: int) -> None:
        self.times = times
        self._seen = 0

    def __call__(self, yes: bool) -> bool:
        """Take the next input and return whether the flag is up."""
        self._seen = self._seen + 1 if yes else 0
        return self._seen >= self.times

    def reset(self) -> None:
        """Begin the count anew."""
        self._seen = 0
