"""Limits on the resources that one file may use. Sizes and counts from the file are checked before memory is allocated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exr_inspector.errors import LimitExceeded

# Called regularly by work that grows with the file. An exception that it raises (such as a timeout) ends the work.
Checkpoint = Callable[[], None]
# Called with a number of bytes before they are allocated. An exception that it raises (out of memory) ends the work.
Reserve = Callable[[int], None]
# Called if one value exceeds a limit and is skipped while the rest of the file is read.
OnLimit = Callable[[LimitExceeded], None]
PER_CHECKPOINT = 4_096  # attributes or channels between two calls of a checkpoint


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds for reading one file. `LimitExceeded.limit` is the name of the exceeded bound.

    Attributes:
        header_bytes: File offset of the end of the last header.
        attributes: Number of attributes of all parts together.
        parts: Number of parts.
        channels: Number of channels of one part; OpenEXR itself allows 32,767.
        name_bytes: Length of an attribute's name or type name in bytes; the format allows 255, as for channel names.
        chunks: Entries of one part's chunk offset table; OpenEXRCore refuses more than 2**20.
        table_bytes: Size of all chunk offset tables of one file together.
        string_bytes: Size of the value of one attribute.
        inflated_bytes: Decompressed size of an attribute (idmanifest).
        manifest_entries: Number of strings of one id manifest plus texts of all its entries.
        image_px: Width or height of a data window, in pixels; chunks of larger ones are not located.
        tile_px: Width or height of one tile, in pixels.
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

    def exceeded(self, limit: str, message: str, found: str, *, offset: int | None = None) -> LimitExceeded:
        """The error for a file that exceeds the limit of this name."""
        expected = f"at most {getattr(self, limit)}"
        return LimitExceeded(message, limit=limit, offset=offset, found=found, expected=expected)


DEFAULT_LIMITS = Limits()


def no_checkpoint() -> None:
    """Do nothing: the `Checkpoint` of a caller without a time limit."""


def no_reserve(size: int) -> None:
    """Do nothing: the `Reserve` of a caller without a memory budget."""


def ignore_limit(error: LimitExceeded) -> None:
    """Do nothing: the `OnLimit` of a caller that does not retry with a higher limit."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of the work on one file, and the functions that the work calls."""

    limits: Limits = DEFAULT_LIMITS
    checkpoint: Checkpoint = no_checkpoint
    reserve: Reserve = no_reserve
    on_limit: OnLimit = ignore_limit


NO_BOUNDS = Bounds()
