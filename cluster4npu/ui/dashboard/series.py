"""What a chart has behind it: up to a million points, of which only as many are handed out as can be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CAPACITY = 1 << 20
_FIRST = 1024
_BLOCK = 256  # points whose least and greatest values are kept beside them
_DIRECT = 65_536  # up to here the points themselves are looked at


class SeriesStore:
    """Values of a few lines over time (seconds, never falling); NaN where nothing was measured.

    Memory grows with what is stored and is bounded: the oldest quarter goes when `capacity` points are there.
    """

    def __init__(self, lines: int, capacity: int = CAPACITY) -> None:
        self.lines, self.capacity = lines, max(capacity // (4 * _BLOCK), 1) * 4 * _BLOCK
        self.clear()

    def clear(self) -> None:
        """Forget every point."""
        self.count = 0
        self._times = np.empty(_FIRST)
        self._values = np.empty((self.lines, _FIRST), np.float32)
        self._least = np.empty((self.lines, _FIRST // _BLOCK), np.float32)
        self._greatest = np.empty_like(self._least)

    def append(self, time_s: float, values: Sequence[float | None]) -> None:
        """Add one point of each line; None is a gap."""
        row = np.array([np.nan if v is None else v for v in values], np.float32)
        self.extend(np.array([time_s]), row[:, np.newaxis])

    def extend(self, times_s: np.ndarray, values: np.ndarray) -> None:
        """Add points: times of shape (n,), values of shape (lines, n); both are copied."""
        for start in range(0, len(times_s), self.capacity // 4):
            part = slice(start, start + self.capacity // 4)
            self._extend(times_s[part], values[:, part])

    @property
    def nbytes(self) -> int:
        """Return the memory in use."""
        return self._times.nbytes + self._values.nbytes + self._least.nbytes + self._greatest.nbytes

    @property
    def times(self) -> np.ndarray:
        """Return all times (s); borrowed until the next change."""
        return self._times[: self.count]

    @property
    def values(self) -> np.ndarray:
        """Return all values, of shape (lines, n); borrowed until the next change."""
        return self._values[:, : self.count]

    def seen(self, start_s: float, end_s: float, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times (n,) and values (lines, n) to draw between two times on `columns` columns of pixels.

        Where there are more points than columns, each column gives its least and its greatest value, so that
        no peak is lost; n is then about twice `columns`. One point on either side is included.
        """
        first = max(int(np.searchsorted(self.times, start_s)) - 1, 0)
        last = min(int(np.searchsorted(self.times, end_s, "right")) + 1, self.count)
        if last - first <= 2 * columns:
            return self._times[first:last], self._values[:, first:last]
        if last - first <= _DIRECT:
            part = self._values[:, first:last]
            return _peaks(self._times[first:last], part, part, columns)
        begin, end = first // _BLOCK, last // _BLOCK
        return _peaks(
            self._times[begin * _BLOCK : end * _BLOCK : _BLOCK],
            self._least[:, begin:end],
            self._greatest[:, begin:end],
            columns,
        )

    def _extend(self, times_s: np.ndarray, values: np.ndarray) -> None:
        added = len(times_s)
        if self.count + added > self.capacity:
            self._drop(self.capacity // 4)
        if self.count + added > len(self._times):
            self._grow(self.count + added)
        before, self.count = self.count, self.count + added
        self._times[before : self.count] = times_s
        self._values[:, before : self.count] = values
        begin, end = before // _BLOCK, self.count // _BLOCK
        if end > begin:
            blocks = self._values[:, begin * _BLOCK : end * _BLOCK].reshape(self.lines, -1, _BLOCK)
            self._least[:, begin:end] = np.fmin.reduce(blocks, axis=2)
            self._greatest[:, begin:end] = np.fmax.reduce(blocks, axis=2)

    def _drop(self, points: int) -> None:
        kept, blocks = self.count - points, points // _BLOCK
        self._times[:kept] = self._times[points : self.count]
        self._values[:, :kept] = self._values[:, points : self.count]
        for peaks in (self._least, self._greatest):
            peaks[:, : peaks.shape[1] - blocks] = peaks[:, blocks:].copy()
        self.count = kept

    def _grow(self, wanted: int) -> None:
        size = len(self._times)
        while size < wanted:
            size *= 2
        size = min(size, self.capacity)
        self._times = _larger(self._times, size)
        self._values = _larger(self._values, size)
        self._least = _larger(self._least, size // _BLOCK)
        self._greatest = _larger(self._greatest, size // _BLOCK)


def _larger(array: np.ndarray, size: int) -> np.ndarray:
    result = np.empty((*array.shape[:-1], size), array.dtype)
    result[..., : array.shape[-1]] = array
    return result


def _peaks(
    times: np.ndarray, least: np.ndarray, greatest: np.ndarray, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the greatest of every column, side by side; what does not fill the last one is left."""
    step = max(len(times) // max(columns, 1), 1)
    n = len(times) // step
    lows = np.fmin.reduce(least[:, : n * step].reshape(len(least), n, step), axis=2)
    highs = np.fmax.reduce(greatest[:, : n * step].reshape(len(greatest), n, step), axis=2)
    at = times[: n * step : step]
    return np.repeat(at, 2), np.stack((lows, highs), axis=2).reshape(len(least), 2 * n)
