"""Encode attributes of an EXR header; implemented from the format's description alone.

Every helper returns an `Attr`, which can also be written with a wrong declared size. Values are not checked, so a test can
write a pixel type of 9 or a name of 300 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

UINT, HALF, FLOAT = 0, 1, 2
PIXEL_BYTES = {UINT: 4, HALF: 2, FLOAT: 4}
PIXEL_DTYPES = {UINT: "<u4", HALF: "<f2", FLOAT: "<f4"}
NONE, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, HTJ2K256, HTJ2K32, LJ2K, ZSTD = range(14)
ONE_LEVEL, MIPMAP, RIPMAP = 0, 1, 2
ROUND_DOWN, ROUND_UP = 0, 1
INCREASING_Y, DECREASING_Y, RANDOM_Y = 0, 1, 2

Box = tuple[int, int, int, int]


def text_bytes(text: str) -> bytes:
    """Encode as UTF-8; a lone surrogate is written as the byte it represents, so names need not be valid UTF-8."""
    return text.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Attr:
    """One attribute; `size` is the declared size if it differs from the real one."""

    name: str
    type: str
    value: bytes
    size: int | None = None

    def lead(self) -> bytes:
        """The bytes before the value: name, type name and size field."""
        size = len(self.value) if self.size is None else self.size
        return text_bytes(self.name) + b"\0" + text_bytes(self.type) + b"\0" + struct.pack("<i", size)

    def encode(self) -> bytes:
        """The bytes of the complete record."""
        return self.lead() + self.value

    def sized(self, size: int) -> Attr:
        """Return the attribute with another declared size."""
        return replace(self, size=size)


@dataclass(frozen=True, slots=True, order=True)
class Channel:
    """One entry of a channel list."""

    name: str
    pixel_type: int = HALF
    x_sampling: int = 1
    y_sampling: int = 1
    p_linear: int = 0
    reserved: bytes = b"\0\0\0"

    def encode(self) -> bytes:
        """Name, NUL, pixel type, pLinear, three reserved bytes, samplings."""
        fixed = struct.pack("<iB", self.pixel_type, self.p_linear) + self.reserved
        return text_bytes(self.name) + b"\0" + fixed + struct.pack("<ii", self.x_sampling, self.y_sampling)


@dataclass(frozen=True, slots=True)
class Tiles:
    """A tile description; `byte` overrides the packed mode byte."""

    x_size: int = 16
    y_size: int = 16
    mode: int = ONE_LEVEL
    rounding: int = ROUND_DOWN
    byte: int | None = None

    def encode(self) -> bytes:
        """Two uint32 and the mode byte (level mode low nibble, rounding high nibble)."""
        packed = self.mode | self.rounding << 4 if self.byte is None else self.byte
        return struct.pack("<IIB", self.x_size, self.y_size, packed)


def sorted_channels(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    """Sort channels as the format requires: by the bytes of their names."""
    return tuple(sorted(channels, key=lambda channel: text_bytes(channel.name)))


def attr(name: str, type_name: str, value: bytes = b"") -> Attr:
    """Any attribute of any type."""
    return Attr(name, type_name, value)


def packed(name: str, type_name: str, layout: str, *values: float) -> Attr:
    """An attribute whose value is `struct.pack("<" + layout, *values)`."""
    return Attr(name, type_name, struct.pack("<" + layout, *values))


def a_int(name: str, value: int) -> Attr:
    """int32."""
    return packed(name, "int", "i", value)


def a_float(name: str, value: float) -> Attr:
    """binary32."""
    return packed(name, "float", "f", value)


def a_double(name: str, value: float) -> Attr:
    """binary64."""
    return packed(name, "double", "d", value)


def a_string(name: str, value: str | bytes) -> Attr:
    """The bytes alone, without a NUL and without a length."""
    return Attr(name, "string", value if isinstance(value, bytes) else text_bytes(value))


def a_stringvector(name: str, values: Iterable[str]) -> Attr:
    """For each string an int32 length, then its bytes."""
    encoded = [text_bytes(value) for value in values]
    return Attr(name, "stringvector", b"".join(struct.pack("<i", len(one)) + one for one in encoded))


def a_floatvector(name: str, values: Sequence[float]) -> Attr:
    """The floats; their number is the size divided by four."""
    return packed(name, "floatvector", f"{len(values)}f", *values)


def a_box2i(name: str, box: Box) -> Attr:
    """int32 xMin, yMin, xMax, yMax; the maximum is inclusive."""
    return packed(name, "box2i", "4i", *box)


def a_box2f(name: str, box: tuple[float, float, float, float]) -> Attr:
    """Four floats in the order of box2i."""
    return packed(name, "box2f", "4f", *box)


def a_vector(name: str, type_name: str, values: Sequence[float]) -> Attr:
    """v2i, v2f, v2d, v3i, v3f, v3d or m44f; the last letter is the type of the numbers."""
    return packed(name, type_name, f"{len(values)}{type_name[-1]}", *values)


def a_chlist(channels: Iterable[Channel], name: str = "channels") -> Attr:
    """The channels in the order given, then the terminating NUL."""
    return Attr(name, "chlist", b"".join(channel.encode() for channel in channels) + b"\0")


def a_chromaticities(name: str, values: Sequence[float]) -> Attr:
    """Eight floats: red, green, blue and white, x before y."""
    return packed(name, "chromaticities", "8f", *values)


def a_compression(code: int, name: str = "compression") -> Attr:
    """One byte."""
    return packed(name, "compression", "B", code)


def a_lineorder(code: int, name: str = "lineOrder") -> Attr:
    """One byte."""
    return packed(name, "lineOrder", "B", code)


def a_envmap(code: int, name: str = "envmap") -> Attr:
    """One byte."""
    return packed(name, "envmap", "B", code)


def a_deepimagestate(code: int, name: str = "deepImageState") -> Attr:
    """One byte."""
    return packed(name, "deepImageState", "B", code)


def a_tiledesc(tiles: Tiles, name: str = "tiles") -> Attr:
    """Two uint32 and the mode byte."""
    return Attr(name, "tiledesc", tiles.encode())


def a_keycode(name: str, values: Sequence[int]) -> Attr:
    """filmMfcCode, filmType, prefix, count, perfOffset, perfsPerFrame, perfsPerCount."""
    return packed(name, "keycode", "7i", *values)


def a_timecode(name: str, time_and_flags: int, user_data: int = 0) -> Attr:
    """The two packed words; `tv60` makes the first."""
    return packed(name, "timecode", "II", time_and_flags, user_data)


def tv60(hours: int, minutes: int, seconds: int, frame: int, *, drop: bool = False) -> int:
    """Binary coded decimal time of the TV60 packing: frame bits 0-5, drop flag 6, then seconds, minutes, hours."""
    digits = [(frame, 0), (seconds, 8), (minutes, 16), (hours, 24)]
    return sum((value // 10 << 4 | value % 10) << shift for value, shift in digits) | drop << 6


def a_rational(name: str, numerator: int, denominator: int) -> Attr:
    """int32 numerator, uint32 denominator."""
    return packed(name, "rational", "iI", numerator, denominator)


def a_preview(name: str, width: int, height: int, rgba: bytes | None = None) -> Attr:
    """uint32 width and height, then RGBA bytes; a grey ramp when `rgba` is None."""
    size = 4 * width * height
    pixels = (bytes(range(256)) * (size // 256 + 1))[:size] if rgba is None else rgba
    return Attr(name, "preview", struct.pack("<II", width, height) + pixels)


def a_bytes(name: str, data: bytes, hint: str = "") -> Attr:
    """uint32 length of the hint, the hint, then the data."""
    encoded = text_bytes(hint)
    return Attr(name, "bytes", struct.pack("<I", len(encoded)) + encoded + data)
