"""What a sample is: its bytes, what it shows, and what exr-inspector is to say of it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

Array = npt.NDArray[Any]
Box = tuple[int, int, int, int]

PIXEL_TYPES = {"u4": "UINT", "f2": "HALF", "f4": "FLOAT"}
COMPRESSIONS = {
    "NONE": OpenEXR.NO_COMPRESSION,
    "RLE": OpenEXR.RLE_COMPRESSION,
    "ZIPS": OpenEXR.ZIPS_COMPRESSION,
    "ZIP": OpenEXR.ZIP_COMPRESSION,
    "PIZ": OpenEXR.PIZ_COMPRESSION,
    "PXR24": OpenEXR.PXR24_COMPRESSION,
    "B44": OpenEXR.B44_COMPRESSION,
    "B44A": OpenEXR.B44A_COMPRESSION,
    "DWAA": OpenEXR.DWAA_COMPRESSION,
    "DWAB": OpenEXR.DWAB_COMPRESSION,
    "HTJ2K256": OpenEXR.HTJ2K256_COMPRESSION,
    "HTJ2K32": OpenEXR.HTJ2K32_COMPRESSION,
    "LJ2K": OpenEXR.LJ2K_COMPRESSION,
    "ZSTD": OpenEXR.ZSTD_COMPRESSION,
}
STORAGE = {
    "scanlineimage": OpenEXR.scanlineimage,
    "tiledimage": OpenEXR.tiledimage,
    "deepscanline": OpenEXR.deepscanline,
    "deeptile": OpenEXR.deeptile,
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the catalogue must hold of a file; None for what the file does not let anybody say with certainty.

    `channels` is one mapping of name to pixel type for each part.
    """

    status: str = "inspected"
    error_code: str | None = None
    parts: int | None = None
    channels: Sequence[Mapping[str, str]] | None = None
    width: int | None = None
    height: int | None = None
    compression: str | None = None
    is_deep: bool | None = None
    is_tiled: bool | None = None
    is_complete: bool | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of the folder; `key` is its path there."""

    key: str
    trait: str
    data: bytes
    expected: Expected

    def damaged(self, key: str, trait: str, data: bytes) -> Sample:
        """A file with this one's header whose chunks are not all there."""
        return Sample(key, trait, data, replace(self.expected, is_complete=False))


@dataclass(frozen=True, slots=True)
class Image:
    """One part as the OpenEXR module is to write it.

    Attributes:
        window: Data window; None: the pixels' size, from the origin.
        display: Display window; None: the data window.
        tile: Side of a square tile, for the tiled kinds.
        header: Further attributes as the module takes them.
    """

    pixels: Mapping[str, Array]
    compression: str = "ZIP"
    kind: str = "scanlineimage"
    window: Box | None = None
    display: Box | None = None
    tile: int = 32
    name: str = ""
    header: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the data window."""
        height, width = next(iter(self.pixels.values())).shape
        return width, height

    def part(self) -> OpenEXR.Part:
        """The module's own part."""
        header = {"compression": COMPRESSIONS[self.compression], "type": STORAGE[self.kind], **self.header}
        width, height = self.size
        window = self.window or (0, 0, width - 1, height - 1)
        header["dataWindow"] = _box(window)
        header["displayWindow"] = _box(self.display or window)
        if self.kind in {"tiledimage", "deeptile"}:
            description = header.get("tiles", OpenEXR.TileDescription())
            description.xSize = description.ySize = self.tile
            header["tiles"] = description
        return OpenEXR.Part(header, dict(self.pixels), self.name)

    def pixel_types(self) -> dict[str, str]:
        """Name to pixel type, in the order of the channel list."""
        return {name: pixel_type(self.pixels[name]) for name in sorted(self.pixels, key=str.encode)}


def _box(box: Box) -> tuple[Array, Array]:
    return np.array(box[:2], "i4"), np.array(box[2:], "i4")


def pixel_type(array: Array) -> str:
    """OpenEXR's name for the type of an array, or of the sample arrays in it."""
    dtype = array.flat[0].dtype if array.dtype == object else array.dtype
    return PIXEL_TYPES[dtype.str[1:]]


def write(images: Sequence[Image]) -> bytes:
    """The file that the OpenEXR module makes of the parts, without threads so that chunks keep their order."""
    stream = io.BytesIO()
    OpenEXR.File([image.part() for image in images], num_threads=0).write(stream)
    return stream.getvalue()


def expect(images: Sequence[Image]) -> Expected:
    """What is to be said of a whole file of these parts."""
    first = images[0]
    return Expected(
        parts=len(images),
        channels=[image.pixel_types() for image in images],
        width=first.size[0],
        height=first.size[1],
        compression=first.compression,
        is_deep=any(image.kind.startswith("deep") for image in images),
        is_tiled=any(image.kind in {"tiledimage", "deeptile"} for image in images),
        is_complete=True,
    )


def sample(key: str, trait: str, *images: Image) -> Sample:
    """A whole file of one part or more."""
    return Sample(key, trait, write(images), expect(images))


def failing(key: str, trait: str, data: bytes, code: str) -> Sample:
    """A file whose header cannot be read."""
    return Sample(key, trait, data, Expected(status="failed", error_code=code))
