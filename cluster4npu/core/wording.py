"""What is wrong with a value, in our own words: pydantic's kinds of errors as what, what is allowed, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.errors import nearest

UNKNOWN, MISSING = "extra_forbidden", "missing"
_NO_NUMBER, _NO_WHOLE = "this is no number", "this is no whole number"
_LIST, _OBJECT = "this is no list", "this is no object with fields"
_SMALL, _LARGE = "the value is too small", "the value is too large"
_MESSAGES = {
    UNKNOWN: "unknown field",
    MISSING: "a field is missing",
    "int_type": _NO_WHOLE, "int_parsing": _NO_WHOLE, "int_from_float": _NO_WHOLE, "int_parsing_size": _LARGE,
    "float_type": _NO_NUMBER, "float_parsing": _NO_NUMBER, "finite_number": "this is no finite number",
    "bool_type": "this is neither true nor false", "bool_parsing": "this is neither true nor false",
    "string_type": "this is no text", "string_unicode": "this is no text that a file can hold",
    "string_too_short": "the text is too short", "string_too_long": "the text is too long",
    "string_pattern_mismatch": "the text is not of the form that it must have",
    "greater_than": _SMALL, "greater_than_equal": _SMALL, "less_than": _LARGE, "less_than_equal": _LARGE,
    "too_short": "there are too few entries", "too_long": "there are too many entries",
    "literal_error": "there is no such choice", "enum": "there is no such choice",
    "list_type": _LIST, "tuple_type": _LIST, "dict_type": _OBJECT, "model_type": _OBJECT,
    "model_attributes_type": _OBJECT, "none_required": "nothing may stand here",
}  # fmt: skip
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dict": "an object with fields",
    "model": "an object with fields",
}
_BOUNDS = {
    "ge": "at least {}",
    "gt": "more than {}",
    "le": "at most {}",
    "lt": "less than {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "text that matches {}",
    "expected": "{}",
}


def message(item: Mapping[str, Any]) -> str:
    """Say what is wrong; what one of our own validators has said stays. `item` is one of pydantic's `errors()`."""
    own = str(item["msg"]).removeprefix("Value error, ").rstrip(".")
    return _MESSAGES.get(item["type"], own)


def allowed(item: Mapping[str, Any], unit: str = "") -> str:
    """Say in words what a field takes: from pydantic's kind of error and its bounds; `unit` is the field's own."""
    kind = str(item["type"])
    words = [_BOUNDS[name].format(value) for name, value in item.get("ctx", {}).items() if name in _BOUNDS]
    if not words and kind.endswith(("_parsing", "_type", "_from_float", "_number")):
        words = [_KINDS[kind.split("_")[0]]] if kind.split("_")[0] in _KINDS else []
    if words and unit:
        words[-1] += f" {unit}" if "number" not in words[-1] else f", in {unit}, without the unit"
    return " and ".join(words)


def remedy(item: Mapping[str, Any]) -> str:
    """Say what to do, with the nearest choice where it looks like one."""
    if item["type"] == UNKNOWN:
        return "Remove it, or correct its name."
    if item["type"] == MISSING:
        return "Add it."
    choices = re.findall(r"'([^']*)'", str(item.get("ctx", {}).get("expected", "")))
    return nearest(str(item.get("input")), choices) or "Correct the value."
