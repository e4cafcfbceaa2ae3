"""Channel lists (attribute type `chlist`): bytes to channels and back. What the list should hold is for `conformance` to say.

Layout, as OpenEXR 3.5.3 has it (`src/lib/OpenEXRCore/channel_list.c`): per channel the name and a NUL, then 16 bytes (int32
pixel type, uint8 pLinear, 3 reserved, int32 xSampling, int32 ySampling); one more NUL ends the list.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from exr_inspector.exr.header.malformed import NAME_CUT, Malformed, decode_name, encode_name
from exr_inspector.exr.header.values import Channel

_CHANNEL = struct.Struct("<iB3sii")  # pixel type, pLinear, reserved, xSampling, ySampling
_NUL = b"\0"
# A channel, or all that is left where none begins: so one pass over the bytes is enough, whatever they are.
_find_channels = re.compile(rb"([^\0]+)\0(.{16})|(.+)", re.DOTALL).findall
_END = (b"", b"", b"\0")


def encode_channels(value: tuple[Channel, ...]) -> bytes:
    """The bytes of a channel list: the inverse of `decode_channels`.

    Raises:
        struct.error: If a field does not fit its place.
    """
    entries = [encode_name(name) + b"\0" + _CHANNEL.pack(*rest) for name, *rest in value]
    return b"".join(entries) + b"\0"


def _usual_lists() -> dict[bytes, tuple[Channel, ...]]:
    """The lists that most files have, whole: base layers of renders and plates, and OpenEXR's own luminance and chroma."""
    lists = [
        tuple([Channel(name, pixel_type, 0, bytes(3), 1, 1) for name in names])
        for names in ("BGR", "ABGR", "ABGRZ", "A", "G", "R", "Y", "AY", "Z")
        for pixel_type in (0, 1, 2)
    ]
    chroma = [Channel(name, 1, 1, bytes(3), 2, 2) for name in ("BY", "RY")]
    lists.append((*chroma, Channel("Y", 1, 0, bytes(3), 1, 1)))
    lists.append((*lists[4][:4], Channel("Z", 2, 0, bytes(3), 1, 1)))
    return {encode_channels(channels): channels for channels in lists}


_USUAL_LISTS = _usual_lists()
_PLAIN_IDS = frozenset(
    id(channels) for channels in _USUAL_LISTS.values() if all(channel.x_sampling == 1 for channel in channels)
)


def is_plain(channels: tuple[Channel, ...]) -> bool:
    """Whether a list that `decode_channels` gave is a usual one: sorted, and nothing can be wrong with it in any part.

    They are handed out as the same objects each time, so one look tells; other lists need theirs, however ordinary.
    """
    return id(channels) in _PLAIN_IDS


def decode_channels(raw: bytes) -> tuple[Channel, ...]:
    """The channels of a sound list, in file order.

    Raises:
        Malformed: If the bytes are anything but whole channels and one terminator.
    """
    whole = _USUAL_LISTS.get(raw)
    if whole is not None:
        return whole
    found = _find_channels(raw)
    if not found or found.pop() != _END:
        channels, position = _read_channels(raw)
        fault = f"{len(raw) - position - 1} bytes after the" if position < len(raw) else "no"
        raise Malformed(f"{fault} terminator of {len(channels)} channels")
    return _made(found, raw)


def _made(found: Sequence[tuple[bytes, bytes, bytes]], raw: bytes) -> tuple[Channel, ...]:
    """The channels of these names and fields. Lists hold few kinds of channels: their fields are read once a kind."""
    kinds = {fields: _CHANNEL.unpack(fields) for fields in {entry[1] for entry in found}}
    new = tuple.__new__  # makes a Channel in C
    decode = bytes.decode if raw.isascii() and b"\\" not in raw else decode_name
    return tuple([new(Channel, (decode(name), *kinds[fields])) for name, fields, _ in found])


def _read_channels(raw: bytes) -> tuple[tuple[Channel, ...], int]:
    """The channels up to a terminator or the value's end, and the position behind the last one (before a terminator).

    Raises:
        Malformed: If a channel is cut off.
    """
    found = _find_channels(raw)
    left = found.pop()[2] if found and found[-1][2] else b""
    if left and left[0]:
        raise Malformed(f"channel {len(found)} is cut off" if _NUL in left else f"{NAME_CUT} {len(found)}")
    return _made(found, raw), len(raw) - len(left)


def readable_channels(raw: bytes) -> tuple[Channel, ...] | None:
    """The channels of a malformed list that readers accept all the same: one without a terminator, or with bytes behind it.

    None where a channel is cut off.
    """
    try:
        return _read_channels(raw)[0]
    except Malformed:
        return None


def byte_order(names: list[str]) -> Sequence[str | bytes]:
    r"""What to sort channel names by: the names themselves, or their bytes where one holds a byte written as `\xNN`."""
    return [encode_name(name) for name in names] if "\\x" in "\0".join(names) else names


def pixel_order(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The channels in the order of the pixel data: by the bytes of their names, whatever the list's own order."""
    names = [channel[0] for channel in channels]
    keys = byte_order(names)
    if keys is names:
        return tuple(sorted(channels))
    return tuple([channel for _, channel in sorted(zip(keys, channels, strict=True))])
