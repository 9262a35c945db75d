"""What a runtime says of a model: without places in its own sources, and told apart by whose fault it is."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(?:Exception from )?\S*\.(?:cpp|cc|h|hpp):\d+:?\s*")
_CHECK = re.compile(r"Check '.*?' failed at\s*|\S+ (?:==|!=|<=|>=|<|>) \S+ was false\.\s*")
_SIGNATURE = re.compile(
    r"(?:\b(?:virtual|static|const|class|void|bool|int|std::\S+|onnxruntime::\S+)[*&]?\s+)*"
    r"\bonnxruntime::[\w:]+\([^()]*(?:\([^()]*\)[^()]*)*\)\s*(?:const\s+)?"
)
_WRAPPED = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .*? failed:|Error in execution: ")
_TYPE_ERROR = re.compile(r"\bNode:? ?\((?P<name>[^)]*)\) Op \((?P<kind>\w+)\) ")
_RUNNING = re.compile(
    r"Non-zero status code returned while running (?P<kind>\w+) node\. Name:'(?P<name>[^']*)' Status Message: "
)
_CONVERTED = re.compile(
    r".*?<Node\((?P<kind>[^)]*)\): (?P<name>[^>]*)>'.*with friendly_name '[^']*': (?P<why>.*?) Summary: -- .*"
)
_NO_MEMORY = re.compile(r"[Ff]ailed to allocate memory for requested buffer of size (\d+)|std::bad_alloc")
_CONTRADICTS = re.compile(
    r"ShapeInferenceError|acyclic|is not a graph input|isn't found for node|[Ii]ncompatible|[Mm]ismatch|"
    r"do(?:es)? not match|doesn't match|not equal to kernel|cannot be reshaped|in unification"
)


def plain(text: str) -> str:
    """Return in one line what ONNX Runtime or OpenVINO says: the operator at fault with its name, and why."""
    text = " ".join(text.split())
    if found := _CONVERTED.fullmatch(text):
        return f"{_operator(found)}{found['why']}"
    text = _SIGNATURE.sub("", _PLACE.sub("", _WRAPPED.sub("", text)))
    for pattern in (_RUNNING, _TYPE_ERROR):
        text = pattern.sub(_operator, text)
    return _CHECK.sub("", text).strip()


def contradicts_itself(text: str) -> bool:
    """Tell whether a runtime says that the model's parts do not fit each other: then no device can run it."""
    return _CONTRADICTS.search(text) is not None


def memory_wanted(text: str) -> str:
    """Return in words how much memory a runtime has asked for in vain, "" where it says nothing of memory."""
    found = _NO_MEMORY.search(text)
    if found is None:
        return ""
    return f"{int(found[1]) / 2**30:,.1f} GiB at once" if found[1] else "no memory is left"


def _operator(found: re.Match[str]) -> str:
    """Return the operator as ONNX names it, with its own name where it has one."""
    return f"{found['kind']} '{found['name']}': " if found["name"] else f"{found['kind']}: "
