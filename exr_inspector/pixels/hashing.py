"""Hashes decoded pixels independently of their storage: equal samples in different files have equal hashes.

The hash of one part's level is the 128-bit xxh3 of

1. a line of text: `flat` or `deep`, the level's width and height, the data window's minimum corner, and for each channel,
   sorted by name, its name, pixel type and sampling, as JSON;
2. for each channel in that order, 16 bytes for each row from top to bottom: the xxh3 of the row's samples from left to right,
   in the channel's pixel type, little-endian. A deep part has an additional first channel: the number of samples of each pixel
   as 32-bit integers; the rows of the other channels then contain all samples of all pixels.

The hash therefore does not depend on compression, tile size, chunk order, part order and attributes. It depends on bit
patterns: minus zero is not zero. The value starts with the algorithm, `xxh3_128:<hex>`. A lossless conversion keeps the hash, a
lossy one does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from exr_inspector.exr.chunks.layout import Layout, Level, samples
from exr_inspector.exr.header.values import PixelType, code_name
from exr_inspector.pixels.decoded import Array, DecodedBlock

ALGORITHM = "xxh3_128"
_DIGEST_BYTES = 16

Rows = Array | list[bytes]  # rows of one plane: a two-dimensional array, or a list of bytes if rows differ in length


def labelled(digest: str) -> str:
    """The digest, prefixed with the name of the algorithm."""
    return f"{ALGORITHM}:{digest}"


class HashedRows(NamedTuple):
    """Digests of complete rows: of chunks as wide as the level, or of all tiles of a row.

    Attributes:
        tile_ys: Indices of the rows of chunks, ascending.
        planes: Digests of their sample rows, each of shape (rows, 16): first for the counts of a deep part, then for each
            channel.
    """

    tile_ys: tuple[int, ...]
    planes: tuple[npt.NDArray[np.uint8], ...]


class LooseTile(NamedTuple):
    """A tile whose row is not complete in its strip, with the bytes of its sample rows for each plane."""

    tile_x: int
    tile_y: int
    planes: list[list[bytes]]


class StripRows(NamedTuple):
    """The contribution of one strip to its level's hash."""

    hashed: list[HashedRows]
    tiles: list[LooseTile]


class StripHasher:
    """Hashes the rows of one strip of a level, in the process that decodes it."""

    def __init__(self, level: Level) -> None:
        self._tiles_x = level.tiles_x
        self._hashed: list[HashedRows] = []
        self._tiles: dict[int, dict[int, list[Rows]]] = {}

    def add(self, block: DecodedBlock) -> None:
        """Add decoded chunks; their arrays must not change before `result` is called."""
        if self._tiles_x == 1 and block.counts is None:
            tile_ys = tuple(place.tile_y for place in block.places)
            self._hashed.append(HashedRows(tile_ys, tuple(map(_digests, block.arrays))))
            return
        planes = [list(block.count_pieces())] if block.counts is not None else []
        planes += [list(block.pieces(channel)) for channel in range(len(block.arrays))]
        for number, place in enumerate(block.places):
            counts = planes[0][number] if block.counts is not None else None
            rows = [_rows(plane[number], counts) for plane in planes]
            self._tiles.setdefault(place.tile_y, {})[place.tile_x] = rows

    def result(self) -> StripRows:
        """The digests of complete rows, and the tiles of incomplete rows."""
        hashed = self._hashed
        loose: list[LooseTile] = []
        for tile_y, tiles in sorted(self._tiles.items()):
            if len(tiles) == self._tiles_x:
                hashed.append(_hashed(tile_y, tiles))
            else:
                loose += [LooseTile(x, tile_y, [_as_bytes(rows) for rows in planes]) for x, planes in tiles.items()]
        return StripRows(hashed, loose)


class PixelHasher:
    """Computes the hash of one level of a part from its strips in any order.

    A row of tiles that is divided between strips is hashed when its last tile has been added. There is no hash if waiting tiles
    would need more than `max_bytes` (tiles stored in random order), or if the digests of all rows would.

    Attributes:
        is_given_up: Whether the hash cannot be computed within `max_bytes`.
    """

    def __init__(self, layout: Layout, level: Level, max_bytes: int) -> None:
        self._layout = layout
        self._level = level
        self._max_bytes = max_bytes
        self._waiting: dict[int, dict[int, list[Rows]]] = {}
        self._waiting_bytes = 0
        self._missing = level.chunk_count
        rows = [self._row_index(sampling, level.height) for sampling in self._samplings()]
        self.is_given_up = sum(rows) * _DIGEST_BYTES > max_bytes
        self._digests: list[npt.NDArray[np.uint8]] = (
            [] if self.is_given_up else [np.zeros((count, _DIGEST_BYTES), np.uint8) for count in rows]
        )

    def _samplings(self) -> list[int]:
        """The vertical sampling of each plane: first of the counts of a deep part, then of each channel."""
        return [1] * self._layout.is_deep + [channel.y_sampling for channel in self._layout.channels]

    def _row_index(self, sampling: int, row: int) -> int:
        """The number of sample rows above pixel row number `row` of the level."""
        top = self._layout.data_window.y_min
        return samples(sampling, top, top + row - 1)

    def add(self, rows: StripRows) -> None:
        """Add the rows of a strip of this level."""
        for hashed in rows.hashed:
            self._store_digests(hashed)
        for tile in rows.tiles:
            self._wait(tile)

    def _wait(self, tile: LooseTile) -> None:
        """Keep a tile until all tiles of its row have been added."""
        if self.is_given_up:
            return
        tiles = self._waiting.setdefault(tile.tile_y, {})
        tiles[tile.tile_x] = list(tile.planes)
        self._waiting_bytes += _bytes_in(tile.planes)
        if len(tiles) == self._level.tiles_x:
            del self._waiting[tile.tile_y]
            self._waiting_bytes -= sum(map(_bytes_in, tiles.values()))
            self._store_digests(_hashed(tile.tile_y, tiles))
        elif self._waiting_bytes > self._max_bytes:
            self.is_given_up = True
            self._waiting.clear()

    def _store_digests(self, hashed: HashedRows) -> None:
        """Store the digests of complete rows at their positions."""
        if self.is_given_up:
            return
        tile_ys, height = hashed.tile_ys, self._layout.tile_height
        self._missing -= len(tile_ys) * self._level.tiles_x
        is_run = tile_ys[-1] - tile_ys[0] + 1 == len(tile_ys)
        spans = [(tile_ys[0], tile_ys[-1])] if is_run else [(y, y) for y in tile_ys]
        bounds = [(first * height, min((last + 1) * height, self._level.height)) for first, last in spans]
        for digests, sampling, found in zip(self._digests, self._samplings(), hashed.planes, strict=True):
            taken = 0
            for top, bottom in bounds:
                start, end = self._row_index(sampling, top), self._row_index(sampling, bottom)
                digests[start:end] = found[taken : taken + end - start]
                taken += end - start

    def result(self) -> str | None:
        """The hash, prefixed with the algorithm; None unless every chunk has been added."""
        if self.is_given_up or self._missing:
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


def _rows(piece: Array, counts: npt.NDArray[np.int32] | None) -> Rows:
    """The rows of a chunk; those of a deep channel are split according to the samples per pixel."""
    if counts is None or piece is counts:
        return piece
    ends = np.cumsum(counts.sum(axis=1, dtype=np.int64)).tolist()
    return [piece[start:end].tobytes() for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _digests(rows: Rows) -> npt.NDArray[np.uint8]:
    """The digest of each row, shape (rows, 16)."""
    return np.frombuffer(b"".join(map(xxhash.xxh3_128_digest, rows)), np.uint8).reshape(-1, _DIGEST_BYTES)


def _hashed(tile_y: int, tiles: dict[int, list[Rows]]) -> HashedRows:
    """The digests of a complete row of tiles."""
    ordered = [tiles[tile_x] for tile_x in sorted(tiles)]
    return HashedRows((tile_y,), tuple(_digests(_joined(plane)) for plane in zip(*ordered, strict=True)))


def _joined(pieces: Sequence[Rows]) -> Rows:
    """The concatenated sample rows of adjacent tiles."""
    arrays = [piece for piece in pieces if isinstance(piece, np.ndarray)]
    if len(arrays) == len(pieces):
        return np.concatenate(arrays, axis=1)
    return [b"".join(row) for row in zip(*pieces, strict=True)]


def _as_bytes(rows: Rows) -> list[bytes]:
    return [row.tobytes() for row in rows] if isinstance(rows, np.ndarray) else rows


def _bytes_in(planes: Iterable[Rows]) -> int:
    return sum(len(row) for rows in planes for row in rows)
