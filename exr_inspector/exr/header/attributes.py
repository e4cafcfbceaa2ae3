"""Decodes attribute values from bytes and encodes them again, for every attribute type of OpenEXR 3.5.

A value whose bytes do not match its type is kept as bytes, with the reason; a value of unknown type is kept as bytes without a
reason. `conformance` checks which attributes a header must have and which values are valid.

The layouts are those of OpenEXR 3.5.3 (`src/lib/OpenEXRCore/parse_header.c`); all numbers are little-endian, unpadded.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from exr_inspector.exr.header.channel_lists import decode_channels, encode_channels
from exr_inspector.exr.header.text import NOT_UTF8, decode_name
from exr_inspector.exr.header.values import (
    Attribute,
    AttributeValue,
    Box2f,
    Box2i,
    Bytes,
    Chromaticities,
    FloatVector,
    IdManifest,
    KeyCode,
    Malformed,
    Preview,
    Rational,
    TileDesc,
    TimeCode,
)

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_U64 = struct.Struct("<Q")
_TWO_U32 = struct.Struct("<II")


# Maximum memory for a value, its derived objects and its rows, as a multiple of the value's size in the file
# (`./run bench header_memory`).
MEMORY_SHARES = {"chlist": 66, "string": 23, "stringvector": 24}
OTHER_SHARE = 10

MAX_FLOATS = 4_096  # longer vectors are a FloatVector instead of a tuple

_Make = Callable[[tuple[Any, ...]], Any]


def _scalar(layout: str) -> tuple[struct.Struct, _Make]:
    return struct.Struct(layout), itemgetter(0)


def _tuple(layout: str) -> tuple[struct.Struct, _Make]:
    return struct.Struct(layout), tuple


def _named(layout: str, named_tuple: Any) -> tuple[struct.Struct, _Make]:
    return struct.Struct(layout), named_tuple._make


# type name -> (layout, function that makes the value from the unpacked fields)
FIXED: dict[str, tuple[struct.Struct, _Make]] = {
    "box2f": _named("<4f", Box2f),
    "box2i": _named("<4i", Box2i),
    "chromaticities": _named("<8f", Chromaticities),
    "compression": _scalar("<B"),
    "deepImageState": _scalar("<B"),
    "double": _scalar("<d"),
    "envmap": _scalar("<B"),
    "float": _scalar("<f"),
    "int": _scalar("<i"),
    "keycode": _named("<7i", KeyCode),
    "lineOrder": _scalar("<B"),
    "m33d": _tuple("<9d"),
    "m33f": _tuple("<9f"),
    "m44d": _tuple("<16d"),
    "m44f": _tuple("<16f"),
    "rational": _named("<iI", Rational),
    "tiledesc": _named("<IIB", TileDesc),
    "timecode": _named("<II", TimeCode),
    "v2d": _tuple("<2d"),
    "v2f": _tuple("<2f"),
    "v2i": _tuple("<2i"),
    "v3d": _tuple("<3d"),
    "v3f": _tuple("<3f"),
    "v3i": _tuple("<3i"),
}


def _decode_bytes(raw: bytes) -> Bytes:
    # uint32 length of the hint, hint without NUL, then the data up to the attribute's size
    if len(raw) < 4:
        raise Malformed(f"{len(raw)} bytes are too few for a hint length")
    hint_bytes: int = _U32.unpack_from(raw)[0]
    if hint_bytes > len(raw) - 4:
        raise Malformed(f"type hint of {hint_bytes} bytes in a value of {len(raw)}")
    return Bytes(raw[4 : 4 + hint_bytes], raw[4 + hint_bytes :])


def decode_floatvector(raw: bytes) -> tuple[float, ...] | FloatVector:
    """A tuple of floats; a FloatVector if there are more than MAX_FLOATS or a NaN has other bits than Python's `nan`."""
    count, odd = divmod(len(raw), 4)
    if odd:
        raise Malformed(f"{len(raw)} bytes are not a whole number of 4-byte floats")
    if count > MAX_FLOATS:
        return FloatVector(raw)
    floats = struct.unpack(f"<{count}f", raw)
    if any(map(math.isnan, floats)):
        plain = [math.nan if math.isnan(value) else value for value in floats]
        if struct.pack(f"<{count}f", *plain) != raw:
            return FloatVector(raw)
    return floats


def _decode_idmanifest(raw: bytes) -> IdManifest:
    # uint64 inflated size, then a zlib stream
    if len(raw) < 8:
        raise Malformed(f"{len(raw)} bytes are too few for an id manifest")
    return IdManifest(_U64.unpack_from(raw)[0], raw[8:])


def _decode_preview(raw: bytes) -> Preview:
    # uint32 width, uint32 height, then width * height RGBA bytes, top row first
    if len(raw) < 8:
        raise Malformed(f"{len(raw)} bytes are too few for a preview")
    width, height = _TWO_U32.unpack_from(raw)
    if 4 * width * height != len(raw) - 8:
        raise Malformed(f"{width} x {height} pixels do not fill {len(raw) - 8} bytes")
    return Preview(width, height, raw[8:])


def _decode_string(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{NOT_UTF8} at byte {error.start}") from None


def _strings(raw: bytes) -> list[bytes]:
    # repeated up to the attribute's size: int32 length, bytes
    strings: list[bytes] = []
    position = 0
    while position < len(raw):
        if position + 4 > len(raw):
            raise Malformed(f"length of string {len(strings)} is cut off")
        length: int = _I32.unpack_from(raw, position)[0]
        position += 4
        if not 0 <= length <= len(raw) - position:
            raise Malformed(f"string {len(strings)} of {length} bytes with {len(raw) - position} left")
        strings.append(raw[position : position + length])
        position += length
    return strings


def _decode_stringvector(raw: bytes) -> tuple[str, ...]:
    return tuple([_decode_string(text) for text in _strings(raw)])


VARIABLE: dict[str, Callable[[bytes], AttributeValue]] = {
    "bytes": _decode_bytes,
    "chlist": decode_channels,
    "floatvector": decode_floatvector,
    "idmanifest": _decode_idmanifest,
    "preview": _decode_preview,
    "string": _decode_string,
    "stringvector": _decode_stringvector,
}

KNOWN_TYPES = frozenset(FIXED) | frozenset(VARIABLE)


def decode(type_name: str, buffer: bytes, offset: int, size: int) -> tuple[AttributeValue, str]:
    """The value of the `size` bytes at `offset`, and why it could not be decoded.

    The reason is empty if the value was decoded, and if its type is unknown. Values that are not decoded are returned as bytes.
    """
    fixed = FIXED.get(type_name)
    if fixed is not None:
        layout, make = fixed
        if size == layout.size:
            return make(layout.unpack_from(buffer, offset)), ""
        return buffer[offset : offset + size], f"{size} bytes where {type_name} has {layout.size}"
    raw = buffer[offset : offset + size]
    variable = VARIABLE.get(type_name)
    if variable is None:
        return raw, ""
    try:
        return variable(raw), ""
    except Malformed as error:
        return raw, str(error)


def readable_text(attribute: Attribute) -> str | None:
    r"""The text of a `string` attribute, invalid UTF-8 bytes written `\xNN`; None for other types."""
    value = attribute.value
    if isinstance(value, str):
        return value
    return decode_name(value) if attribute.type_name == "string" and isinstance(value, bytes) else None


def readable_strings(type_name: str, value: AttributeValue) -> tuple[str, ...] | None:
    r"""The texts of a `string` or `stringvector`, invalid UTF-8 bytes written `\xNN`; None for other values."""
    if isinstance(value, str):
        return (value,)
    if type_name == "string" and isinstance(value, bytes):
        return (decode_name(value),)
    if type_name != "stringvector":
        return None
    if not isinstance(value, bytes):
        return value  # type: ignore[return-value]  # decode() returns a tuple of strings
    try:
        return tuple([decode_name(text) for text in _strings(value)])
    except Malformed:
        return None


def _encode_stringvector(value: tuple[str, ...]) -> bytes:
    out = bytearray()  # no list of encoded texts: there may be millions, most of them empty
    for text in value:
        raw = text.encode()
        out += _I32.pack(len(raw))
        out += raw
    return bytes(out)


ENCODERS: dict[str, Callable[[Any], bytes]] = {
    "bytes": lambda value: _U32.pack(len(value.type_hint)) + value.type_hint + value.data,
    "chlist": encode_channels,
    "floatvector": lambda value: (
        value.packed if isinstance(value, FloatVector) else struct.pack(f"<{len(value)}f", *value)
    ),
    "idmanifest": lambda value: _U64.pack(value.inflated_bytes) + value.deflated,
    "preview": lambda value: _TWO_U32.pack(value.width, value.height) + value.rgba,
    "string": lambda value: value.encode(),
    "stringvector": _encode_stringvector,
}


def encode(type_name: str, value: AttributeValue) -> bytes:
    """The bytes of `value`: the inverse of `decode`. Values that are bytes are returned unchanged.

    Raises:
        struct.error: If the value does not match the type's layout.
    """
    if isinstance(value, bytes):
        return value
    fixed = FIXED.get(type_name)
    if fixed is not None:
        fields = value if isinstance(value, tuple) else (value,)
        return fixed[0].pack(*fields)
    return ENCODERS[type_name](value)
