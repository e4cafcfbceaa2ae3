"""Limits on what one file may request: every number that a file declares is checked before anything is allocated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exr_inspector.errors import LimitExceeded

# Called regularly by work that grows with the file; an exception that it raises (no time left) ends the work.
Checkpoint = Callable[[], None]
# Called with a number of bytes before they are allocated; an exception that it raises (no memory) ends the work.
Reserve = Callable[[int], None]
# Called with the limit beyond which a value was left unread, although the file was read.
OnLimit = Callable[[LimitExceeded], None]
PER_CHECKPOINT = 4_096  # attributes or channels between two calls


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for reading one file; `LimitExceeded.limit` names the one that was exceeded.

    Attributes:
        header_bytes: End of the last header, counted from the start of the file.
        attributes: Attributes of all parts together.
        parts: Parts of one file.
        channels: Channels of one part; OpenEXR itself counts them in 15 bits.
        name_bytes: Length of an attribute's name or type name; the format's own limit is 255, as for channels.
        chunks: Entries of one part's chunk offset table; OpenEXRCore refuses more than 2**20.
        table_bytes: All chunk offset tables of one file together.
        string_bytes: Value of one attribute.
        inflated_bytes: Decompressed size of an attribute (idmanifest).
        manifest_entries: Strings of one id manifest, and texts of all its entries, together.
        image_px: Width or height of a data window whose chunks are to be located.
        tile_px: Width or height of one tile.
    """

    header_bytes: int = 64 << 20
    attributes: int = 200_000
    parts: int = 4_096
    channels: int = 32_767
    name_bytes: int = 255
    chunks: int = 1 << 20
    table_bytes: int = 64 << 20
    string_bytes: int = 64 << 20
    inflated_bytes: int = 64 << 20
    manifest_entries: int = 1_000_000
    image_px: int = 1 << 24
    tile_px: int = 1 << 24


DEFAULT_LIMITS = Limits()


def no_checkpoint() -> None:
    """The checkpoint of a caller without a time limit."""


def no_reserve(size: int) -> None:
    """The `Reserve` of a caller without a budget of memory."""


def ignore_limit(error: LimitExceeded) -> None:
    """The `OnLimit` of a caller that does not read the file again with another limit."""
