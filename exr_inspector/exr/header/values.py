"""Types of attribute values, and enumerations of OpenEXR's codes. Independent of their encoding and of files.

Codes are kept as plain integers, since a file may contain any value; the enumerations name those that OpenEXR 3.5 defines.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

# Flag bits of the version word (bytes 4 to 7). Plain integers: an operation on an IntFlag takes a microsecond.
TILED = 0x200
LONG_NAMES = 0x400
NON_IMAGE = 0x800
MULTI_PART = 0x1000
KNOWN_FLAGS = TILED | LONG_NAMES | NON_IMAGE | MULTI_PART


class PixelType(IntEnum):
    """Pixel type of a channel."""

    UINT = 0
    HALF = 1
    FLOAT = 2


class Compression(IntEnum):
    """Compression codes of OpenEXR 3.5."""

    NONE = 0
    RLE = 1
    ZIPS = 2
    ZIP = 3
    PIZ = 4
    PXR24 = 5
    B44 = 6
    B44A = 7
    DWAA = 8
    DWAB = 9
    HTJ2K256 = 10
    HTJ2K32 = 11
    LJ2K = 12
    ZSTD = 13


class LineOrder(IntEnum):
    """Order of the chunks in the file, as declared by its writer."""

    INCREASING_Y = 0
    DECREASING_Y = 1
    RANDOM_Y = 2


class LevelMode(IntEnum):
    """Level mode of a tiled part (low nibble of tiledesc's mode byte)."""

    ONE_LEVEL = 0
    MIPMAP_LEVELS = 1
    RIPMAP_LEVELS = 2


class LevelRoundingMode(IntEnum):
    """Rounding of level sizes (high nibble of tiledesc's mode byte)."""

    ROUND_DOWN = 0
    ROUND_UP = 1


class Envmap(IntEnum):
    """Environment map projections."""

    LATLONG = 0
    CUBE = 1


class DeepImageState(IntEnum):
    """Order and overlap of the samples in a deep part, as declared by its writer."""

    MESSY = 0
    SORTED = 1
    NON_OVERLAPPING = 2
    TIDY = 3


LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256, 10: 256, 11: 32, 12: 256, 13: 1}
DEEP_COMPRESSIONS = frozenset({0, 1, 2, 13})
PIXEL_BYTES = {0: 4, 1: 2, 2: 4}


_CODE_NAMES: dict[type[IntEnum], dict[int, str]] = {
    codes: {int(code): code.name for code in codes}
    for codes in (PixelType, Compression, LineOrder, LevelMode, LevelRoundingMode, Envmap, DeepImageState)
}


def code_name(codes: type[IntEnum], value: int) -> str:
    """The name of `value` in `codes`; `unknown(<value>)` for a code that OpenEXR 3.5 does not define."""
    return _CODE_NAMES[codes].get(value) or f"unknown({value})"


class Box2i(NamedTuple):
    """Integer rectangle in pixels; the maximum is inclusive."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.x_max - self.x_min + 1

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.y_max - self.y_min + 1


class Box2f(NamedTuple):
    """Float rectangle."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Chromaticities(NamedTuple):
    """CIE xy coordinates of the primaries and the white point."""

    red_x: float
    red_y: float
    green_x: float
    green_y: float
    blue_x: float
    blue_y: float
    white_x: float
    white_y: float


class Channel(NamedTuple):
    """One entry of a channel list.

    Attributes:
        name: Full name, including layers and view.
        pixel_type: 0 UINT, 1 HALF, 2 FLOAT; readers reject other values.
        p_linear: The byte as stored; only 0 and 1 are defined.
        reserved: The three bytes after pLinear, zero in valid files.
        x_sampling: Columns per sample.
        y_sampling: Rows per sample.
    """

    name: str
    pixel_type: int
    p_linear: int
    reserved: bytes
    x_sampling: int
    y_sampling: int

    @property
    def type_name(self) -> str:
        """`UINT`, `HALF` or `FLOAT`; `unknown(<code>)` for other codes."""
        return code_name(PixelType, self.pixel_type)


class KeyCode(NamedTuple):
    """Film key code; OpenEXR's name for `key_count` is `count`."""

    film_mfc_code: int
    film_type: int
    prefix: int
    key_count: int
    perf_offset: int
    perfs_per_frame: int
    perfs_per_count: int


class Rational(NamedTuple):
    """Signed numerator over unsigned denominator, which may be zero."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The quotient; None if the denominator is zero."""
        return self.numerator / self.denominator if self.denominator else None


class TileDesc(NamedTuple):
    """Tile size and level mode; `mode` is the byte as stored."""

    x_size: int
    y_size: int
    mode: int

    @property
    def level_mode(self) -> int:
        """Low nibble of the mode byte."""
        return self.mode & 0x0F

    @property
    def rounding_mode(self) -> int:
        """High nibble of the mode byte."""
        return self.mode >> 4


class Preview(NamedTuple):
    """A thumbnail: `width * height` RGBA bytes, top row first."""

    width: int
    height: int
    rgba: bytes


class Bytes(NamedTuple):
    """Raw bytes with a type hint (attribute type `bytes`, OpenEXR 3.4)."""

    type_hint: bytes
    data: bytes


class FloatVector(NamedTuple):
    """Floats kept as the file's bytes, for long vectors (an eighth of the memory of a tuple) and for NaNs with unusual bits."""

    packed: bytes

    def first(self, most: int) -> tuple[float, ...]:
        """The first `most` floats, fewer if there are not as many."""
        return struct.unpack_from(f"<{min(most, len(self.packed) // 4)}f", self.packed)


class IdManifest(NamedTuple):
    """An id manifest as stored, compressed; `idmanifest.decode_manifest` decodes it."""

    inflated_bytes: int
    deflated: bytes


class TimeCode(NamedTuple):
    """SMPTE time code as stored; `timecode.read_timecode` decodes it."""

    time_and_flags: int
    user_data: int


AttributeValue = (
    int
    | float
    | str
    | bytes
    | tuple[int, ...]
    | tuple[float, ...]
    | tuple[str, ...]
    | tuple[Channel, ...]
    | Box2i
    | Box2f
    | Bytes
    | Chromaticities
    | FloatVector
    | IdManifest
    | KeyCode
    | Preview
    | Rational
    | TileDesc
    | TimeCode
)


class Malformed(ValueError):
    """The bytes of a value do not match its type. Always caught in `exr.header`."""


class Attribute(NamedTuple):
    """One attribute as stored in the file.

    Attributes:
        name: Attribute name.
        type_name: Type name as stored, known or not.
        value: Typed value; `bytes` if the type is unknown or the value is malformed (see `problem`).
        offset: Byte offset of the value in the file.
        size: Size of the value in bytes.
        problem: Why the value was kept as bytes; empty for a valid value and for an unknown type.
    """

    name: str
    type_name: str
    value: AttributeValue
    offset: int
    size: int
    problem: str = ""
