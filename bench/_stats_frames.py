"""Make frames for `bench.stats`: smooth shapes, noise and empty regions, which compress as well as renders do."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.leaders import parse_leader
from exr_inspector.exr.chunks.tables import read_tables
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.header.values import Box2i, Compression
from exr_inspector.pixels.mini_file import scan_line_file

WIDTH, HEIGHT, TILE = 4096, 2160, 64
CODECS = {
    "none": "NO_COMPRESSION",
    "zips": "ZIPS_COMPRESSION",
    "zip": "ZIP_COMPRESSION",
    "piz": "PIZ_COMPRESSION",
    "dwab": "DWAB_COMPRESSION",
    "htj2k": "HTJ2K256_COMPRESSION",
    "zstd": "ZSTD_COMPRESSION",
}
LAYOUTS = ("scan", "tiled")
_LIGHTS = ("key", "fill", "rim", "sky", "emission", "bounce", "specular", "volume")


def _plane(number: int, width: int, height: int) -> npt.NDArray[np.float32]:
    """A shaded surface with grain, and zeros in the empty regions."""
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    grain = np.random.default_rng(number).standard_normal((height, width), np.float32) * 0.01
    surface = np.abs((0.5 + 0.4 * np.sin(x / 97 + number) * np.cos(y / 61)) * (0.3 + 0.05 * number) + grain)
    return np.where(np.sin(x / (200 + 13 * number) + y / 900 + number) > -0.3, surface, 0).astype(np.float32)


def channels(count: int, width: int, height: int) -> dict[str, npt.NDArray[Any]]:
    """The pixels of 8 HALF channels, or of 40 channels: 28 HALF, 10 FLOAT and 2 UINT."""
    halves = ["R", "G", "B", "A", *(f"{light}.{component}" for light in _LIGHTS for component in "RGB")]
    made: dict[str, npt.NDArray[Any]] = {
        name: _plane(number, width, height).astype(np.float16)
        for number, name in enumerate(halves[: 8 if count == 8 else 28])
    }
    if count == 8:
        return made
    floats = ["Z", "N.X", "N.Y", "N.Z", "P.X", "P.Y", "P.Z", "motion.X", "motion.Y", "crypto00.r"]
    made.update({name: _plane(number, width, height) * 20 - 5 for number, name in enumerate(floats, 28)})
    ids = (_plane(0, width, height) * 8).astype(np.uint32)
    return {**made, "objectid": ids, "materialid": ids // 2}


def frame(folder: Path, codec: str, count: int, *, tiled: bool) -> Path:
    """Write a frame unless it exists already; returns its path."""
    path = folder / f"{count}ch_{codec}_{LAYOUTS[tiled]}.exr"
    if not path.exists():
        print(f"making {path.name}", flush=True)
        header: dict[str, Any] = {
            "compression": getattr(OpenEXR, CODECS[codec]),
            "type": OpenEXR.tiledimage if tiled else OpenEXR.scanlineimage,
        }
        if tiled:
            header["tiles"] = OpenEXR.TileDescription()
            header["tiles"].xSize = header["tiles"].ySize = TILE
        unfinished = path.with_suffix(".part")
        OpenEXR.File(header, channels(count, WIDTH, HEIGHT), num_threads=2).write(str(unfinished))
        unfinished.rename(path)
    return path


def large_frame(folder: Path, width: int, height: int) -> Path:
    """Write a ZIP frame of 8 HALF channels, all of whose blocks are copies of one; returns its path."""
    path = folder / f"8ch_zip_{width}.exr"
    if not path.exists():
        print(f"making {path.name}", flush=True)
        block = io.BytesIO()
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, channels(8, width, 16)).write(block)
        data = block.getvalue()
        parsed = parse_header(data)
        layout = part_layout(parsed.parts[0])
        tables = read_tables(data, parsed, [layout], len(data))
        leader = parse_leader(data, int(tables[0].offsets[0]), layout, False)
        packed = data[leader.data_offset : leader.end]
        window = Box2i(0, 0, width - 1, height - 1)
        blocks = [(y, packed) for y in range(0, height, 16)]
        path.write_bytes(b"".join(scan_line_file(layout.channels, Compression.ZIP, window, blocks)))
    return path
