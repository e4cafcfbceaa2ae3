"""Statistics of real files equal those of `oiiotool --stats` and of numpy on the OpenEXR module's pixels; damaged files."""

import os
import re
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest

from exr_inspector.errors import FormatError
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import ChannelStats, PixelReport, StatsMode
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig, PixelFile, read_pixels
from exr_inspector.storage import SourceOpener
from tests.support.located import located

CORPUS = Path(os.environ.get("EXR_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
FOLDERS = ("openexr-images", "openexr", "cryptomatte")
READABLE = sorted(path for folder in FOLDERS for path in (CORPUS / folder).glob("*.exr"))
DAMAGED = sorted((CORPUS / "damaged").glob("*"))
pytestmark = pytest.mark.skipif(not READABLE, reason=f"no corpus in {CORPUS}: set EXR_CORPUS")
# OpenImageIO reads UINT as a share of the largest integer.
UINT_SCALE = 1 / (2**32 - 1)


def report(
    data: bytes, opener: SourceOpener, budget: DecodeBudget, config: PixelConfig | None = None
) -> tuple[PixelReport, list[Layout]]:
    found = located(data)
    source = opener.open_bytes(data)
    file = PixelFile(source, found.header, found.layouts, found.tables, found.states, found.size, budget)
    return read_pixels(file, mode=StatsMode.FULL, config=config), found.layouts


def truth_of(path: Path) -> dict[str, list[float]] | None:
    """The numbers that oiiotool printed, by name; None if it could not read the file."""
    text = (CORPUS / "truth" / path.parent.name / f"{path.name}.stats.txt").read_text(encoding="utf-8")
    if not text.rstrip().endswith("# rc=0"):
        return None
    lines = re.findall(r"^ +Stats (\w+): ([^(\n]*)", text, re.MULTILINE)
    return {name: [float(number) for number in numbers.split()] for name, numbers in lines}


def opened(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        parse_header(data)
    except FormatError as error:
        pytest.skip(f"its header is damaged: {error.code}")
    return data


def close(found: float, printed: float, spread: float) -> bool:
    # Six decimals are printed; sums of values of both signs lose digits to the largest ones.
    return abs(found - printed) <= 6e-7 + 1e-6 * abs(printed) + 1e-12 * spread


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)
def test_full_figures_are_those_of_oiiotool(path: Path, opener: SourceOpener, budget: DecodeBudget) -> None:
    data, truth = opened(path), truth_of(path)
    if truth is None or not truth:
        pytest.skip("oiiotool reads no statistics of it")
    found, layouts = report(data, opener, budget)
    scale = {one.name: UINT_SCALE if one.pixel_type == PixelType.UINT else 1.0 for one in layouts[0].channels}
    channels = [one for one in found.channels if one.part == 0]
    assert all(one.exact for one in channels)
    # Channels have another order there, so each must match one channel in all figures.
    rows = list(
        zip(
            *(truth[name] for name in ("Min", "Max", "Avg", "StdDev", "NanCount", "InfCount", "FiniteCount")),
            strict=True,
        )
    )
    assert len(rows) == len(channels)
    for one in channels:
        factor = scale[one.channel]
        spread = max(abs(one.minimum or 0), abs(one.maximum or 0)) * factor
        figures = [(value or 0.0) * factor for value in (one.minimum, one.maximum, one.mean, one.stddev)]
        counts = (one.nan_count, one.inf_count, one.finite_count)
        partner = next(
            (
                row
                for row in rows
                if row[4:] == counts and all(close(f, p, spread) for f, p in zip(figures, row[:4], strict=True))
            ),
            None,
        )
        assert partner is not None, (one.channel, figures, counts, rows)
        rows.remove(partner)


def figures_of(values: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    wide = values.astype(np.float64).reshape(-1)
    finite = wide[np.isfinite(wide)]
    return wide.size, finite.size, np.count_nonzero(finite == 0), finite


def check_figures(found: ChannelStats, pixels: np.ndarray[Any, Any], *, is_deep: bool) -> None:
    """Compare the statistics of a channel with those of numpy on the pixels of the OpenEXR module."""
    values = np.concatenate([pixel for pixel in pixels.reshape(-1) if pixel is not None]) if is_deep else pixels
    samples, finite_count, zeros, finite = figures_of(values)
    assert (found.samples, found.finite_count, found.zero_count) == (samples, finite_count, zeros)
    if finite_count:
        assert (found.minimum, found.maximum) == (finite.min(), finite.max())
        largest = float(np.abs(finite).max())
        assert found.mean == pytest.approx(float(finite.mean()), rel=1e-9, abs=1e-12 * largest)
        assert found.stddev == pytest.approx(float(finite.std()), rel=1e-6, abs=1e-9 * largest)


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)
def test_full_figures_are_those_of_the_openexr_module(path: Path, opener: SourceOpener, budget: DecodeBudget) -> None:
    """Decode every part strip by strip, subsampled and deep ones included; parts that are read completely have a hash."""
    config = PixelConfig(hash_pixels=True, hash_file=True, read_bytes=100_000, strip_bytes=60_000)
    found, layouts = report(opened(path), opener, budget, config)
    for part in found.parts:
        assert (part.pixel_hash is None) == (part.chunks_read < part.chunks_total)
    try:
        whole = OpenEXR.File(str(path), separate_channels=True, num_threads=0)
    except RuntimeError as error:
        pytest.skip(f"the OpenEXR module does not read it: {error}")
    if len(whole.parts) < len(layouts) or found.faults:
        pytest.skip("the OpenEXR module does not read all of it")
    for decoded, layout in zip(whole.parts, layouts, strict=True):
        for one in (channel for channel in found.channels if channel.part == decoded.part_index):
            if one.exact:
                check_figures(one, decoded.channels[one.channel].pixels, is_deep=layout.is_deep)


def test_three_compressions_of_one_image_have_one_pixel_hash(opener: SourceOpener, budget: DecodeBudget) -> None:
    config = PixelConfig(hash_pixels=True, hash_file=True)
    reports = [
        report((CORPUS / "openexr" / f"comp_{name}.exr").read_bytes(), opener, budget, config)[0]
        for name in ("none", "piz", "zip")
    ]
    assert len({one.parts[0].pixel_hash for one in reports} - {None}) == 1
    assert len({one.file_hash for one in reports}) == 3


@pytest.mark.parametrize("path", DAMAGED, ids=lambda path: path.name[-40:])
def test_damaged_files_cost_little_and_raise_nothing_else(
    path: Path, opener: SourceOpener, budget: DecodeBudget
) -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        found, _ = report(path.read_bytes(), opener, budget, PixelConfig(all_levels=True))
    except FormatError:
        return  # damaged before the pixels
    assert {fault.code for fault in found.faults} <= {"EXR_DECODE", "LIMIT_EXCEEDED"}
    assert budget.decoded.used == budget.packed.used == 0
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 << 10  # kilobytes
