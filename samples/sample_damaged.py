"""Files that are damaged, unfinished, or no EXR at all; each is one small change to a whole file."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from sample import Expected, Image, Sample, failing, sample
from sample_bytes import header_end, table_of, with_attribute_size, with_zero_table
from sample_images import unwritten_levels
from sample_pixels import colour


def damaged() -> Iterator[Sample]:
    """Readable headers first, then those that are not."""
    whole = sample("whole.exr", "", Image(colour()))
    yield whole.damaged(
        "unfinished.exr", "offset table of zeros, as a stopped render leaves it", with_zero_table(whole.data)
    )
    offsets = table_of(whole.data)
    yield whole.damaged("truncated.exr", "cut off inside the second of three chunks", whole.data[: offsets[1] + 100])
    trait = "cut off inside the last chunk, which only the size in that chunk's leader shows"
    yield whole.damaged("truncated_last_chunk.exr", trait, whole.data[: offsets[-1] + 100])
    end = header_end(whole.data)
    yield whole.damaged("header_only.exr", "nothing behind the header", whole.data[:end])
    yield unwritten_levels()
    yield _unknown_compression(whole)
    yield from _unreadable(whole.data, end)


def _unknown_compression(whole: Sample) -> Sample:
    field = b"compression\0compression\0\1\0\0\0"
    data = whole.data.replace(field + b"\3", field + b"\x63")
    expected = Expected(
        status="failed",
        error_code="EXR_LAYOUT",
        parts=1,
        channels=whole.expected.channels,
        width=whole.expected.width,
        height=whole.expected.height,
        compression="unknown(99)",
        is_deep=False,
        is_tiled=False,
    )
    return Sample("unknown_compression.exr", "compression code 99, which no library knows", data, expected)


def _unreadable(whole: bytes, end: int) -> Iterator[Sample]:
    yield failing("empty.exr", "no bytes at all", b"", "EXR_EMPTY")
    yield failing("not_an_exr.exr", "a text file with the wrong name", b"This is a text file.\n" * 8, "EXR_MAGIC")
    future = whole[:4] + struct.pack("<I", 3) + whole[8:]
    yield failing("future_version.exr", "version 3 of the format, which does not exist", future, "EXR_VERSION")
    yield failing("header_truncated.exr", "cut off inside the header", whole[: end // 2], "EXR_HEADER_TRUNCATED")
    negative = with_attribute_size(whole, "displayWindow", -5)
    yield failing("header_damaged.exr", "an attribute of negative size", negative, "EXR_HEADER_DAMAGED")
