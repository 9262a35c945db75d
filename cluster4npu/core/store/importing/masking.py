"""Secrets in other people's files: masked before anything of the file is kept."""

from __future__ import annotations

import re

from cluster4npu.core.store.recording import mask_passwords

_NAMED = re.compile(
    r"(?i)((?:api[_-]?key|token|password|passwd|secret|authorization)[\"']?\s*[=:]\s*[\"']?(?:bearer\s+)?)[^\s\"',;]{4,}"
)
_SHAPED = re.compile(r"\b(?:hf_|sk-|ghp_|github_pat_|xox[bap]-|AKIA)[A-Za-z0-9_-]{8,}")


def masked(text: str) -> str:
    """Return the text as plain text (no control characters), with passwords, tokens and keys replaced by ***."""
    plain = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
    return _SHAPED.sub("***", _NAMED.sub(r"\1***", mask_passwords(plain)))
