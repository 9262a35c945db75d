"""Recognises what the program says, so that it can be translated: the core speaks English and knows no translator.

Texts are read from the program's own sources once, as templates with numbered gaps (`"{0} of {1} frames failed"`); a
text that a process, a file or the store hands over is matched with them, and what stood in the gaps is put into the
translation. So nothing in the core has to be marked, and a text of an older run is translated as well.
"""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cluster4npu

PACKAGES = ("core", "backends", "templates", "ui")
_WORD = re.compile(r"[A-Za-z]{2}")
_LEAST_LETTERS = 3  # around the gaps: less could stand in any text
_SURE = 0.25  # part of a text's letters that its template has, or else its pieces are looked up first
_MARKS = " ,;:\n"
_JOINTS = ("\n", ". ", "; ", ": ", " (", " and ", ", ")  # where texts are put together
VALUES = {
    "none",
    "mean",
    "measured",
    "run",
    "benchmark",
    "offline",
    "unknown",
    "SIMULATED",
    "INVALID",
    "single",
    "parallel",
    "throughput",
    "latency",
}  # what fills gaps and is no name, though it stands in no source as such
_LOGGERS = {"_log", "log", "logging"}


@dataclass(frozen=True, slots=True)
class Template:
    """One text of the core: `source` with gaps {0}, {1} ..., and what it looks like when they are filled."""

    source: str
    pattern: re.Pattern[str]
    anchor: str  # its longest piece between gaps, which every text of it holds
    letters: int


@lru_cache(maxsize=1)
def sources() -> tuple[str, ...]:
    """Return every text that the core could show, with gaps, sorted; takes about a second at the first call."""
    root = Path(cluster4npu.__file__).parent
    paths = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    found = {text for path in paths for text in _texts_of(ast.parse(path.read_text(encoding="utf-8")))}
    found.update(text for path in (root / "templates").glob("*.json") for text in _of_template(path))
    bare = {_taken_apart(text)[1] for text in found}
    return tuple(sorted(text for text in bare if " " in text and _WORD.search(_gapless(text))))


@lru_cache(maxsize=4096)
def parts(text: str) -> tuple[str, tuple[str, ...]] | None:
    """Return the template of a text and what fills its gaps; None: the core has no such text."""
    plain, gapped = _templates()
    if text in plain:
        return text, ()
    for template in gapped:  # the most letters first: it says most about the text
        if template.anchor in text and (match := template.pattern.fullmatch(text)):
            return template.source, match.groups()
    return None


def translated(text: str, tr: Callable[[str], str]) -> str:
    """Return the text with everything that the core has said in it translated by `tr`; the rest as it is."""
    before, text, behind = _taken_apart(text)
    return before + _translated(text, tr) + behind


def _translated(text: str, tr: Callable[[str], str]) -> str:
    if text in VALUES:
        return tr(text)
    if " " not in text:
        return text
    if (whole := _known(text, tr)) is not None:
        return whole
    joints = [joint for joint in _JOINTS if joint in text]
    for joint in sorted(joints, key=lambda j: not any(_knows(piece) for piece in text.split(j))):
        between = f" {tr('and')} " if joint == " and " else joint
        return between.join(translated(piece, tr) for piece in text.split(joint))
    unsure = parts(text)
    return text if unsure is None else _filled_in(unsure, tr)


def _known(text: str, tr: Callable[[str], str]) -> str | None:
    """Return the translation of a text that surely is one of the program's; else None."""
    for changed, back in _as_it_may_stand_in_the_sources(text):
        found = parts(changed)
        if found is not None and _letters(_gapless(found[0])) >= _SURE * _letters(text):
            return back(_filled_in(found, tr))
    return None


def _knows(piece: str) -> bool:
    return _known(_taken_apart(piece)[1], str) is not None


def _filled_in(found: tuple[str, tuple[str, ...]], tr: Callable[[str], str]) -> str:
    template, fields = found
    return tr(template).format(*(translated(field, tr) for field in fields))


def _letters(text: str) -> int:
    return sum(letter.isalpha() for letter in text)


def _taken_apart(text: str) -> tuple[str, str, str]:
    """Return what stands before a text, the text, and what stands behind it: pieces are put together with marks."""
    bare = text.strip(_MARKS)
    if bare.startswith("(") and bare.endswith(")") and bare.count("(") == 1:
        bare = bare[1:-1]
    if bare.endswith(")") and bare.count(")") > bare.count("("):
        bare = bare[:-1]
    before, _, behind = text.partition(bare) if bare else (text, "", "")
    return before, bare, behind


def _as_it_may_stand_in_the_sources(text: str) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Return the text as the sources may have it, and what makes of its translation what was asked for.

    The window puts a capital letter in front and a full stop behind, and takes one away where more follows.
    """
    small = text[:1].lower() + text[1:]
    yield text, str
    yield f"{text}.", lambda t: t.removesuffix(".")
    yield text.removesuffix("."), lambda t: f"{t}."
    yield small, _upper_first
    yield small.removesuffix("."), lambda t: f"{_upper_first(t)}."


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=1)
def _templates() -> tuple[frozenset[str], tuple[Template, ...]]:
    plain = frozenset(text for text in sources() if "{0}" not in text)
    gapped = [_template(text) for text in sources() if "{0}" in text]
    useful = [t for t in gapped if t.letters >= _LEAST_LETTERS]
    return frozenset(_filled(text) for text in plain), tuple(sorted(useful, key=lambda t: -t.letters))


def _template(source: str) -> Template:
    pieces = [_filled(piece) for piece in re.split(r"\{\d+\}", source)]
    pattern = re.compile("(.*?)".join(re.escape(piece) for piece in pieces), re.DOTALL)
    return Template(
        source, pattern, max(pieces, key=len), sum(c.isalpha() for piece in pieces for c in piece)
    )


def _gapless(source: str) -> str:
    return re.sub(r"\{\d+\}", "", source)


def _filled(piece: str) -> str:
    """Undo the doubled braces of a template."""
    return piece.replace("{{", "{").replace("}}", "}")


# --- the sources ---


def _texts_of(tree: ast.AST) -> Iterator[str]:
    """Return the texts below a node of the syntax tree; docstrings and log lines are no texts of the window."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                continue
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in _LOGGERS:
                continue
            case ast.Call(func=ast.Name(id="tr")):
                continue  # is translated there already
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
                yield _numbered(text)
            case ast.Constant(value=str(text)):
                yield text.replace("{", "{{").replace("}", "}}")
            case ast.JoinedStr(values=values):
                yield _of_f_string(values)
                for value in values:
                    if isinstance(value, ast.FormattedValue):
                        yield from _texts_of(value)
                continue
        yield from _texts_of(node)


def _of_template(path: Path) -> Iterator[str]:
    """Return what a template says of itself, whole and sentence by sentence, since several are told together."""
    told = json.loads(path.read_text(encoding="utf-8"))
    for name in ("title", "use_case", "description", "try_out"):
        text = str(told.get(name) or "").replace("{", "{{").replace("}", "}}")
        yield from (text, *re.split(r"(?<=[.]) ", text))


def _of_f_string(values: list[ast.expr]) -> str:
    text, gaps = "", 0
    for value in values:
        if isinstance(value, ast.Constant):
            text += str(value.value).replace("{", "{{").replace("}", "}}")
        else:
            text += f"{{{gaps}}}"
            gaps += 1
    return text


def _numbered(text: str) -> str:
    """Return a template of `str.format` with its gaps numbered in the order in which they stand."""
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError:
        return text.replace("{", "{{").replace("}", "}}")
    numbered, gaps = "", 0
    for literal, field, _spec, _conversion in pieces:
        numbered += literal.replace("{", "{{").replace("}", "}}")
        if field is not None:
            numbered += f"{{{gaps}}}"
            gaps += 1
    return numbered
