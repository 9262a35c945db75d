"""Precisions as options of devices (`onnx:cpu?precision=int8`): asked for by name, refused by name, never replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster4npu.core.devices.backend import Backend, DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model_file import model_error, read_model_file
from cluster4npu.core.devices.onnx_outline import OutlineError, read_outline
from cluster4npu.core.errors import DeviceUnavailable, InputError, Problem
from cluster4npu.core.settings import data_dir

OPTION = "precision"
# What a prepared model carries in its own metadata: the precision, and the SHA-256 of the file it was made from.
MADE_IN, MADE_FROM = "cluster4npu.precision", "cluster4npu.made_from"


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model file tells about itself: "" where it is no prepared one.

    `sha256`, of the file that it was made from, is believed only of what lies in the folder where this program keeps
    such files: any other file may say anything, and is known by its own hash.
    """

    precision: str = ""
    sha256: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, object], model: Path) -> Origin:
        """Read it out of the metadata of this file."""
        kept = model.resolve().parent == _folder().resolve()
        return cls(str(metadata.get(MADE_IN, "")), str(metadata.get(MADE_FROM, "")) if kept else "")


def asked(device: DeviceId) -> str:
    """Return the precision in a device id, "" where it names none: the model is run as it is."""
    return dict(device.options).get(OPTION, "")


def require(backend: Backend, device: DeviceId, info: DeviceInfo) -> None:
    """Raise DeviceUnavailable where this device does not compute in the precision that its id asks for."""
    precision = asked(device)
    if not precision or precision in info.precisions:
        return
    listed = ", ".join(info.precisions)
    why = backend.why_not(device, precision) or f"{backend.title} lists {listed or 'no precision'} for it"
    raise DeviceUnavailable(
        Problem(
            f"'{device.device}' does not compute in {precision}: {why}",
            field="devices",
            found=str(device),
            allowed=listed or "the model as it is, without the option",
            hint="Choose one of those, leave the option out, or choose another device.",
        )
    )


def require_model(device: DeviceId, model: Path | None) -> None:
    """Raise InputError where a device is to compute an ONNX model in another precision than the file itself is in.

    A version in int8 or fp16 can be made of a model in fp32, but no runtime makes it wide again: it would compute in
    what is there, under a wrong name.
    """
    wanted = asked(device)
    if model is None or not wanted or model.suffix.lower() != ".onnx":
        return
    try:
        made_in = read_outline(model).made_in
    except (OutlineError, OSError, ValueError):  # the worker that loads it tells what is wrong
        return
    if made_in and made_in != wanted:
        raise InputError(
            Problem(
                f"the model is in {made_in} already, and would not be computed in {wanted}",
                field="devices",
                found=f"{device} with {model.name}",
                allowed=f"the option left out, or a model in {' or '.join(dict.fromkeys((wanted, 'fp32')))}",
                hint=f"Leave precision={wanted} out, or choose the model that this one was made from.",
            )
        )


def require_prepared(origin: Origin, device: DeviceId, model: Path) -> None:
    """Raise InputError where `model` is not the version that the device's precision asks for."""
    if origin.precision != asked(device):
        raise model_error(
            f"this file is not the {asked(device)} version of a model",
            found=model.name,
            allowed="a file that `Backend.prepare` has made",
            hint="Run it in a pipeline, which makes the version from its source's frames, or leave the option out.",
        )


def prepared_path(model: Path, precision: str, digest: str, suffix: str = ".onnx") -> Path:
    """Return where the version of a model in another precision is kept; `digest` (hex) is of all that it depends on."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{model.stem[:60]}-{precision}-{digest[:16]}{suffix}"


def is_whole(path: Path) -> bool:
    """Tell whether a version that was made earlier is there in full: a power cut may have left a part."""
    try:
        read_model_file(path)
    except InputError:
        return False
    return True


def _folder() -> Path:
    return data_dir() / "models"
