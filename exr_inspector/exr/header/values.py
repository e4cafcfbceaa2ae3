"""Typed values of OpenEXR attributes and the vocabularies of its codes. Knows nothing of bytes or files.

Codes stay plain integers, since a file may hold any; the tables below give those that OpenEXR 3.5 defines their names.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

# Flag bits of the version word (bytes 4 to 7). Plain integers: arithmetic on IntFlag costs a microsecond each time.
TILED = 0x200
LONG_NAMES = 0x400
NON_IMAGE = 0x800
MULTI_PART = 0x1000
KNOWN_FLAGS = TILED | LONG_NAMES | NON_IMAGE | MULTI_PART


class PixelType(IntEnum):
    """Pixel types of a channel."""

    UINT = 0
    HALF = 1
    FLOAT = 2


class Compression(IntEnum):
    """Compression codes; OpenEXR 3.5 knows 0 to 13."""

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
    """Order in which a writer promised to store the chunks."""

    INCREASING_Y = 0
    DECREASING_Y = 1
    RANDOM_Y = 2


class LevelMode(IntEnum):
    """Levels of a tiled part (low nibble of tiledesc's mode byte)."""

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
    """What a deep part promises of its samples."""

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
    """The name of `value` in `codes`, or `unknown(value)` for a code that OpenEXR 3.5 does not define."""
    return _CODE_NAMES[codes].get(value) or f"unknown({value})"


class Box2i(NamedTuple):
    """Integer rectangle in pixels; the maximum is inside."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.x_max - self.x_min + 1

    @property
    def height(self) -> int:
        """Rows."""
        return self.y_max - self.y_min + 1


class Box2f(NamedTuple):
    """Float rectangle."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


class Chromaticities(NamedTuple):
    """CIE xy of the primaries and the white point."""

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
        name: Full name, layers and view included.
        pixel_type: 0 UINT, 1 HALF, 2 FLOAT; other values are in no file a reader accepts.
        p_linear: The byte as stored; only 0 and 1 mean something.
        reserved: The three bytes behind it, zero in sound files.
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
        """`UINT`, `HALF` or `FLOAT`."""
        return code_name(PixelType, self.pixel_type)


class KeyCode(NamedTuple):
    """Film key code; `key_count` is the field that OpenEXR calls count."""

    film_mfc_code: int
    film_type: int
    prefix: int
    key_count: int
    perf_offset: int
    perfs_per_frame: int
    perfs_per_count: int


class Rational(NamedTuple):
    """Signed numerator over unsigned denominator; a zero denominator is kept as it stands."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The quotient, None where the denominator is zero."""
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
    """Raw bytes with a hint of what they are (attribute type `bytes`, OpenEXR 3.4)."""

    type_hint: bytes
    data: bytes


class FloatVector(NamedTuple):
    """Floats as the file's bytes: many, which take an eighth of their memory as numbers, or with NaNs of unusual bits."""

    packed: bytes

    def first(self, most: int) -> tuple[float, ...]:
        """The first of them, `most` or fewer."""
        return struct.unpack_from(f"<{min(most, len(self.packed) // 4)}f", self.packed)


class IdManifest(NamedTuple):
    """An id manifest as stored: still compressed. `exr.idmanifest.decode` reads it."""

    inflated_bytes: int
    deflated: bytes


class TimeCode(NamedTuple):
    """SMPTE time code as stored; `exr.timecode` reads the digits."""

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
    """The bytes of one value do not fit its type; never leaves `exr.header`."""


class Attribute(NamedTuple):
    """One attribute as the file holds it.

    Attributes:
        name: Attribute name.
        type_name: Type name on disk, also when it is unknown.
        value: Typed value; plain `bytes` when the type is unknown or the bytes do not fit it (see `problem`).
        offset: Byte offset of the value in the file.
        size: Bytes of the value.
        problem: Why the value was kept as bytes; empty for a sound value and for an unknown type.
    """

    name: str
    type_name: str
    value: AttributeValue
    offset: int
    size: int
    problem: str = ""
