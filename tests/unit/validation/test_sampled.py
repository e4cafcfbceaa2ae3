"""Findings from a sample say so, and what a sample cannot prove is not reported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import Finding, Severity, StatsMode
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.validation import validate_file
from tests.support.exrbytes import FLOAT, MIPMAP, ZIP, Channel, Part, Tiles, build
from tests.support.exrbytes_part import Chunk
from tests.unit.validation.judging import EVERYTHING, opener


def sampled_parts(parts: list[Part], *, cut: int = 0, **budget: int) -> list[Finding]:
    """The findings on a sample of a file, of which the last `cut` bytes are missing."""
    config = InspectorConfig(stats=StatsMode.SAMPLED, pixels=PixelConfig(**budget))
    data = build(parts)
    inspection = Inspector(config).inspect(opener().open_bytes(data[: len(data) - cut]), EVERYTHING)
    return list(validate_file(inspection, EVERYTHING))


def sampled(pixels: np.ndarray, *, cut: int = 0, **budget: int) -> dict[str, Finding]:
    height, width = pixels.shape
    part = Part(
        data_window=(0, 0, width - 1, height - 1),
        channels=(Channel("R", FLOAT),),
        compression=ZIP,
        pixels={"R": pixels.astype(np.float32)},
    )
    return {finding.code: finding for finding in sampled_parts([part], cut=cut, **budget)}


def test_counts_of_a_sample_are_at_least_so_many() -> None:
    found = sampled(np.full((640, 32), np.nan), max_sample_bytes=10_000, max_sample_requests=4)["PIX-NAN"]
    assert "at least" in found.message
    assert "of 40 chunks" in found.message
    whole = sampled(np.full((640, 32), np.nan))["PIX-NAN"]
    assert "at least" not in whole.message


def test_a_black_or_constant_sample_is_no_finding() -> None:
    for value in (0.0, 0.5):
        pixels = np.full((640, 32), value)
        assert not {"PIX-BLACK", "PIX-CONSTANT"} & set(sampled(pixels, max_sample_bytes=10_000, max_sample_requests=4))
        assert ("PIX-CONSTANT" if value else "PIX-BLACK") in sampled(pixels)


def test_counts_and_extremes_of_a_sample_say_how_many_chunks_were_read() -> None:
    values = {
        "R": -0.5,
        "G": 5000.0,
        "B": -0.5,
        "A": 1.5,
        "Z": -0.5,
        "flow.X": 1e10,
        "N.X": 2.0,
        "N.Y": 0.0,
        "N.Z": 0.0,
    }
    noise = np.random.default_rng(5).random((640, 32)).astype(np.float32)
    part = Part(
        data_window=(0, 0, 31, 639),
        channels=tuple(Channel(name, FLOAT) for name in sorted(values)),
        compression=ZIP,
        pixels={name: np.where(noise < 0.9, np.float32(value), noise) for name, value in values.items()},
    )
    codes = ("ALPHA-RANGE", "DEPTH-SIGN", "FIREFLY", "MOTION-UNKNOWN", "NEGATIVE", "NORMAL-LENGTH")
    found = {each.code: each.message for each in sampled_parts([part], max_sample_bytes=200_000, max_sample_requests=4)}
    whole = {each.code: each.message for each in sampled_parts([part])}
    for code in codes:
        assert "at least " in found[f"PIX-{code}"]
        assert " of 40 chunks" in found[f"PIX-{code}"]
        assert "at least " not in whole.get(f"PIX-{code}", "")
        assert " chunks" not in whole.get(f"PIX-{code}", "")
    assert len(whole.keys() & {f"PIX-{code}" for code in codes}) == len(codes) - 1, (
        "so many are no single bright pixels"
    )


def test_counts_of_sampled_deep_parts_say_how_many_chunks_were_read() -> None:
    counts = np.full((64, 32), 3)
    values = {"A": 0.5, "Z": -1.0, "ZBack": -2.0}
    part = Part(
        "deepscanline",
        data_window=(0, 0, 31, 63),
        channels=tuple(Channel(name, FLOAT) for name in values),
        counts=counts,
        pixels={name: np.full(counts.sum(), value, np.float32) for name, value in values.items()},
    )
    budget = {"max_sample_bytes": 9_000, "max_sample_requests": 4}
    found = [each.message for each in sampled_parts([part], **budget) if each.code == "DEEP-ZBACK"]
    assert len(found) == 3
    assert all("at least " in message and " of 64 chunks" in message for message in found)


def test_parts_of_which_no_pixel_was_read_are_one_finding() -> None:
    found = sampled(np.ones((64, 64)), max_sample_bytes=1000, sample_chunk_bytes=1000)["PIX-UNREAD"]
    assert "0 of 4 chunks" in found.message
    assert found.severity is Severity.WARNING
    assert "PIX-UNREAD" not in sampled(np.ones((64, 64)), max_sample_bytes=1000)


def test_parts_beyond_the_budget_of_a_sample_are_named_once_and_no_warning() -> None:
    parts = [Part(name=f"layer{number}", data_window=(0, 0, 63, 63)) for number in range(5)]
    (found,) = (
        each for each in sampled_parts(parts, max_sample_bytes=9000, max_sample_requests=3) if "UNREAD" in each.code
    )
    assert found.severity is Severity.INFO
    assert found.message.startswith("3 of 5 parts were read")
    assert found.message.count("layer") == 2


def test_bad_values_of_upper_levels_are_found_where_the_first_has_none() -> None:
    def with_nan(level: int, chunk: Chunk) -> Chunk:
        return replace(chunk, payload=b"\0\0\xc0\x7f" + chunk.payload[4:]) if chunk.coordinates[2] == level else chunk

    config = InspectorConfig(stats=StatsMode.FULL, pixels=PixelConfig(all_levels=True))
    for level, where in ((0, "R holds 1 NaN"), (2, "Level 2,2: R holds 1 NaN")):
        part = Part(
            kind="tiledimage",
            data_window=(0, 0, 7, 7),
            tiles=Tiles(8, 8, MIPMAP),
            channels=(Channel("R", FLOAT),),
            edit_chunk=lambda _, chunk, level=level: with_nan(level, chunk),
        )
        inspection = Inspector(config).inspect(opener().open_bytes(build([part])), EVERYTHING)
        found = {each.code: each for each in validate_file(inspection, EVERYTHING)}["PIX-NAN"]
        assert found.message.startswith(where)


def test_upper_levels_that_were_not_filled_are_reported() -> None:
    config = InspectorConfig(stats=StatsMode.FULL, pixels=PixelConfig(all_levels=True))
    for first_empty, is_reported in ((1, True), (3, False)):  # level 3 has too few pixels to judge

        def emptied(_: int, chunk: Chunk, first_empty: int = first_empty) -> Chunk:
            is_empty = chunk.coordinates[2] >= first_empty
            return replace(chunk, payload=bytes(len(chunk.payload))) if is_empty else chunk

        whole = Part("tiledimage", data_window=(0, 0, 31, 31), tiles=Tiles(16, 16, MIPMAP))
        parts = [replace(whole, name="a"), replace(whole, name="b", edit_chunk=emptied)]
        inspection = Inspector(config).inspect(opener().open_bytes(build(parts)), EVERYTHING)
        found = [each.part for each in validate_file(inspection, EVERYTHING) if each.code == "PIX-BLACK"]
        assert found == [1] * is_reported


def test_chunks_that_are_not_there_are_not_called_too_large_for_a_sample() -> None:
    found = sampled(np.random.default_rng(1).random((16, 64)), cut=2_000)
    assert "CHK-PAST-EOF" in found
    assert "PIX-UNREAD" not in found
