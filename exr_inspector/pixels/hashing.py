"""Hashes of decoded pixels that do not depend on the container: equal for equal samples in any file.

The hash of one part's level is the 128-bit xxh3 of

1. a line of text: `flat` or `deep`, the level's width and height, the data window's minimum corner, and for each channel,
   sorted by name, its name, pixel type and sampling, as JSON;
2. for each channel in that order, 16 bytes a row from top to bottom: the xxh3 of the row's samples from left to right, in the
   channel's pixel type, little-endian. A deep part has one more channel before the others: the samples of each pixel as
   32-bit integers; the rows of the others then hold all samples of all pixels.

So compression, tile size, chunk order, part order and attributes play no part; bit patterns do: minus zero is not zero. The
algorithm stands in the value, `xxh3_128:<hex>`. A lossless change of container keeps it, a lossy one does not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from exr_inspector.exr.chunks.layout import ChunkPlace, Layout, Level, samples
from exr_inspector.exr.header.values import PixelType, code_name
from exr_inspector.pixels.decoded import Array, DecodedBlock

ALGORITHM = "xxh3_128"
_DIGEST_BYTES = 16


def labelled(digest: str) -> str:
    """A digest with its algorithm's name before it."""
    return f"{ALGORITHM}:{digest}"


class PixelHasher:
    """Hash of one part's level; takes decoded chunks in any order, from several threads at a time.

    Rows of tiles are put together when the last tile of them is there. When more than `max_bytes` would wait for the rest
    (a file whose tiles lie in no order, or too large a table of rows), there is no hash.
    """

    def __init__(self, layout: Layout, level: Level, max_bytes: int) -> None:
        self._layout = layout
        self._level = level
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._waiting: dict[int, dict[int, list[list[bytes]]]] = {}
        self._waiting_bytes = 0
        self._missing = level.chunk_count
        rows = [self._row_index(sampling, level.height) for sampling in self._samplings()]
        self._given_up = sum(rows) * _DIGEST_BYTES > max_bytes
        self._digests: list[npt.NDArray[np.uint8]] = (
            [] if self._given_up else [np.zeros((count, _DIGEST_BYTES), np.uint8) for count in rows]
        )

    def _samplings(self) -> list[int]:
        """Rows of pixels for one row of samples: of the counts first in a deep part, then of each channel."""
        return [1] * self._layout.is_deep + [channel.y_sampling for channel in self._layout.channels]

    def _row_index(self, sampling: int, row: int) -> int:
        """How many rows of samples stand above pixel row number `row` of the level."""
        top = self._layout.data_window.y_min
        return samples(sampling, top, top + row - 1)

    def add(self, block: DecodedBlock) -> None:
        """Take in decoded chunks of this level."""
        if self._given_up:
            return
        planes = [list(block.count_pieces())] if block.counts is not None else []
        planes += [list(block.pieces(channel)) for channel in range(len(self._layout.channels))]
        for number, place in enumerate(block.places):
            counts = planes[0][number] if block.counts is not None else None
            self._add_chunk(place, [_rows(plane[number], counts) for plane in planes])

    def _add_chunk(self, place: ChunkPlace, rows: list[list[bytes]]) -> None:
        """Take in one chunk, given as bytes of its rows, channel by channel."""
        with self._lock:
            self._missing -= 1
            if self._level.tiles_x == 1:
                self._digest(place, rows)
                return
            tiles = self._waiting.setdefault(place.tile_y, {})
            tiles[place.tile_x] = rows
            size = sum(len(row) for plane in rows for row in plane)
            self._waiting_bytes += size
            if len(tiles) == self._level.tiles_x:
                del self._waiting[place.tile_y]
                ordered = [tiles[tile_x] for tile_x in range(self._level.tiles_x)]
                planes = [[b"".join(row) for row in zip(*plane, strict=True)] for plane in zip(*ordered, strict=True)]
                self._waiting_bytes -= sum(len(row) for plane in planes for row in plane)
                self._digest(place, planes)
            elif self._waiting_bytes > self._max_bytes:
                self._given_up = True
                self._waiting.clear()

    def _digest(self, place: ChunkPlace, planes: Sequence[Sequence[bytes]]) -> None:
        """Hash whole rows."""
        above = place.tile_y * self._layout.tile_height
        for digests, sampling, rows in zip(self._digests, self._samplings(), planes, strict=True):
            first = self._row_index(sampling, above)
            for row, data in enumerate(rows, first):
                digests[row] = np.frombuffer(xxhash.xxh3_128_digest(data), np.uint8)

    def result(self) -> str | None:
        """The hash with its algorithm's name; None unless every chunk was taken in."""
        if self._given_up or self._missing:
            return None
        layout, level = self._layout, self._level
        channels = [
            [channel.name, code_name(PixelType, channel.pixel_type), channel.x_sampling, channel.y_sampling]
            for channel in layout.channels
        ]
        corner = [layout.data_window.x_min, layout.data_window.y_min]
        first = json.dumps(["deep" if layout.is_deep else "flat", level.width, level.height, corner, channels])
        whole = xxhash.xxh3_128(first.encode() + b"\n")
        for digests in self._digests:
            whole.update(digests.tobytes())
        return labelled(whole.hexdigest())


def _rows(piece: Array, counts: npt.NDArray[np.int32] | None) -> list[bytes]:
    """The bytes of each row; of a deep channel's flat samples, cut by the samples per pixel."""
    if counts is None or piece is counts or piece.ndim == 2:
        return [row.tobytes() for row in piece]
    ends = np.cumsum(counts.sum(axis=1, dtype=np.int64)).tolist()
    return [piece[start:end].tobytes() for start, end in zip([0, *ends[:-1]], ends, strict=True)]
