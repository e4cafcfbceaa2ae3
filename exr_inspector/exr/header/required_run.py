"""Required attributes of a fixed size, read several at once where they stand side by side.

OpenEXR's own writers store attributes by name, so that in most files nothing stands between `compression` and `lineOrder`, nor
between `pixelAspectRatio` and `screenWindowWidth`: stretches of a known layout, most of whose bytes are known beforehand.
Reading a stretch in one go takes a third of the time of reading its attributes one by one, and these seven are most of what an
ordinary header holds. The result is the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from exr_inspector.exr.header.attributes import FIXED
from exr_inspector.exr.header.standard import STANDARD
from exr_inspector.exr.header.values import Attribute, Box2i


def record_key(name: str, type_name: str) -> bytes:
    """The bytes before the value of an attribute of a fixed size: name NUL, type NUL, int32 size."""
    size = FIXED[type_name][0].size
    return name.encode() + b"\0" + type_name.encode() + b"\0" + size.to_bytes(4, "little")


class _Run:
    """The bytes of attributes that stand side by side: keys, and the struct that takes keys and values apart.

    Attributes:
        keys: What stands before each value.
        unpack: Reads keys and values in turn.
        values: Where each value starts, counted from the first name.
        size: Bytes of the whole run.
    """

    def __init__(self, *names: str) -> None:
        layout, values, size = "<", [], 0
        keys = []
        for name in names:
            value_struct = FIXED[STANDARD[name].type_name][0]
            key = record_key(name, STANDARD[name].type_name)
            layout += f"{len(key)}s{value_struct.format.removeprefix('<')}"
            keys.append(key)
            values.append(size + len(key))
            size += len(key) + value_struct.size
        self.keys = tuple(keys)
        self.unpack = struct.Struct(layout).unpack_from
        self.values = tuple(values)
        self.size = size


_ALL = _Run(
    "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "screenWindowCenter", "screenWindowWidth"
)  # fmt: skip
_ALL_KEYS, _UNPACK_ALL = _ALL.keys, _ALL.unpack
_AT_0, _AT_1, _AT_2, _AT_3, _AT_4, _AT_5, _AT_6 = _ALL.values
_ASPECT_KEY = _ALL_KEYS[4]
_ASPECT_KEY_AT = _AT_4 - len(_ASPECT_KEY)
_WINDOWS = _Run("compression", "dataWindow", "displayWindow", "lineOrder")
_WINDOW_KEYS, _UNPACK_WINDOWS = _WINDOWS.keys, _WINDOWS.unpack
_COMPRESSION_AT, _DATA_WINDOW_AT, _DISPLAY_WINDOW_AT, _LINE_ORDER_AT = _WINDOWS.values
_SCREEN = _Run("pixelAspectRatio", "screenWindowCenter", "screenWindowWidth")
_SCREEN_KEYS, _UNPACK_SCREEN = _SCREEN.keys, _SCREEN.unpack
_ASPECT_AT, _CENTER_AT, _WIDTH_AT = _SCREEN.values


def _all(buffer: bytes, start: int) -> tuple[Attribute, ...]:
    if not buffer.startswith(_ASPECT_KEY, start + _ASPECT_KEY_AT):  # mostly something stands between the two halves
        return _windows(buffer, start)
    k0, compression, k1, a, b, c, d, k2, e, f, g, h, k3, order, k4, aspect, k5, x, y, k6, width = _UNPACK_ALL(
        buffer, start
    )
    if (k0, k1, k2, k3, k4, k5, k6) != _ALL_KEYS:
        return _windows(buffer, start)
    new, made = tuple.__new__, Attribute  # named tuples made in C
    return (
        new(made, ("compression", "compression", compression, start + _AT_0, 1, "")),
        new(made, ("dataWindow", "box2i", new(Box2i, (a, b, c, d)), start + _AT_1, 16, "")),
        new(made, ("displayWindow", "box2i", new(Box2i, (e, f, g, h)), start + _AT_2, 16, "")),
        new(made, ("lineOrder", "lineOrder", order, start + _AT_3, 1, "")),
        new(made, ("pixelAspectRatio", "float", aspect, start + _AT_4, 4, "")),
        new(made, ("screenWindowCenter", "v2f", (x, y), start + _AT_5, 8, "")),
        new(made, ("screenWindowWidth", "float", width, start + _AT_6, 4, "")),
    )


def _windows(buffer: bytes, start: int) -> tuple[Attribute, ...]:
    k0, compression, k1, a, b, c, d, k2, e, f, g, h, k3, order = _UNPACK_WINDOWS(buffer, start)
    new, made = tuple.__new__, Attribute  # as above
    attributes = (
        new(made, ("compression", "compression", compression, start + _COMPRESSION_AT, 1, "")),
        new(made, ("dataWindow", "box2i", new(Box2i, (a, b, c, d)), start + _DATA_WINDOW_AT, 16, "")),
        new(made, ("displayWindow", "box2i", new(Box2i, (e, f, g, h)), start + _DISPLAY_WINDOW_AT, 16, "")),
        new(made, ("lineOrder", "lineOrder", order, start + _LINE_ORDER_AT, 1, "")),
    )
    keys = (k0, k1, k2, k3)
    return attributes if keys == _WINDOW_KEYS else attributes[: _matching(keys, _WINDOW_KEYS)]


def _screen(buffer: bytes, start: int) -> tuple[Attribute, ...]:
    k0, aspect, k1, x, y, k2, width = _UNPACK_SCREEN(buffer, start)
    new, made = tuple.__new__, Attribute  # as above
    attributes = (
        new(made, ("pixelAspectRatio", "float", aspect, start + _ASPECT_AT, 4, "")),
        new(made, ("screenWindowCenter", "v2f", (x, y), start + _CENTER_AT, 8, "")),
        new(made, ("screenWindowWidth", "float", width, start + _WIDTH_AT, 4, "")),
    )
    keys = (k0, k1, k2)
    return attributes if keys == _SCREEN_KEYS else attributes[: _matching(keys, _SCREEN_KEYS)]


def _matching(keys: tuple[bytes, ...], expected: tuple[bytes, ...]) -> int:
    """How many attributes of a run are there before something else begins."""
    return next(n for n in range(len(keys)) if keys[n] != expected[n])


class RequiredRun(NamedTuple):
    """How to read a run.

    Attributes:
        size: Bytes that must be at hand.
        length: Attributes it can have.
        read: Reads as many of them as stand side by side, at least the first, whose key must be at the given offset.
    """

    size: int
    length: int
    read: Callable[[bytes, int], tuple[Attribute, ...]]


# By the name of the first attribute.
REQUIRED_RUNS = {
    "compression": RequiredRun(_ALL.size, len(_ALL_KEYS), _all),
    "pixelAspectRatio": RequiredRun(_SCREEN.size, len(_SCREEN_KEYS), _screen),
}
