"""`./run bench sampling [--seeds 1500]`: check what docs/statistics.md states about samples.

The values of every chunk are known for 29 frames, 24 generated and five of the corpus. For many seeds, the plan is drawn and
the mean estimated as an inspection does. It prints for each frame: chunks and strata; the smallest and largest probability of a
chunk; the p-value of a chi-square test that clusters are drawn with their stated probability (above 0.001 divided by the number
of frames, after Bonferroni); the bias of the mean in Monte Carlo standard errors (within 4); the standard deviation of the
estimate; and how often the stated 95 % interval contains the true mean: 92 to 98 % on frames without rare extremes, to within
two Monte Carlo errors.

Frames with a few bright chunks are marked `rare`: a sample that misses these chunks states an interval that is too short.
Frames with fewer than 50 different estimates are marked `few`: their coverage is one of few fractions, none of them near 95 %,
and may be 1. Of `large chunks` (four of 256 lines and a rest that is always read) two of the four are drawn, so there are six
samples; each states an interval of one degree of freedom, which contains the mean. Frames with an edge that the compressed
sizes do not show are marked `hidden`: their intervals may hold more often. The last column is the share of samples that state
an interval; of frames whose sizes have more jumps than there are requests, none does.

The exit code is 1 if a statement does not hold. Without the corpus (EXR_CORPUS) only the generated frames are measured.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from bench.header import CORPUS
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.chunks.tables import read_tables
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.pixels.estimates import Cluster, Moments, estimate
from exr_inspector.pixels.plans import ChunkExtents, locate_chunks
from exr_inspector.pixels.sampling import plan_sample, sample_bytes

REAL = {
    "ScanLines_Desk.exr": "R",
    "ScanLines_StillLife.exr": "G",
    "Tiles_GoldenGate.exr": "B",
    "MultiView_Adjuster.exr": "G",
    "Chromaticities_Rec709.exr": "R",
}
_FEW = 50  # a frame with fewer different estimates is marked `few`
_ALIKE = 0.05  # standard deviation of the compressed sizes of chunks, as a share of their mean
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Frame:
    """A file with the sum, sum of squares and count of one channel's finite values in each chunk.

    Attributes:
        name: Name in the printed table.
        extents: The chunks.
        moments: The sums of each chunk, in the order of the extents.
        max_bytes: Most bytes that a sample may read.
    """

    name: str
    extents: ChunkExtents
    moments: list[Moments]
    max_bytes: int

    @property
    def is_rare(self) -> bool:
        """Whether a few chunks have extreme values: the brightest twentieth of the values is more than a third of the sum."""
        ranked = sorted((item for item in self.moments if item.count), key=lambda item: -item.mean)
        few = sum(item.count for item in ranked) / 20
        total = sum(item.count * item.mean for item in ranked)
        top = 0.0
        for item in ranked:
            top += item.mean * min(few, item.count)
            few -= item.count
            if few <= 0:
                break
        return top > total / 3

    @property
    def is_hidden(self) -> bool:
        """Whether the chunks' means differ although their compressed sizes are alike, but for the last one."""
        sizes = (self.extents.end - self.extents.start)[:-1]
        means = np.array([item.mean for item in self.moments])
        return bool(sizes.std() < _ALIKE * sizes.mean() and means.std() > 2 * _ALIKE * abs(means.mean()))


def _moments(values: Array) -> Moments:
    finite = values[np.isfinite(values)].astype(np.float64)
    return Moments(finite.size, float(finite.mean()), float(finite.var() * finite.size)) if finite.size else Moments()


def frame(path: Path, channel: str, *, budget_share: float) -> Frame:
    """Read a flat file completely."""
    data = path.read_bytes()
    header = parse_header(data)
    layouts = [part_layout(part) for part in header.parts]
    tables = read_tables(data, header, layouts, len(data))
    found = locate_chunks(layouts, tables, [None] * len(tables), len(data), is_multi_part=header.is_multi_part)
    with OpenEXR.File(str(path), separate_channels=True) as file:
        planes = [part.channels[channel].pixels if channel in part.channels else None for part in file.parts]
    moments = [
        _chunk(layouts[part], index, planes[part])
        for part, index in zip(found.part.tolist(), found.index.tolist(), strict=True)
    ]
    return Frame(path.stem, found, moments, int(len(data) * budget_share))


def _chunk(layout: Layout, index: int, plane: Array | None) -> Moments:
    if plane is None:
        return Moments()
    window, data = layout.place(index).window, layout.data_window
    rows = slice(window.y_min - data.y_min, window.y_max - data.y_min + 1)
    return _moments(plane[rows, window.x_min - data.x_min : window.x_max - data.x_min + 1])


def made(folder: Path) -> Iterator[Frame]:
    """Generate frames that are like renders and plates."""
    rng = np.random.default_rng(7)
    height, width = 1080, 2048
    y = np.linspace(0, 1, height)[:, None]
    x = np.linspace(0, 1, width)[None, :]
    noise = rng.gamma(2.0, 0.6, (height, width))
    sky = np.where(y < 0.55, 0.3 + 0.4 * (1 - y) + 0 * x, noise)
    fireflies = noise.copy()
    fireflies[700:704, 900:910] = 60_000
    shaded = np.abs(0.5 + 0.4 * np.sin(x * 21) * np.cos(y * 13)) + rng.standard_normal((height, width)) * 0.01
    frames = {
        "sky over noise": (sky, OpenEXR.ZIP_COMPRESSION, 0.05),
        "noise": (noise, OpenEXR.ZIPS_COMPRESSION, 0.05),
        "shaded": (shaded, OpenEXR.PIZ_COMPRESSION, 0.3),
        "large chunks": (noise, OpenEXR.DWAB_COMPRESSION, 0.1),
        "a few bright pixels": (fireflies, OpenEXR.ZIP_COMPRESSION, 0.1),
    }
    for name, (values, codec, share) in frames.items():
        path = folder / f"{name}.exr"
        channels = {key: (values * (number + 1) / 3).astype(np.float16) for number, key in enumerate("RGB")}
        with OpenEXR.File({"compression": codec, "type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(path))
        yield frame(path, "R", budget_share=share)


def edged(folder: Path) -> Iterator[Frame]:
    """Generate frames with an edge between areas of different noise: a horizon below a flat sky, black bars, an element."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[-1:1:1080j, -1:1:1920j]
    element = ((x - 0.1) ** 2 / 0.5 + (y - 0.2) ** 2 / 0.3 < 1) * 1.0

    def noise(height: int = 1080, width: int = 1920) -> Array:
        return rng.gamma(2.0, 0.6, (height, width))

    def horizon(height: int, width: int, row: int) -> Callable[[], Array]:
        return lambda: np.where(np.arange(height)[:, None] < row, 0.4, noise(height, width))

    def letterbox() -> Array:
        return np.where(abs(y) > 0.76, 0, noise())

    half, single = np.float16, np.float32
    frames: dict[str, tuple[Callable[[], Array], OpenEXR.Compression, type[np.floating[Any]]]] = {
        "horizon ZIP half": (horizon(1600, 3000, 650), OpenEXR.ZIP_COMPRESSION, half),
        "low horizon ZIP half": (horizon(1600, 3000, 1231), OpenEXR.ZIP_COMPRESSION, half),
        "horizon UHD ZIP half": (horizon(2160, 3840, 1013), OpenEXR.ZIP_COMPRESSION, half),
        "horizon ZIP float": (horizon(1152, 2048, 666), OpenEXR.ZIP_COMPRESSION, single),
        "horizon PIZ half": (horizon(1152, 2048, 501), OpenEXR.PIZ_COMPRESSION, half),
        "horizon PIZ float": (horizon(1600, 3000, 777), OpenEXR.PIZ_COMPRESSION, single),
        "horizon ZIPS half": (horizon(1152, 2048, 333), OpenEXR.ZIPS_COMPRESSION, half),
        "horizon RLE float": (horizon(1152, 2048, 430), OpenEXR.RLE_COMPRESSION, single),
        "horizon PXR24 float": (horizon(1152, 2048, 801), OpenEXR.PXR24_COMPRESSION, single),
        "horizon DWAA half": (horizon(1600, 3000, 901), OpenEXR.DWAA_COMPRESSION, half),
        "horizon B44A half": (horizon(1600, 3000, 580), OpenEXR.B44A_COMPRESSION, half),
        "horizon NONE half": (horizon(1152, 2048, 501), OpenEXR.NO_COMPRESSION, half),
        "letterbox ZIP half": (letterbox, OpenEXR.ZIP_COMPRESSION, half),
        "letterbox PIZ float": (letterbox, OpenEXR.PIZ_COMPRESSION, single),
        "element ZIP half": (lambda: element * noise(), OpenEXR.ZIP_COMPRESSION, half),
        "element alpha ZIP half": (lambda: element * noise(), OpenEXR.ZIP_COMPRESSION, half),
        "element alpha PIZ float": (lambda: element * noise(), OpenEXR.PIZ_COMPRESSION, single),
        "hills ZIP half": (
            lambda: np.where(y < 0.1 + 0.15 * np.sin(3 * x), 0.4, noise()),
            OpenEXR.ZIP_COMPRESSION,
            half,
        ),
        "step of noise ZIP half": (lambda: noise() * np.where(y < -0.3, 0.7, 1.4), OpenEXR.ZIP_COMPRESSION, half),
    }
    for name, (made, codec, kind) in frames.items():
        path = folder / f"{name}.exr"
        channels = {key: made().astype(kind) for key in "RGB"}
        channels["A"] = (element if "element" in name else np.ones_like(channels["R"])).astype(kind)
        with OpenEXR.File({"compression": codec, "type": OpenEXR.scanlineimage}, channels) as file:
            file.write(str(path))
        size = path.stat().st_size
        yield frame(path, "A" if "alpha" in name else "R", budget_share=min(0.4, sample_bytes(size, 4 << 20) / size))


def real() -> Iterator[Frame]:
    """Read files of the corpus."""
    for name, channel in REAL.items():
        path = CORPUS / "openexr-images" / name
        if path.is_file():
            yield frame(path, channel, budget_share=0.25)


def chi_square_p(statistic: float, degrees: int) -> float:
    """The upper tail of the chi-square distribution (Wilson and Hilferty 1931)."""
    if not degrees:
        return 1.0
    spread = 2 / (9 * degrees)
    return 1 - NormalDist().cdf(((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def measure(item: Frame, seeds: int, *, frames: int) -> bool:
    """Print one frame's line; true if all statements hold for it."""
    whole = Moments()
    for moments in item.moments:
        whole = whole.merged(moments)
    means: list[float] = []
    held = stated = 0
    drawn: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    reached = np.zeros(len(item.extents))
    for seed in range(seeds):
        plan = plan_sample(item.extents, seed=seed, max_bytes=item.max_bytes, max_requests=8, chunk_bytes=32 << 20)
        clusters: dict[int, list[Cluster]] = defaultdict(list)
        for read in plan.reads:
            drawn[read.stratum][read.first] += 1
            reached[read.first : read.last] += 1
            values = Moments()
            for moments in item.moments[read.first : read.last]:
                values = values.merged(moments)
            clusters[read.stratum].append(Cluster(item.extents.decoded(read.first, read.last), values, read.place))
        found = estimate(clusters, dict(enumerate(plan.strata)), supports_error=True)
        if found is None:
            continue
        means.append(found.mean)
        if found.low is not None and found.high is not None:
            stated += 1
            held += found.low <= whole.mean <= found.high
    statistic, degrees = 0.0, 0
    for number, stratum in enumerate(plan.strata):
        chance = stratum.drawn / stratum.clusters
        if chance == 1:
            continue
        counts = [*drawn[number].values(), *[0] * (stratum.clusters - len(drawn[number]))]
        spread = sum((count - seeds * chance) ** 2 for count in counts) / (seeds * chance * (1 - chance))
        statistic += spread * (stratum.clusters - 1) / stratum.clusters
        degrees += stratum.clusters - 1
    p = chi_square_p(statistic, degrees)
    error = float(np.std(means)) / math.sqrt(len(means))
    bias = (float(np.mean(means)) - whole.mean) / error if error else 0.0
    share = held / stated if stated else math.nan
    is_kept = p > 0.001 / frames and abs(bias) <= 4 and reached.min() > 0
    noise = 2 * math.sqrt(0.92 * 0.08 / seeds)
    is_few = len({f"{mean:.9g}" for mean in means}) < _FEW
    most = 1 if is_few or item.is_hidden else 0.98 + noise
    is_kept &= item.is_rare or not stated or 0.92 - noise <= share <= most
    mark = "rare" if item.is_rare else "few" if is_few else "hidden" if item.is_hidden else ""
    print(
        f"{item.name:24} {len(item.extents):6} {len(plan.strata):6} {reached.min() / seeds:8.3f} {reached.max() / seeds:8.3f} "
        f"{p:8.4f} {bias:+7.2f} {np.std(means) / abs(whole.mean):8.3f} {share:9.3f} {stated / seeds:6.3f} {mark}"
        f"{'' if is_kept else ' BROKEN'}",
        flush=True,
    )
    return is_kept


def main() -> None:
    """Measure every frame, and exit with 1 if a statement does not hold."""
    parser = argparse.ArgumentParser(prog="./run bench sampling", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1500)
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as folder:
        frames = [*made(Path(folder)), *edged(Path(folder)), *real()]
    head = ("frame", "chunks", "strata", "least", "most", "p", "bias", "sd/mean", "intervals", "stated")
    print("{:24} {:>6} {:>6} {:>8} {:>8} {:>8} {:>7} {:>8} {:>9} {:>6}".format(*head))
    kept = [measure(item, seeds, frames=len(frames)) for item in frames]
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
