"""Pixels of the samples: small, smooth, and the same on every run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import mmh3
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WIDTH, HEIGHT = 64, 48


def plane(dtype: str = "f2", phase: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Array:
    """A slope with some structure, values in 0..1.5 that half holds exactly."""
    y, x = np.mgrid[0:height, 0:width]
    slope: Array = ((x * 5 + y * 3 + phase * 17) % 192) / 128
    return slope.astype(dtype)


def colour(
    dtype: str = "f2", phase: int = 0, width: int = WIDTH, height: int = HEIGHT, *, alpha: bool = False
) -> dict[str, Array]:
    """R, G and B, and an opaque A if asked for."""
    out = {name: plane(dtype, phase + i, width, height) for i, name in enumerate("RGB")}
    if alpha:
        out["A"] = np.ones((height, width), dtype)
    return out


def deep(counts: Array, channels: Mapping[str, str]) -> dict[str, Array]:
    """Object arrays of samples: Z rising within each pixel, every other channel between 0 and 1."""
    out = {}
    for i, (name, dtype) in enumerate(sorted(channels.items())):
        cells = np.empty(counts.shape, dtype=object)
        for (y, x), count in np.ndenumerate(counts):
            steps = np.arange(count)
            cells[y, x] = (1 + x + y + steps if name == "Z" else (steps + i) % 4 / 4).astype(dtype)
        out[name] = cells
    return out


def crypto_id(name: str) -> int:
    """The Cryptomatte id of a name: its hash, kept clear of the bit patterns that are no ordinary float."""
    value = mmh3.hash(name.encode(), 0, signed=False)
    return value ^ 1 << 23 if value >> 23 & 0xFF in {0, 255} else value


def crypto_manifest(names: Sequence[str]) -> str:
    """The manifest as Cryptomatte writes it: compact JSON, name to eight hexadecimal digits."""
    table = {name: f"{crypto_id(name):08x}" for name in names}
    return json.dumps(table, separators=(",", ":"), ensure_ascii=False)


def crypto_metadata(layer: str, names: Sequence[str]) -> dict[str, str]:
    """The header entries of one Cryptomatte."""
    start = f"cryptomatte/{crypto_id(layer):08x}"[:-1]
    return {
        f"{start}/name": layer,
        f"{start}/hash": "MurmurHash3_32",
        f"{start}/conversion": "uint32_to_float32",
        f"{start}/manifest": crypto_manifest(names),
    }


def crypto_channels(layer: str, names: Sequence[str], ranks: int = 6) -> dict[str, Array]:
    """Id and coverage per rank, two ranks a layer: bands of one object, blended with the next one at their seams."""
    ids = np.array([crypto_id(name) for name in names], "<u4").view("f4")
    band = WIDTH // len(names)
    x = np.arange(WIDTH)
    first = np.minimum(x // band, len(names) - 1)
    seam = (x % band == band - 1) & (first < len(names) - 1)
    rows: list[Array] = [np.zeros(WIDTH, "f4") for _ in range(2 * ranks)]
    rows[0], rows[1] = ids[first], np.where(seam, 0.75, 1).astype("f4")
    rows[2] = np.where(seam, ids[np.minimum(first + 1, len(names) - 1)], 0).astype("f4")
    rows[3] = np.where(seam, 0.25, 0).astype("f4")
    images = [np.ascontiguousarray(np.broadcast_to(row, (HEIGHT, WIDTH))) for row in rows]
    return {f"{layer}{i // 4:02d}.{'rgba'[i % 4]}": image for i, image in enumerate(images)}
