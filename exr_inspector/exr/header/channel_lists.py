"""Decodes and encodes channel lists (attribute type `chlist`). `conformance` checks their contents.

Layout (OpenEXR 3.5.3, `src/lib/OpenEXRCore/channel_list.c`): for each channel its name, a NUL, and 16 bytes (int32 pixel type,
uint8 pLinear, 3 reserved, int32 xSampling, int32 ySampling); one more NUL ends the list.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from exr_inspector.exr.header.text import decode_name, encode_name
from exr_inspector.exr.header.values import Channel, Malformed

_FIELDS = struct.Struct("<iB3sii")  # pixel type, pLinear, reserved, xSampling, ySampling
CHANNEL_FIELD_BYTES = _FIELDS.size
_NUL = b"\0"
# Matches a channel, or all remaining bytes if no channel starts there, so one pass is enough for any input.
_find_channels = re.compile(rb"([^\0]+)\0(.{16})|(.+)", re.DOTALL).findall


def encode_channels(value: tuple[Channel, ...]) -> bytes:
    """The bytes of a channel list: the inverse of `decode_channels`.

    Raises:
        struct.error: If a value is out of the range of its field.
    """
    return b"".join([encode_name(name) + _NUL + _FIELDS.pack(*fields) for name, *fields in value]) + _NUL


def decode_channels(raw: bytes) -> tuple[Channel, ...]:
    """The channels of a valid list, in file order.

    Raises:
        Malformed: If the bytes are not complete channels followed by one terminator.
    """
    channels, rest = _split(raw)
    if rest == _NUL:
        return channels
    if rest and not rest.startswith(_NUL):
        fault = "is cut off" if _NUL in rest else "has a name without an end"
        raise Malformed(f"channel {len(channels)} {fault}")
    fault = f"{len(rest) - 1} bytes after the" if rest else "no"
    raise Malformed(f"{fault} terminator of {len(channels)} channels")


def readable_channels(raw: bytes) -> tuple[Channel, ...] | None:
    """The channels of a malformed list that readers accept: one without a terminator, or with bytes after it.

    None if a channel is incomplete.
    """
    channels, rest = _split(raw)
    return None if rest and not rest.startswith(_NUL) else channels


def ends_in_a_name(raw: bytes) -> bool:
    """Whether the list ends inside the name of a channel."""
    _, rest = _split(raw)
    return bool(rest) and _NUL not in rest


def _split(raw: bytes) -> tuple[tuple[Channel, ...], bytes]:
    """The complete channels at the start of a list, and the bytes after them."""
    found = _find_channels(raw)
    rest: bytes = found.pop()[2] if found and found[-1][2] else b""
    # Most channels of a list have the same fields: each distinct field record is unpacked once.
    kinds = {fields: _FIELDS.unpack(fields) for _, fields, _ in found}
    return tuple([Channel(decode_name(name), *kinds[fields]) for name, fields, _ in found]), rest


def byte_order(names: Sequence[str]) -> Sequence[str | bytes]:
    r"""The sort keys of channel names: the names themselves, or their bytes if a name contains `\xNN`, an escaped byte."""
    return [encode_name(name) for name in names] if "\\x" in "\0".join(names) else names


def pixel_order(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The channels in the order of the pixel data: sorted by the bytes of their names, independent of the order in the list."""
    if any("\\x" in channel.name for channel in channels):
        return tuple(sorted(channels, key=lambda channel: (encode_name(channel.name), channel)))
    return tuple(sorted(channels))
