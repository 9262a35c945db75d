"""Reads a file of somebody else's: JSON or JSON lines, of a bearable size; says in words why it cannot."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster4npu.core.reasons import reason_of

LARGEST = 200 * 2**20  # bytes
_SUFFIXES = {".json", ".jsonl", ".ndjson"}


class Unreadable(Exception):
    """The file cannot be imported; the text says why."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file's content: its JSON, the SHA-256 of its bytes, and their number.

    `content_sha256` is that of the JSON however it is laid out. `unread` are the lines of JSON lines that could not be
    read, as the last one of a writer that was killed.
    `repeated` are names that stand twice in one object (JSON keeps the last value), each with the number of numbers
    that were lost with the earlier ones.
    """

    data: Any
    sha256: str
    size: int
    repeated: dict[str, int] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)

    @property
    def content_sha256(self) -> str:
        """Return the SHA-256 (hex) of the JSON, without spaces and with sorted names."""
        plain = json.dumps(self.data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()


def files_of(paths: Iterable[Path]) -> list[Path]:
    """Return the files to read: those that are named, and the JSON files of folders, in order, each once."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = (item for item in sorted(path.rglob("*")) if item.suffix.lower() in _SUFFIXES)
            found.update((item, None) for item in inside if not item.is_dir())
        else:
            found[path] = None
    return list(found)


def read(path: Path) -> Source:
    """Return the file's content; raises Unreadable."""
    try:
        if not path.exists():
            raise Unreadable("there is no such file")
        if not path.is_file():
            raise Unreadable("it is no ordinary file")
        if path.stat().st_size > LARGEST:
            raise Unreadable(f"it is larger than {LARGEST // 2**20} MiB")
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    repeated: dict[str, int] = {}
    unread: list[int] = []
    data = parse(content, repeated, unread)
    return Source(data, hashlib.sha256(content).hexdigest(), len(content), repeated, unread)


def parse(content: bytes, repeated: dict[str, int], unread: list[int]) -> Any:
    """Return the JSON of a file's bytes; several objects, one a line, become a list. Raises Unreadable.

    Names that stand twice in one object are noted in `repeated`, lines that cannot be read in `unread`, as in `Source`.
    """

    def together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                repeated[name] = repeated.get(name, 0) + _numbers(found[name])
            found[name] = value
        return found

    if not content.strip():
        raise Unreadable("it is empty")
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("it is neither UTF-8 nor UTF-16 text") from error
    try:
        return json.loads(text, object_pairs_hook=together)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and len(text.strip().splitlines()) > 1:
            repeated.clear()
            return _lines(text.splitlines(), together, unread)
        raise Unreadable(f"it is not JSON: {error.msg}, line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Unreadable("it is nested too deeply") from error
    except ValueError as error:  # a whole number of more digits than Python reads
        raise Unreadable(f"it holds a number that cannot be read: {str(error)[:80]}") from error


def _numbers(value: Any) -> int:
    """Return how many numbers a JSON value holds."""
    if isinstance(value, dict):
        return sum(map(_numbers, value.values()))
    if isinstance(value, list):
        return sum(map(_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lines(
    lines: list[str], together: Callable[[list[tuple[str, Any]]], dict[str, Any]], unread: list[int]
) -> list[Any]:
    """Return what the lines hold; those that cannot be read must be fewer than the others."""
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line, object_pairs_hook=together))
        except (ValueError, RecursionError):
            unread.append(number)
    if len(unread) >= len(found):
        raise Unreadable(f"it is not JSON, nor JSON lines: line {unread[0]} cannot be read")
    return found
