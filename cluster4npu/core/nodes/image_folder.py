"""The image folder source: every image of a folder in natural order, each of its own size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from cluster4npu.core.errors import InputError, Problem, RunFailed
from cluster4npu.core.files import is_folder
from cluster4npu.core.nodes.base import FrameInfo, FrameSpec, Port, PortType, SourceNode, SourceParams, param
from cluster4npu.core.settings import resolve_path
from cluster4npu.core.vision.capture import quiet_cv2

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_EXIF_ORIENTATION = 0x0112


class ImageFolder(SourceNode):
    """Reads the images of a folder. They may differ in size: slots are made for the largest."""

    type = "image_folder"
    title = "Image folder"
    category = "Sources"
    description = "Reads the images of a folder in natural order (2.png before 10.png)."
    outputs = (Port("frame", (PortType.FRAME,)),)

    class Params(SourceParams):
        path: str = param(
            "",
            title="Folder",
            description="The folder; a relative path belongs to the pipeline file's folder.",
            widget="folder",
            max_length=4096,
        )
        pattern: str = param(
            "*",
            title="Names",
            description="Which files are read, for example *.jpg; other than images are left out.",
            min_length=1,
            max_length=256,
        )
        loop: bool = param(False, title="Loop", description="Start again at the first image after the last.")

    def problems(self) -> list[Problem]:
        folder = self._folder()
        if not self.params.path or not is_folder(folder):
            return [
                Problem(
                    "the image folder is missing" if self.params.path else "no image folder is chosen",
                    node=self.id,
                    field="path",
                    found=str(folder) if self.params.path else "",
                    allowed="an existing folder",
                    hint="Choose the folder in the node's panel.",
                    option=f"--set {self.id}.path=PATH",
                )
            ]
        if next(self._images(), None) is None:
            return [
                Problem(
                    "the folder holds no image of that name",
                    node=self.id,
                    field="pattern",
                    found=f"{self.params.pattern} in {folder}",
                    allowed=", ".join("*" + suffix for suffix in SUFFIXES),
                    hint="Choose another folder or pattern.",
                )
            ]
        return []

    def open(self) -> ImageSource:
        """Read the size of every image from its header; raises InputError naming the first that has none."""
        for problem in self.problems():
            raise InputError(problem)
        paths = sorted(self._images(), key=lambda path: natural_key(path.name))
        sizes = [self._size(path) for path in paths]
        spec = FrameSpec(max(h for h, _ in sizes), max(w for _, w in sizes), None, len(paths))
        return ImageSource(self.id, paths, spec)

    def _folder(self) -> Path:
        return resolve_path(self.params.path, self.base)

    def _images(self) -> Iterator[Path]:
        pattern = self.params.pattern.lower()
        for path in self._folder().iterdir():
            name = path.name.lower()
            if name.endswith(SUFFIXES) and fnmatch(name, pattern) and path.is_file():
                yield path

    def _size(self, path: Path) -> tuple[int, int]:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as image:
                # Of other formats Pillow would decode the whole picture to find it.
                turned = image.format == "JPEG" and image.getexif().get(_EXIF_ORIENTATION) in _TURNED
                width, height = image.size
        except (
            OSError,
            UnidentifiedImageError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
        ) as error:
            raise InputError(_broken(self.id, path)) from error
        return (width, height) if turned else (height, width)


class ImageSource:
    """An opened folder. OpenCV decodes images only into arrays of its own: each costs one copy into the slot."""

    def __init__(self, node: str, paths: list[Path], spec: FrameSpec) -> None:
        self.spec = spec
        self._node = node
        self._paths = paths
        self._index = 0
        self._cv2 = quiet_cv2()

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        """Decode the next image into `slot`; None after the last. Raises RunFailed naming a file that is broken."""
        if self._index >= len(self._paths):
            return None
        path = self._paths[self._index]
        self._index += 1
        image = self._decode(path)
        if image is None or image.size > slot.size:
            raise RunFailed(_broken(self._node, path))
        height, width = image.shape[:2]
        slot[: image.size].reshape(image.shape)[:] = image
        return FrameInfo(height, width)

    def skip(self) -> bool:
        """Go past the next image without opening it; False after the last."""
        self._index += 1
        return self._index <= len(self._paths)

    def rewind(self) -> None:
        self._index = 0

    def close(self) -> None:
        """Nothing is held between two images."""

    def _decode(self, path: Path) -> np.ndarray | None:
        try:
            data = np.fromfile(
                path, np.uint8
            )  # not cv2.imread: it fails on names beyond the Windows code page
            image: np.ndarray | None = self._cv2.imdecode(data, self._cv2.IMREAD_COLOR)
        except (OSError, self._cv2.error):
            return None
        return image


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key by which 2.png comes before 10.png."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)] + [(0, name)]


def _broken(node: str, path: Path) -> Problem:
    return Problem(
        "an image cannot be read",
        node=node,
        field="path",
        found=str(path),
        allowed="whole images: " + ", ".join(SUFFIXES),
        hint="The file is damaged or no image: replace or remove it, or narrow 'pattern'.",
    )
