"""Whole and ordinary files: storage, pixel types, compressions, windows, layers, views, deep data, Cryptomatte."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import OpenEXR
from sample import COMPRESSIONS, Expected, Image, Sample, sample
from sample_bytes import mipmapped_file, subsampled_file
from sample_pixels import HEIGHT, WIDTH, Array, colour, crypto_channels, crypto_metadata, deep, plane

OBJECTS = ("hero_body", "hero_eyes", "floor", "Käse")


def storage() -> Iterator[Sample]:
    """Scan lines and tiles, pixel types, compressions."""
    yield sample("scanline_zip.exr", "an ordinary RGB half image, scan lines, ZIP", Image(colour()))
    yield sample("tiled.exr", "32x32 tiles, one level", Image(colour(), kind="tiledimage"))
    yield _mipmapped()
    yield sample("type_half.exr", "16-bit float pixels", Image({"Y": plane("f2")}))
    yield sample("type_float.exr", "32-bit float pixels", Image({"Y": plane("f4")}))
    yield sample("type_uint.exr", "32-bit unsigned integer pixels", Image({"id": (plane("f4") * 128).astype("u4")}))
    for name in COMPRESSIONS:
        trait = f"compression {name}"
        yield sample(f"compression_{name.lower()}.exr", trait, Image(colour(alpha=True), name))
    decreasing = Image(colour(), header={"lineOrder": OpenEXR.DECREASING_Y})
    yield sample("line_order_decreasing.exr", "chunks written from the bottom up", decreasing)


def _mipmapped() -> Sample:
    pixels = colour(width=64, height=64)
    expected = Expected(
        parts=1,
        channels=[dict.fromkeys("BGR", "HALF")],
        width=64,
        height=64,
        compression="NONE",
        is_deep=False,
        is_tiled=True,
        is_complete=True,
    )
    return Sample("tiled_mipmap.exr", "32x32 tiles, all seven mip levels", mipmapped_file(pixels, 32), expected)


def unwritten_levels() -> Sample:
    """A file that announces mip levels and holds the first one only: all that the OpenEXR module writes."""
    description = OpenEXR.TileDescription()
    description.mode = OpenEXR.MIPMAP_LEVELS
    image = Image(colour(width=64, height=64), kind="tiledimage", header={"tiles": description})
    whole = sample("tiled_mipmap_unwritten.exr", "", image)
    return whole.damaged(whole.key, "mip levels announced, but only the full resolution is there", whole.data)


def geometry() -> Iterator[Sample]:
    """Windows and sampling."""
    overscan = Image(colour(), window=(-8, -6, 55, 41), display=(0, 0, 47, 35))
    yield sample("overscan.exr", "data window larger than the display window, from (-8, -6)", overscan)
    cropped = Image(colour(), window=(100, 50, 163, 97), display=(0, 0, 1919, 1079))
    yield sample("cropped.exr", "data window well inside a 1920x1080 display window", cropped)
    anamorphic = Image(colour(), header={"pixelAspectRatio": 2.0})
    yield sample("anamorphic.exr", "pixels twice as wide as high", anamorphic)
    chroma = {"Y": (plane(), 1), "RY": (plane()[::2, ::2], 2), "BY": (plane("f2", 1)[::2, ::2], 2)}
    expected = Expected(
        parts=1,
        channels=[dict.fromkeys(sorted(chroma), "HALF")],
        width=WIDTH,
        height=HEIGHT,
        compression="NONE",
        is_deep=False,
        is_tiled=False,
        is_complete=True,
    )
    trait = "luminance and chroma; RY and BY at every second pixel of every second line"
    yield Sample("luminance_chroma.exr", trait, subsampled_file(chroma, WIDTH, HEIGHT), expected)


def parts_and_layers() -> Iterator[Sample]:
    """Views, parts and layers."""
    left = Image(colour(alpha=True), name="left", header={"view": "left"})
    right = Image(colour(phase=2, alpha=True), name="right", header={"view": "right"})
    yield sample("stereo_parts.exr", "two parts, one for each view", left, right)
    both = {**colour(), **{f"right.{name}": pixels for name, pixels in colour(phase=2).items()}}
    views = Image(both, header={"multiView": ["left", "right"]})
    yield sample("stereo_channels.exr", "one part, views in the channel names (multiView)", views)
    yield sample("layers.exr", "AOVs as layers: diffuse, specular, N, Z, id", Image(_layers(), "ZIPS"))
    data = {"Z": plane("f4") + np.float32(1), "id": (plane("f4") * 8).astype("u4")}
    mixed = [
        Image(colour(alpha=True), "DWAA", name="beauty"),
        Image(data, "ZIPS", name="data"),
        Image(colour(phase=3), "ZIP", kind="tiledimage", name="texture"),
    ]
    yield sample("parts_mixed.exr", "three parts: lossy beauty, lossless data, a tiled texture", *mixed)


def _layers() -> dict[str, Array]:
    out = colour(alpha=True)
    for phase, layer in enumerate(("diffuse", "specular")):
        out.update({f"{layer}.{name}": pixels for name, pixels in colour(phase=phase).items()})
    out.update({f"N.{axis}": plane("f4") * 0 + np.float32(axis == "Z") for axis in "XYZ"})
    out["Z"] = plane("f4") + np.float32(1)
    out["id"] = (plane("f4") * 8).astype("u4")
    return out


def deep_data() -> Iterator[Sample]:
    """Several samples in a pixel, or none."""
    counts = np.add.outer(np.arange(24), np.arange(32)) % 4
    samples = deep(counts, dict.fromkeys("ABGR", "f2") | {"Z": "f4"})
    yield sample(
        "deep_scanline.exr", "deep scan lines, 0 to 3 samples in a pixel", Image(samples, "ZIPS", "deepscanline")
    )
    tiles = Image(samples, "ZIPS", "deeptile", tile=16)
    yield sample("deep_tiled.exr", "deep tiles of 16x16", tiles)


def cryptomatte() -> Iterator[Sample]:
    """Object ids with coverage, and manifests that make headers long."""
    layer = "CryptoObject"
    pixels = {**colour(alpha=True), **crypto_channels(layer, OBJECTS)}
    yield sample("cryptomatte.exr", "a Cryptomatte of four objects, six ranks", _crypto(layer, pixels, OBJECTS))
    for key, count, size in (("64k", 1700, "64 KB"), ("126k", 3300, "126 KB")):
        names = (*OBJECTS, *(f"/set/forest/tree_{i:05d}/leaves" for i in range(count)))
        trait = f"a Cryptomatte whose manifest alone is over {size}"
        yield sample(f"cryptomatte_manifest_{key}.exr", trait, _crypto(layer, pixels, names))


def _crypto(layer: str, pixels: dict[str, Array], names: tuple[str, ...]) -> Image:
    return Image(pixels, "ZIPS", header=crypto_metadata(layer, names))


def pixel_content() -> Iterator[Sample]:
    """What only the pixels tell."""
    broken = colour("f4")
    broken["R"][3, 5:9] = np.nan
    broken["G"][10, 10] = np.inf
    broken["B"][11, 11] = -np.inf
    yield sample("nan_inf.exr", "four NaN in R, +Inf in G, -Inf in B", Image(broken))
    black = {name: np.zeros((HEIGHT, WIDTH), "f2") for name in "RGBA"}
    yield sample("black.exr", "an all-black frame", Image(black))
    bright = colour()
    bright["R"][20, 20] = 65504
    bright["G"][21, 21] = -0.5
    yield sample("out_of_range.exr", "one pixel at half's maximum, one negative", Image(bright))
