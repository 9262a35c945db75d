"""The other machine's side: one device, lent to whoever knows the secret, a session for each connection."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable
from dataclasses import asdict
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices import registry, truth
from cluster4npu.core.devices.backend import Preparation, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.remote import Link, error_record
from cluster4npu.core.errors import (
    Cluster4NPUError,
    DeviceUnavailable,
    InputError,
    Problem,
    RunFailed,
    one_line,
)
from cluster4npu.core.settings import cache_dir

GREETING_S = 10.0  # for who connects to show that he knows the secret
_SUFFIXES = (".onnx", ".pt", ".pt2", ".torchscript", ".safetensors")


class Service:
    """Listens from its making on; raises OSError where that is not possible, DeviceUnavailable for the device.

    `told` gets a line when somebody comes or goes, from any thread.
    """

    def __init__(
        self, address: tuple[str, int], device: DeviceId, key: bytes, told: Callable[[str], None]
    ) -> None:
        self._info = registry.require_available(device)
        (self._device,) = registry.settle((device,))
        self._key, self._told = key, told
        self._listener = Listener(address, backlog=8)
        host, port = self._listener.address
        self.address = f"{host}:{port}"
        threading.Thread(target=self._listen, name="listen", daemon=True).start()

    def _listen(self) -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                connection = self._listener.accept()
                threading.Thread(target=self._greet, args=(connection,), name="lent", daemon=True).start()

    def _greet(self, connection: Connection) -> None:
        """Let one in who knows the secret, and serve him until he hangs up."""
        late = threading.Timer(GREETING_S, connection.close)
        late.daemon = True
        late.start()
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
        except AuthenticationError:
            self._told("somebody with another secret was refused")
            return
        except (OSError, EOFError):  # only looked whether we are here
            return
        finally:
            late.cancel()
        link = Link(connection)
        with contextlib.suppress(OSError, EOFError):
            _Lent(self._info.kind, self._info.name, self._device, link, self._told).serve()
        link.close()


class _Lent:
    """One connection."""

    def __init__(
        self, kind: str, name: str, device: DeviceId, link: Link, told: Callable[[str], None]
    ) -> None:
        self._kind, self._name, self._device, self._link, self._told = kind, name, device, link, told
        self._session: Session | None = None

    def serve(self) -> None:
        """Answer until the other end hangs up; raises EOFError or OSError then."""
        try:
            while True:
                head, arrays = self._link.hear()
                try:
                    answer, found = self._answer(head, arrays)
                except Cluster4NPUError as error:
                    answer, found = {"error": error_record(error)}, []
                except Exception as error:  # a driver's own, of any kind: told, and the next one may go well
                    text = f"{type(error).__name__}: {one_line(error)}"
                    answer, found = {"error": error_record(RunFailed(text))}, []
                self._link.tell(answer, found)
        finally:
            if self._session is not None:
                self._told(f"{self._device} is free again")
                self._session.close()

    def _answer(
        self, head: dict[str, Any], arrays: list[np.ndarray]
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        what = head.get("do")
        if what == "infer" and self._session is not None and len(arrays) == 1:
            return {}, [np.asarray(output) for output in self._session.infer(arrays[0])]
        if what == "hello":
            return {"device": str(self._device), "name": self._name, "kind": self._kind}, []
        if what == "have":
            return {"have": self._kept(head).is_file()}, []
        if what == "load" and len(arrays) <= 1:
            return self._load(self._kept(head), arrays), []
        raise RunFailed(f"a request that is not understood: {str(what)[:40]!r}")

    def _kept(self, head: dict[str, Any]) -> Path:
        """Return where a model is kept, by its digest."""
        digest, suffix = str(head.get("sha256")), str(head.get("suffix")).lower()
        if len(digest) != 64 or not digest.isalnum() or suffix not in _SUFFIXES:
            problem = Problem(
                "this model cannot be sent to another machine",
                field="model",
                found=suffix,
                allowed=f"one file: {', '.join(_SUFFIXES)}",
                hint="Export it as ONNX.",
            )
            raise InputError(problem)
        folder = cache_dir() / "lent"
        folder.mkdir(exist_ok=True)
        return folder / f"{digest}{suffix}"

    def _load(self, path: Path, arrays: list[np.ndarray]) -> dict[str, Any]:
        if arrays:
            if hashlib.sha256(arrays[0].data).hexdigest() != path.stem:
                raise RunFailed("the model that came is not the one that was announced")
            half = path.with_suffix(f".{threading.get_ident()}")
            half.write_bytes(arrays[0].data)
            half.replace(path)
        backend = registry.backend(self._device.backend)
        if backend.preparation(self._device, path) is not Preparation.NONE:
            raise DeviceUnavailable(
                f"'{self._device}' of the other machine would have to convert the model first"
            )
        if self._session is not None:
            self._session.close()
        session = backend.load(path, self._device, registry.device_options(self._device))
        self._session = session
        self._told(f"{self._device} is lent")
        fell_back = truth.fell_back(str(self._device), session.unit)
        return {
            "info": asdict(session.info),
            "unit": session.unit,
            "unit_detail": session.unit_detail,
            "fell_back": fell_back,
        }
