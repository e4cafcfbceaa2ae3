"""The files in `samples/` are those that the script writes, are small, and are opened or refused by OpenEXR as intended."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import mmh3
import numpy as np
import OpenEXR
import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
REFUSED = {key for key, said in EXPECTED.items() if said["status"] == "failed"}
NUMPY_TYPES = {"UINT": np.uint32, "HALF": np.float16, "FLOAT": np.float32}


def opened(key: str, *, header_only: bool = False) -> Any:
    return OpenEXR.File(str(SAMPLES / key), separate_channels=True, header_only=header_only, num_threads=0)


def test_the_folder_is_small_and_described() -> None:
    files = {path.relative_to(SAMPLES).as_posix() for path in SAMPLES.rglob("*.exr")}
    assert files == set(EXPECTED)
    assert sum((SAMPLES / key).stat().st_size for key in files) < 2_000_000
    page = (SAMPLES / "README.md").read_text("utf-8")
    assert all(f"| `{key}` |" in page for key in files)


@pytest.mark.parametrize("key", sorted(set(EXPECTED) - REFUSED))
def test_readable_headers_say_what_is_expected(key: str) -> None:
    said, file = EXPECTED[key], opened(key, header_only=True)
    header = file.header()
    lower, upper = header["dataWindow"]
    assert len(file.parts) == said["parts"]
    assert (upper - lower + 1).tolist() == [said["width"], said["height"]]
    assert header["compression"].name.removesuffix("_COMPRESSION").replace("NO", "NONE") == said["compression"]
    kinds = [part.header["type"].name for part in file.parts if "type" in part.header]
    assert any("deep" in kind for kind in kinds) is said["is_deep"]
    assert any("tile" in kind for kind in kinds) is said["is_tiled"]
    for part, channels in zip(file.parts, said["channels"], strict=True):
        assert [channel.name for channel in part.header["channels"]] == list(channels)


@pytest.mark.parametrize("key", sorted(key for key, said in EXPECTED.items() if said["is_complete"]))
def test_complete_files_read_to_the_end(key: str) -> None:
    for part, channels in zip(opened(key).parts, EXPECTED[key]["channels"], strict=True):
        assert sorted(part.channels, key=str.encode) == list(channels)
        for name, pixel_type in channels.items():
            pixels = part.channels[name].pixels
            if pixels.dtype == object:
                pixels = next(cell for cell in pixels.flat if cell is not None and len(cell))
            assert pixels.dtype == NUMPY_TYPES[pixel_type]


# The library assumes a 64x64 display window, or ZIP, and continues; the result is then chance.
REPAIRED = {"header_damaged.exr", "unknown_compression.exr"}


@pytest.mark.parametrize("key", sorted(REFUSED - REPAIRED))
def test_unreadable_files_are_refused(key: str) -> None:
    with pytest.raises((RuntimeError, ValueError)):
        opened(key)


def test_what_openexr_makes_up_for_damaged_headers() -> None:
    _, upper = opened("header_damaged.exr", header_only=True).header()["displayWindow"]
    assert upper.tolist() == [63, 63]
    assert opened("unknown_compression.exr", header_only=True).header()["compression"] == OpenEXR.ZIP_COMPRESSION


@pytest.mark.parametrize("key", ["truncated.exr", "truncated_last_chunk.exr", "header_only.exr"])
def test_cut_files_have_a_header_and_no_pixels(key: str) -> None:
    assert opened(key, header_only=True).header()["channels"]
    assert len(opened(key).parts) == 0


def test_the_chunks_of_an_unfinished_file_are_all_there() -> None:
    whole, unfinished = opened("scanline_zip.exr"), opened("unfinished.exr")
    for name, channel in whole.channels().items():
        assert np.array_equal(channel.pixels, unfinished.channels()[name].pixels)


def mip_offsets(key: str) -> list[int]:
    """The number of table entries of a 64x64 image in 32x32 tiles: four, and one for each of six further levels."""
    data = (SAMPLES / key).read_bytes()
    last = data.rindex(b"\0tiledesc\0") if key == "tiled_mipmap.exr" else data.rindex(b"tiledimage")
    start = last + (len(b"\0tiledesc\0") + 4 + 9 + 1 if key == "tiled_mipmap.exr" else len(b"tiledimage") + 1)
    return np.frombuffer(data, "<u8", 10, start).tolist()


def test_every_mip_level_is_there_or_none_but_the_first() -> None:
    assert all(mip_offsets("tiled_mipmap.exr"))
    unwritten = mip_offsets("tiled_mipmap_unwritten.exr")
    assert all(unwritten[:4])
    assert not any(unwritten[4:])


@pytest.mark.parametrize("key", sorted(key for key in EXPECTED if key.startswith("cryptomatte")))
def test_cryptomattes_keep_their_rules(key: str) -> None:
    file = opened(key)
    start = next(name for name in file.header() if name.endswith("/name")).removesuffix("name")
    layer = file.header()[start + "name"]
    assert start == f"cryptomatte/{mmh3.hash(layer.encode(), signed=False):08x}"[:-1] + "/"
    assert file.header()[start + "hash"] == "MurmurHash3_32"
    assert file.header()[start + "conversion"] == "uint32_to_float32"
    manifest = json.loads(file.header()[start + "manifest"])
    for name, digits in manifest.items():
        value = mmh3.hash(name.encode(), signed=False)
        assert int(digits, 16) == (value ^ 1 << 23 if value >> 23 & 255 in {0, 255} else value)
    layers = range(3)
    ids = [file.channels()[f"{layer}0{i}.{letter}"].pixels for i in layers for letter in "rb"]
    coverage = [file.channels()[f"{layer}0{i}.{letter}"].pixels for i in layers for letter in "ga"]
    assert all(pixels.dtype == np.float32 for pixels in ids + coverage)
    assert np.all(np.diff(np.stack(coverage), axis=0) <= 0)
    assert np.allclose(sum(coverage), 1)
    used = {
        f"{value:08x}" for pixels, cover in zip(ids, coverage, strict=True) for value in pixels[cover > 0].view("u4")
    }
    assert len(used) > 1
    assert used <= set(manifest.values())


@pytest.mark.parametrize("kilobytes", [64, 126])
def test_long_manifests_are_long(kilobytes: int) -> None:
    header = opened(f"cryptomatte_manifest_{kilobytes}k.exr", header_only=True).header()
    manifest = next(value for name, value in header.items() if name.endswith("/manifest"))
    assert kilobytes * 1024 < len(manifest.encode()) < kilobytes * 1024 + 30_000


def test_samples_have_the_pixels_that_their_names_say() -> None:
    broken = opened("nan_inf.exr").channels()
    assert [int(np.isnan(broken[name].pixels).sum()) for name in "RGB"] == [4, 0, 0]
    assert [int(np.isinf(broken[name].pixels).sum()) for name in "RGB"] == [0, 1, 1]
    assert not any(channel.pixels.any() for channel in opened("black.exr").channels().values())
    chroma = opened("luminance_chroma.exr").channels()
    assert [chroma[name].pixels.shape for name in ("Y", "RY", "BY")] == [(48, 64), (24, 32), (24, 32)]


def test_metadata_is_rich() -> None:
    header = opened("metadata.exr").header()
    assert header["framesPerSecond"] == Fraction(24000, 1001)
    assert header["owner"] == "© Jürgen Müller, 東京スタジオ"
    assert header["example/custom"].typeName == "studioInfo"
    manifest = opened("id_manifest.exr").header()["idManifest"]
    assert {entry.id(): entry.text() for entry in manifest[0]} == {1: ["tree"], 2: ["house"], 3: ["lake"]}


def test_the_sequence_misses_one_frame() -> None:
    frames = [int(path.name.split(".")[1]) for path in sorted((SAMPLES / "shots/sh010").glob("beauty.*.exr"))]
    assert frames == [1001, 1002, 1004, 1005]
    codes = [int(opened(f"shots/sh010/beauty.{frame}.exr").header()["timeCode"].frame) for frame in frames]
    assert codes == [0, 1, 3, 4]
