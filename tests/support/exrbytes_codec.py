"""Compress chunks with the codecs that need no library beside Python's own: RLE, ZIPS and ZIP.

Chunks of all other codecs are written uncompressed: the format says that a chunk of the unpacked size is not compressed.
"""

from __future__ import annotations

import zlib
from itertools import pairwise

from tests.support.exrbytes_attributes import RLE, ZIP, ZIPS


def predict(data: bytes) -> bytes:
    """Store even bytes first, then odd ones, then each byte as the difference to its predecessor plus 128."""
    split = data[0::2] + data[1::2]
    return split[:1] + bytes((now - before + 128) & 0xFF for before, now in pairwise(split))


def run_lengths(data: bytes) -> bytes:
    """Encode runs of 3 to 128 equal bytes as (length - 1, byte), others as literals of up to 127 after their negated count."""
    out, literal, start = bytearray(), bytearray(), 0

    def flush() -> None:
        for begin in range(0, len(literal), 127):
            piece = literal[begin : begin + 127]
            out.append(256 - len(piece))
            out.extend(piece)
        literal.clear()

    while start < len(data):
        end = start + 1
        while end < len(data) and end - start < 128 and data[end] == data[start]:
            end += 1
        if end - start >= 3:
            flush()
            out.extend((end - start - 1, data[start]))
        else:
            literal.extend(data[start:end])
        start = end
    flush()
    return bytes(out)


def compressed(data: bytes, compression: int) -> bytes:
    """Compress the data with one of the three codecs, even if the result is longer."""
    return run_lengths(predict(data)) if compression == RLE else zlib.compress(predict(data))


def pack(data: bytes, compression: int) -> bytes:
    """Compress the data if the codec is one of the three and this makes it shorter; otherwise return the data."""
    done = compressed(data, compression) if compression in {RLE, ZIPS, ZIP} else data
    return done if len(done) < len(data) else data
