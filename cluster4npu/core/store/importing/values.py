"""What a JSON value is, as far as numbers go."""

from __future__ import annotations

from typing import Any

_SMALLEST, _LARGEST = 1e-100, 1e100  # no measurement is beyond; products of two stay finite
_EPOCHS = tuple(
    (0.8e9 * scale, 2.2e9 * scale) for scale in (1, 1e3, 1e6, 1e9)
)  # 1995 to 2039, in s, ms, us, ns


def is_number(value: Any) -> bool:
    """Tell whether a value is a number, and not true or false."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def are_numbers(value: Any) -> bool:
    """Tell whether a value is a list of numbers, and not empty."""
    return isinstance(value, list) and bool(value) and all(map(is_number, value))


def is_plain(value: Any) -> bool:
    """Tell whether a value holds no further objects: a number, a text, nothing, or a list of numbers."""
    return value is None or is_number(value) or isinstance(value, str) or are_numbers(value)


def is_finite(value: Any) -> bool:
    """Tell whether a value is a number that a measurement may be."""
    try:
        return is_number(value) and (value == 0 or _SMALLEST < abs(float(value)) < _LARGEST)
    except OverflowError:
        return False


def is_epoch(value: float) -> bool:
    """Tell whether a number may be a clock's stamp: seconds, ms, µs or ns since 1970, of these decades."""
    return any(low < value < high for low, high in _EPOCHS)


def last_of_series(value: Any) -> list[Any] | None:
    """Return the values of `[[stamp, value], ...]` or `[[stamp, step, value], ...]`; None where it is no series."""
    if not isinstance(value, list) or not value or not all(are_numbers(row) for row in value):
        return None
    widths = {len(row) for row in value}
    if len(widths) != 1 or not widths & {2, 3} or not all(is_epoch(row[0]) for row in value):
        return None
    return [row[-1] for row in value]


def whole(value: Any) -> int | None:
    """Return a number or its text as an int, None where it is no whole number."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e9:
        return None
    return int(value) if int(value) == value and value >= 0 else None
