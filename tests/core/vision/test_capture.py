"""Captures: secrets stay out of messages."""

from __future__ import annotations

import pytest

from cluster4npu.core.vision.capture import redact_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://host/stream", "rtsp://host/stream"),
        ("rtsp://user:secret@host:554/stream", "rtsp://***@host:554/stream"),
        ("rtsp://user:se@cr:et@host/stream", "rtsp://***@host/stream"),
        ("rtsp://secret@host", "rtsp://***@host"),
        ("no url at all", "no url at all"),
        ("user:secret@host/stream", "***@host/stream"),
        ("rtsp://host/user=admin&password=secret&channel=1", "rtsp://host/..."),
        ("rtsp://host/live?token=secret", "rtsp://host/..."),
        ("rtsp://host?token=secret", "rtsp://host"),
        ("rtsp://user:sec/ret@host/stream", "rtsp://***@host/stream"),
        ("rtsp://user:sec ret@host/stream", "rtsp://***@host/stream"),
    ],
)
def test_passwords_are_redacted(text: str, shown: str) -> None:
    assert redact_url(text) == shown
