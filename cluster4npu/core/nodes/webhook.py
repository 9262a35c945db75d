"""The webhook: each frame's results as JSON to an address on the web, or in the house."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes.base import NotDelivered, param
from cluster4npu.core.nodes.receiver import Receiver, ReceiverParams, secret_param

if TYPE_CHECKING:
    from cluster4npu.core.posting import Poster

_SCHEMES = ("http", "https")
_MOST_CHARACTERS = 2048
_TAKEN = range(200, 300)


class Webhook(Receiver):
    """Posts results to a URL over one connection that is kept open. Answers other than 2xx count as lost."""

    type = "webhook"
    title = "Webhook"
    description = (
        "Posts each frame's results as JSON to a URL; what it does not take in time is dropped and counted."
    )

    class Params(ReceiverParams):
        url: str = param(
            "",
            title="URL",
            description="https://HOST/PATH or http://HOST/PATH. Give a token by 'token_env', not in the URL.",
            widget="address",
        )
        token_env: str = secret_param("Token from", "the token (sent as `Authorization: Bearer`)")
        timeout_s: float = param(
            2.0,
            title="Wait",
            description="A receiver that does not answer for so long has not taken the message.",
            unit="s",
            ge=0.05,
            le=60,
            advanced=True,
        )

    _poster: Poster | None = None

    def problems(self) -> list[Problem]:
        url, parts = self.params.url, self._parts()
        message = ""
        if not url:
            message = "no URL is given"
        elif parts is None or not url.isprintable() or " " in url or len(url) > _MOST_CHARACTERS:
            message = "this is no URL of a receiver"
        elif parts.username is not None or parts.password is not None:
            message = "a password must not stand in the URL"
        found = [self._problem(message)] if message else []
        return found + self.secret_problems("token_env")

    def connect(self) -> None:
        """Nothing is opened before the first message."""

    def send(self, message: bytes) -> None:
        """Post one message; a kept connection that the receiver has closed meanwhile is opened again once."""
        from cluster4npu.core.posting import (
            Poster,  # http.client takes long to import, and each worker imports us
        )

        parts = self._parts()
        assert parts is not None
        if self._poster is None:
            self._poster = Poster(parts, self.params.timeout_s)
        headers = {"Content-Type": "application/json", "User-Agent": "cluster4npu"}
        if token := self.secret("token_env"):
            headers["Authorization"] = f"Bearer {token}"
        status = self._poster.post(message, headers)
        if status not in _TAKEN:
            raise NotDelivered(f"HTTP {status}")

    def close(self) -> None:
        if self._poster is not None:
            self._poster.close()
            self._poster = None

    def _parts(self) -> SplitResult | None:
        try:
            parts = urlsplit(self.params.url)
            sound = parts.scheme.lower() in _SCHEMES and bool(parts.hostname) and (parts.port or 80) > 0
        except ValueError:
            return None
        return parts if sound else None

    def _problem(self, message: str) -> Problem:
        parts = self._parts()
        return Problem(
            message,
            node=self.id,
            field="url",
            found=f"{parts.scheme}://{parts.hostname}" if parts is not None else "",  # no password, no query
            allowed="https://HOST/PATH or http://HOST/PATH",
            hint="Correct the URL; a token goes into an environment variable that 'token_env' names.",
        )
